"""Full-ranking metrics: every candidate that the user has not seen is ranked, none is sampled."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommend.evaluation.splits import Fold
from apps.recommend.models.interactions import Floats, Histories, Ints
from apps.recommend.models.ranker import Scorer

BATCH = 512
RESAMPLES = 2000


@dataclass(frozen=True)
class Ranking:
    """The first `k` items of each user, best first, and what they are worth to the user."""

    lists: Sequence[Ints]
    hr: Floats
    ndcg: Floats
    mrr: Floats


def rank(scorer: Scorer, fold: Fold, *, k: int, seed: int) -> Ranking:
    """Rank all unseen candidates for every history of the fold; ties fall at random."""
    lists: list[Ints] = []
    total = len(fold.histories)
    for start in range(0, total, BATCH):
        part = rows_of(fold.histories, start, min(start + BATCH, total))
        scores = scorer.scores(part).astype(np.float64)
        scores[:, ~fold.candidates] = -np.inf
        scores[part.rows, part.items] = -np.inf
        for row, line in enumerate(scores):
            lists.append(best(line, k=k, seed=(seed, start + row)))
    measured = [_measure(*pair, k=k) for pair in zip(lists, fold.relevant, strict=True)]
    values = np.asarray(measured, dtype=np.float64).reshape(-1, 3)
    return Ranking(lists=lists, hr=values[:, 0], ndcg=values[:, 1], mrr=values[:, 2])


def best(scores: Floats, *, k: int, seed: tuple[int, ...]) -> Ints:
    """The `k` best item rows, best first; equal scores in random order, -inf never."""
    possible = np.flatnonzero(scores > -np.inf)
    if len(possible) > k:
        threshold = np.partition(scores[possible], -k)[-k]
        possible = possible[scores[possible] >= threshold]
    noise = np.random.default_rng(seed).random(len(possible))
    return possible[np.lexsort((noise, -scores[possible]))][:k]


def rows_of(histories: Histories, start: int, end: int) -> Histories:
    """The histories `start` to `end`."""
    first, last = histories.offsets[start], histories.offsets[end]
    return Histories(
        offsets=histories.offsets[start : end + 1] - first,
        items=histories.items[first:last],
        times=histories.times[first:last],
        weights=histories.weights[first:last],
        now=histories.now[start:end],
    )


def coverage(ranking: Ranking, *, candidates: NDArray[np.bool_]) -> float:
    """The share of the candidates that somebody is shown."""
    shown = np.unique(np.concatenate(ranking.lists)) if ranking.lists else np.array([])
    return len(shown) / max(1, int(candidates.sum()))


def novelty(ranking: Ranking, *, fold: Fold) -> float:
    """Mean self-information of what is shown, in bits: -log2 of the share of users who took it."""
    counts = np.bincount(fold.train.items, minlength=fold.train.n_items)
    users = max(1, len(np.unique(fold.train.users)))
    shown = np.concatenate(ranking.lists) if ranking.lists else np.array([], dtype=np.int64)
    if not len(shown):
        return 0.0
    return float(-np.log2(np.maximum(counts[shown], 0.5) / users).mean())


def difference_interval(ours: Floats, theirs: Floats, *, seed: int) -> tuple[float, float]:
    """95 % interval of the mean difference, from a paired bootstrap over the users."""
    rng = np.random.default_rng(seed)
    difference = ours - theirs
    draws = rng.integers(0, len(difference), size=(RESAMPLES, len(difference)))
    low, high = np.quantile(difference[draws].mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def _measure(shown: Ints, relevant: Ints, *, k: int) -> tuple[float, float, float]:
    gains = np.isin(shown, relevant)
    if not gains.any():
        return 0.0, 0.0, 0.0
    discounts = 1.0 / np.log2(np.arange(2, k + 2))
    ideal = discounts[: min(k, len(relevant))].sum()
    first = int(np.argmax(gains))
    return 1.0, float(discounts[: len(gains)][gains].sum() / ideal), 1.0 / (first + 1)
