"""Closed-form linear item models: EASE and its sequential relative."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg, sparse
from scipy.linalg import lapack

from apps.recommend.models.interactions import Interactions, Matrix
from apps.recommend.models.ranker import ItemToItem


@dataclass(frozen=True)
class Ease:
    """Steck (2019), "Embarrassingly shallow autoencoders for sparse data".

    `half_life` weights the history by recency when scoring; None is the published model.
    """

    regularisation: float = 300.0
    half_life: float | None = None

    def fit(self, interactions: Interactions) -> ItemToItem:
        """Invert the regularised Gram matrix, (n_items, n_items) dense."""
        matrix = interactions.matrix()
        gram = (matrix.T @ matrix).toarray()
        gram[np.diag_indices_from(gram)] += np.float32(self.regularisation)
        precision = _inverse(gram)
        weights = -precision / np.diag(precision)
        np.fill_diagonal(weights, 0.0)
        return ItemToItem(weights.astype(np.float32), half_life=self.half_life)


@dataclass(frozen=True)
class NextItemLinear:
    """Ridge regression from the recency-weighted past to the near future of every position.

    After SLIT of Choe et al. (2021), "Session-aware linear item-item models for session-based
    recommendation". `past` and `future` are half lives in events.
    """

    regularisation: float = 300.0
    past: float = 8.0
    future: float = 1.0

    def fit(self, interactions: Interactions) -> ItemToItem:
        """Solve the normal equations, (n_items, n_items) dense."""
        past, future = _past_and_future(interactions, past=self.past, future=self.future)
        gram = (past.T @ past).toarray()
        gram[np.diag_indices_from(gram)] += np.float32(self.regularisation)
        target = (past.T @ future).toarray()
        factor = linalg.cho_factor(gram, overwrite_a=True, check_finite=False)
        weights = linalg.cho_solve(factor, target, overwrite_b=True, check_finite=False)
        return ItemToItem(
            np.asarray(weights, dtype=np.float32), half_life=self.past, last=int(6 * self.past) + 1
        )


def _inverse(symmetric: NDArray[np.float32]) -> NDArray[np.float32]:
    """Inverse of a positive definite matrix through Cholesky, half the work of a general one."""
    lower, _ = lapack.spotrf(symmetric, lower=1, overwrite_a=1)
    inverse, _ = lapack.spotri(lower, lower=1, overwrite_c=1)
    half = np.tril(inverse)
    return np.asarray(half + np.tril(half, -1).T, dtype=np.float32)


def _past_and_future(
    interactions: Interactions, *, past: float, future: float
) -> tuple[Matrix, Matrix]:
    """One row for every position that has a past and a future in the same history."""
    n = len(interactions)
    shape = (n, interactions.n_items)
    users, items = interactions.users, interactions.items
    positions = np.arange(n)

    def window(half_life: float, *, ahead: bool) -> Matrix:
        rows, columns, values = [], [], []
        # Row p splits its history between event p - 1 (past) and event p (future).
        for step in range(int(6 * half_life) + 1):
            source = positions + step if ahead else positions - 1 - step
            ok = (source >= 0) & (source < n)
            ok[ok] &= users[source[ok]] == users[positions[ok]]
            rows.append(positions[ok])
            columns.append(items[source[ok]])
            values.append(np.full(int(ok.sum()), 0.5 ** (step / half_life), dtype=np.float32))
        flat = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
        return sparse.csr_matrix(flat, shape=shape)

    return window(past, ahead=False), window(future, ahead=True)
