"""What every ranking model can do: be fitted on a log and score items for histories."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommend.models.interactions import Histories, Interactions

Scores = NDArray[np.float32]


class Scorer(Protocol):
    """A fitted model."""

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items), higher is better, for users known only by their histories."""
        ...


class Ranker(Protocol):
    """The settings of a model that can be fitted."""

    def fit(self, interactions: Interactions) -> Scorer:
        """Learn from the log."""
        ...


@dataclass(frozen=True)
class ItemToItem:
    """Scores as a sum over the history: recency weight of the item times its row of `matrix`.

    `matrix` is (n_items, n_items), dense or sparse; `half_life` counts events back.
    """

    matrix: NDArray[np.float32] | sparse.csr_matrix
    half_life: float | None = None
    last: int | None = None

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items)."""
        weights = histories.recency(
            half_life=self.half_life, last=self.last, n_items=self.matrix.shape[0]
        )
        product = weights @ self.matrix
        dense = product.toarray() if sparse.issparse(product) else product
        return np.asarray(dense, dtype=np.float32)
