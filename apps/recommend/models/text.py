"""Item text: how near an item's text vector is to those of the history."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommend.models.interactions import Histories, Interactions, Matrix
from apps.recommend.models.ranker import Scores


@dataclass(frozen=True, eq=False)
class ItemText:
    """`vectors` (n_items, d) are unit vectors, zero for items without a text."""

    vectors: NDArray[np.float32]
    half_life: float = 5.0

    def fit(self, interactions: Interactions) -> "ItemTextScorer":
        """Nothing is learned from the log."""
        return ItemTextScorer(self.vectors, self.half_life)


@dataclass(frozen=True, eq=False)
class ItemTextScorer:
    """The recency-weighted sum of cosines to the items of the history."""

    vectors: NDArray[np.float32]
    half_life: float

    @property
    def last(self) -> int:
        """Events of the history that are looked at."""
        return int(8 * self.half_life) + 1

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items)."""
        taken = histories.recency(
            half_life=self.half_life, last=self.last, n_items=len(self.vectors)
        )
        return np.asarray((taken @ self.vectors) @ self.vectors.T, dtype=np.float32)


def adopted(
    vectors: NDArray[np.float32], known: NDArray[np.float32], *, neighbours: int = 10
) -> Matrix:
    """New items as mixtures of the known ones whose texts are nearest, (new, known) sparse.

    Weights are a softmax over the cosines in units of half their deviation. Rows sum to one; a new
    item without a text gets an empty row.
    """
    keep = min(neighbours, len(known))
    if not keep or not len(vectors):
        return sparse.csr_matrix(np.zeros((len(vectors), len(known)), dtype=np.float32))
    cosines = vectors @ known.T
    spread = np.maximum(cosines.std(axis=1, keepdims=True), 1e-6)
    nearest = np.argpartition(-cosines, keep - 1, axis=1)[:, :keep]
    found = np.take_along_axis(cosines, nearest, axis=1)
    weights = np.exp(2.0 * (found - found.max(axis=1, keepdims=True)) / spread)
    weights *= (vectors != 0).any(axis=1)[:, None] & (found > 0)
    totals = weights.sum(axis=1, keepdims=True)
    shares = np.divide(weights, totals, out=np.zeros_like(weights), where=totals > 0)
    rows = np.repeat(np.arange(len(vectors)), keep)
    shape = (len(vectors), len(known))
    return sparse.csr_matrix((shares.ravel(), (rows, nearest.ravel())), shape=shape)
