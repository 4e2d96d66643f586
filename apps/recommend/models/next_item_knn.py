"""Next-item kNN: what followed an item in the same history, weighted by how soon.

After the sequential rules of Ludewig and Jannach (2018), "Evaluation of session-based
recommendation algorithms", with a recency-weighted history instead of the last item alone.
"""

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from apps.recommend.models.interactions import Interactions, Matrix
from apps.recommend.models.ranker import ItemToItem


@dataclass(frozen=True)
class NextItemKnn:
    """Directed co-occurrence; with `both_ways` also what came shortly before.

    A pair that stands `d` events apart counts `0.5 ** ((d - 1) / spread)`. Columns are divided by
    their mass to the power `popularity_damping`, rows to the power one half.
    """

    spread: float = 5.0
    half_life: float = 3.0
    popularity_damping: float = 0.5
    both_ways: bool = False

    def fit(self, interactions: Interactions) -> ItemToItem:
        """Count the pairs and normalise."""
        counts = followers(interactions, spread=self.spread)
        before = np.asarray(counts.sum(axis=1)).ravel() + 1.0
        after = np.asarray(counts.sum(axis=0)).ravel() + 1.0
        if self.both_ways:
            counts = (counts + counts.T).tocsr()
        rows = sparse.diags(before**-0.5)
        columns = sparse.diags(after**-self.popularity_damping)
        matrix = sparse.csr_matrix(rows @ counts @ columns, dtype=np.float32)
        return ItemToItem(matrix, half_life=self.half_life, last=int(8 * self.half_life) + 1)


def followers(interactions: Interactions, *, spread: float) -> Matrix:
    """How much item `j` (column) followed item `i` (row) in the same history."""
    shape = (interactions.n_items, interactions.n_items)
    total = sparse.csr_matrix(shape, dtype=np.float64)
    items, users = interactions.items, interactions.users
    for distance in range(1, int(4 * spread) + 2):
        same = users[distance:] == users[:-distance]
        if not same.any():
            break
        left, right = items[:-distance][same], items[distance:][same]
        values = np.full(len(left), 0.5 ** ((distance - 1) / spread))
        total = total + sparse.csr_matrix((values, (left, right)), shape=shape)
    total.setdiag(0)
    total.eliminate_zeros()
    return total
