"""Item kNN: cosine similarity of the user columns of two items (Sarwar et al. 2001)."""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from apps.recommend.models.interactions import Interactions, Matrix
from apps.recommend.models.ranker import ItemToItem


@dataclass(frozen=True)
class ItemKnn:
    """Keeps the `neighbours` most similar items of each item; `shrink` damps rare pairs."""

    neighbours: int = 100
    shrink: float = 10.0
    half_life: float | None = None

    def fit(self, interactions: Interactions) -> ItemToItem:
        """Cosine of the co-occurrence counts."""
        matrix = interactions.matrix()
        counts = (matrix.T @ matrix).tocoo()
        norms = np.sqrt(np.asarray(matrix.sum(axis=0)).ravel())
        damped = norms[counts.row] * norms[counts.col] + self.shrink
        keep = counts.row != counts.col
        similarity = sparse.csr_matrix(
            ((counts.data / damped)[keep], (counts.row[keep], counts.col[keep])),
            shape=counts.shape,
            dtype=np.float32,
        )
        return ItemToItem(nearest(similarity, keep=self.neighbours), half_life=self.half_life)


def nearest(similarity: Matrix, *, keep: int) -> Matrix:
    """Only the `keep` largest entries of each row."""
    lengths = np.diff(similarity.indptr)
    rows = np.repeat(np.arange(similarity.shape[0]), lengths)
    order = np.lexsort((-similarity.data, rows))
    ranks = np.arange(len(order)) - similarity.indptr[:-1][rows[order]]
    chosen = np.sort(order[ranks < keep])
    shape = similarity.shape
    return sparse.csr_matrix(
        (similarity.data[chosen], (rows[chosen], similarity.indices[chosen])), shape=shape
    )
