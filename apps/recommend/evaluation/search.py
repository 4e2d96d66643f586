"""Choose settings and blend weights, on validation events only and within a time limit."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apps.recommend.evaluation.metrics import rank, rows_of
from apps.recommend.evaluation.splits import Fold
from apps.recommend.models.blend import scale_of
from apps.recommend.models.interactions import Floats, Ints
from apps.recommend.models.ranker import Ranker, Scorer, Scores

STEPS = (0.0, 0.1, 0.2, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0)
ROUNDS = 3
GAIN = 1e-4
MAX_USERS = 2000


@dataclass(frozen=True)
class Choice:
    """The settings that did best on validation, their NDCG there and how many were tried."""

    ranker: Ranker
    scorer: Scorer
    ndcg: float
    tried: int


def choose(grid: Sequence[Ranker], fold: Fold, *, k: int, seed: int, deadline: float) -> Choice:
    """The best of the grid; once `deadline` (monotonic seconds) is over no further one is tried."""
    chosen: Choice | None = None
    tried = 0
    for ranker in grid:
        scorer = ranker.fit(fold.train)
        ndcg = float(rank(scorer, fold, k=k, seed=seed).ndcg.mean())
        tried += 1
        if chosen is None or ndcg > chosen.ndcg:
            chosen = Choice(ranker=ranker, scorer=scorer, ndcg=ndcg, tried=tried)
        if time.monotonic() > deadline:
            break
    if chosen is None:
        raise ValueError("an empty grid")
    return replace(chosen, tried=tried)


def blend_weights(
    parts: Mapping[str, Scorer], fold: Fold, *, k: int, deadline: float
) -> tuple[dict[str, float], float]:
    """Coordinate ascent of the validation NDCG from the best single part; also what it reached."""
    question = _question(fold)
    scores = {
        name: part.scores(question.fold.histories) / np.float32(scale_of(part, fold.train))
        for name, part in parts.items()
    }
    alone = {name: _ndcg(part, question, k=k) for name, part in scores.items()}
    order = sorted(scores, key=lambda name: -alone[name])
    weights = {name: float(name == order[0]) for name in order}
    total, reached = scores[order[0]], alone[order[0]]
    for _ in range(ROUNDS):
        before = reached
        for name in order:
            others = total - np.float32(weights[name]) * scores[name]
            tries = {
                step: _ndcg(others + np.float32(step) * scores[name], question, k=k)
                for step in STEPS
                if step != weights[name]
            }
            step = max(tries, key=lambda step: tries[step])
            if tries[step] > reached + GAIN:
                reached, weights[name] = tries[step], step
                total = others + np.float32(step) * scores[name]
            if time.monotonic() > deadline:
                return weights, reached
        if reached == before:
            break
    return weights, reached


@dataclass(frozen=True)
class _Question:
    """The fold cut to `MAX_USERS`, with the (row, item) pairs to find and what may not be shown."""

    fold: Fold
    rows: Ints
    items: Ints
    blocked: NDArray[np.bool_]
    ideal: Floats


def _question(fold: Fold) -> _Question:
    count = min(MAX_USERS, len(fold.histories))
    cut = replace(fold, histories=rows_of(fold.histories, 0, count), relevant=fold.relevant[:count])
    lengths = np.array([len(items) for items in cut.relevant], dtype=np.int64)
    rows = np.repeat(np.arange(count), lengths)
    items = np.concatenate([*cut.relevant, np.array([], dtype=np.int64)])
    blocked = np.tile(~fold.candidates, (count, 1))
    blocked[cut.histories.rows, cut.histories.items] = True
    known = ~blocked[rows, items]
    return _Question(
        fold=cut, rows=rows[known], items=items[known], blocked=blocked, ideal=lengths.astype(float)
    )


def _ndcg(scores: Scores, question: _Question, *, k: int) -> float:
    """NDCG at `k` with a tie counted as half lost, vectorised over all pairs."""
    open_scores = np.where(question.blocked, -np.inf, scores)
    wanted = open_scores[question.rows, question.items][:, None]
    lines = open_scores[question.rows]
    ranks = (lines > wanted).sum(axis=1) + ((lines == wanted).sum(axis=1) - 1) / 2
    gains = np.where(ranks < k, 1.0 / np.log2(ranks + 2.0), 0.0)
    discounts = np.concatenate(([0.0], np.cumsum(1.0 / np.log2(np.arange(2, k + 2)))))
    ideal = discounts[np.minimum(question.ideal, k).astype(int)]
    per_user = np.bincount(question.rows, weights=gains, minlength=len(ideal)) / ideal
    return float(per_user.mean()) if len(per_user) else 0.0
