"""Pairs of texts that belong together because the same people watched them close to each other."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommend.models.interactions import Interactions, Matrix
from apps.recommend.models.item_knn import nearest
from apps.recommend.models.next_item_knn import NextItemKnn
from core.models.text_model import TextModel

TRUTH = 5
NEAR = NextItemKnn(spread=3.0, both_ways=True)


@dataclass(frozen=True, eq=False)
class CoWatched:
    """Item columns by what is watched near them: `train` pairs, and held-out items with truth.

    No held-out item is in a training pair. `truth` is (held_out, TRUTH) item columns.
    """

    train: NDArray[np.int64]
    held_out: NDArray[np.int64]
    truth: NDArray[np.int64]


def co_watched(
    log: Interactions, *, neighbours: int, held_out_share: float, seed: int
) -> CoWatched:
    """The `neighbours` items watched nearest to each item, without those held out."""
    near = nearest(sparse.csr_matrix(NEAR.fit(log).matrix), keep=max(neighbours, TRUTH))
    rng = np.random.default_rng(seed)
    count = max(1, int(held_out_share * log.n_items))
    full = np.flatnonzero(np.diff(near.indptr) >= TRUTH)
    held_out = np.sort(rng.permutation(full)[:count])
    order = {int(item): _best(near, int(item)) for item in range(log.n_items)}
    left = np.ones(log.n_items, dtype=bool)
    left[held_out] = False
    pairs = {
        (min(item, other), max(item, other))
        for item, others in order.items()
        for other in others[:neighbours].tolist()
        if left[item] and left[other]
    }
    return CoWatched(
        train=np.array(sorted(pairs), dtype=np.int64).reshape(-1, 2),
        held_out=held_out,
        truth=np.array([order[int(item)][:TRUTH] for item in held_out]).reshape(-1, TRUTH),
    )


def _best(near: Matrix, item: int) -> NDArray[np.int64]:
    begin, end = near.indptr[item], near.indptr[item + 1]
    order = np.argsort(-near.data[begin:end], kind="stable")
    return np.asarray(near.indices[begin:end][order], dtype=np.int64)


def retrieval_metrics(model: TextModel, texts: Sequence[str], found: CoWatched) -> dict[str, float]:
    """How well the vectors of held-out texts find what is watched near them, among all texts."""
    vectors = model.encode(list(texts))
    cosines = vectors[found.held_out] @ vectors.T
    cosines[np.arange(len(found.held_out)), found.held_out] = -2.0
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :10]
    hits = np.array(
        [np.isin(line, truth) for line, truth in zip(order, found.truth, strict=True)]
    ).reshape(-1, order.shape[1])
    discounts = 1.0 / np.log2(np.arange(2, 2 + hits.shape[1]))
    ideal = discounts[:TRUTH].sum()
    return {
        "ndcg_at_10": float((hits * discounts).sum(axis=1).mean() / ideal),
        "recall_at_10": float(hits.sum(axis=1).mean() / TRUTH),
    }
