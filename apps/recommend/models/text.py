"""Item text: cosine similarity of the items' text vectors."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommend.models.interactions import Interactions, Matrix
from apps.recommend.models.ranker import ItemToItem

BLOCK = 1024


@dataclass(frozen=True, eq=False)
class ItemText:
    """`vectors` (n_items, d) are unit vectors, zero for items without a text."""

    vectors: NDArray[np.float32]
    neighbours: int = 50
    half_life: float | None = 5.0

    def fit(self, interactions: Interactions) -> ItemToItem:
        """Nothing is learned from the log."""
        similar = text_neighbours(self.vectors, keep=min(self.neighbours, interactions.n_items))
        return ItemToItem(similar, half_life=self.half_life, last=50)


def text_neighbours(vectors: NDArray[np.float32], *, keep: int) -> Matrix:
    """The `keep` nearest other items of each item with their cosine, (n_items, n_items) sparse."""
    n = len(vectors)
    rows, columns, values = [], [], []
    for start in range(0, n, BLOCK):
        cosines = vectors[start : start + BLOCK] @ vectors.T
        here = np.arange(len(cosines))
        cosines[here, start + here] = -1.0
        nearest = np.argpartition(-cosines, min(keep, n - 1) - 1, axis=1)[:, :keep]
        rows.append(np.repeat(start + here, nearest.shape[1]))
        columns.append(nearest.ravel())
        values.append(np.take_along_axis(cosines, nearest, axis=1).ravel())
    flat = np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))
    matrix = sparse.csr_matrix(flat, shape=(n, n), dtype=np.float32)
    matrix.data[matrix.data < 0] = 0.0
    matrix.eliminate_zeros()
    return matrix
