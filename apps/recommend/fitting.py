"""Fit the ranker on an event log: tune, blend, measure on held-out events, fit on everything.

No training library is needed: all of it is linear algebra.
"""

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from apps.recommend.evaluation.grids import BLENDED, baselines, parts
from apps.recommend.evaluation.metrics import coverage, rank
from apps.recommend.evaluation.search import Choice, blend_weights, choose
from apps.recommend.evaluation.splits import Split, leave_one_out
from apps.recommend.events import Event, taken
from apps.recommend.models.blend import Blend, BlendScorer
from apps.recommend.models.interactions import Interactions, ordered
from apps.recommend.models.popularity import Popular
from apps.recommend.models.ranker import ItemToItem
from apps.recommend.models.text import ItemTextScorer
from apps.recommend.ranker_model import RankerModel, TextPart
from apps.recommend.store.events import Logged
from core.errors import BadInput
from core.progress import say

K = 10
MIN_USERS = 5


@dataclass(frozen=True, eq=False)
class TrainingLog:
    """Histories as the server would see them, and the ids of the item columns."""

    interactions: Interactions
    item_ids: tuple[str, ...]

    @property
    def sha256(self) -> str:
        """A fingerprint of users, items and times."""
        digest = hashlib.sha256("\n".join(self.item_ids).encode())
        for array in (self.interactions.users, self.interactions.items, self.interactions.times):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True, eq=False)
class Fitted:
    """The ranker and its metrics on events that were held out from tuning and fitting."""

    ranker: RankerModel
    metrics: Mapping[str, float]
    weights: Mapping[str, float]


def training_log(events: Iterable[Event | Logged]) -> TrainingLog:
    """Fold the events of every user or session as a request does; raises BadInput for too few."""
    by_actor: dict[str, list[Event | Logged]] = defaultdict(list)
    for event in events:
        by_actor[f"u{event.user_id}" if event.user_id else f"s{event.session_id}"].append(event)
    items: dict[str, int] = {}
    rows: list[tuple[int, int, float, float]] = []
    users = 0
    for actor in sorted(by_actor):
        ours = sorted(by_actor[actor], key=lambda event: event.timestamp)
        visits = taken(ours).visits
        rows += [
            (users, items.setdefault(visit.item_id, len(items)), visit.at.timestamp(), visit.worth)
            for visit in visits
        ]
        users += bool(visits)
    table = np.array(rows, dtype=np.float64).reshape(-1, 4)
    log = ordered(
        users=table[:, 0].astype(np.int64),
        items=table[:, 1].astype(np.int64),
        times=table[:, 2],
        weights=table[:, 3],
        n_users=users,
        n_items=len(items),
    )
    return TrainingLog(log, tuple(items))


def fit_ranker(
    log: TrainingLog,
    vectors: NDArray[np.float32],
    *,
    encoder_version: str,
    budget: float,
    seed: int,
    now: datetime,
) -> Fitted:
    """Tune within `budget` seconds and fit; `vectors` (n_items, d) are the items' texts.

    Raises BadInput for a log from which nothing can be held out.
    """
    split = leave_one_out(log.interactions)
    if len(split.validation.histories) < MIN_USERS:
        raise BadInput(
            f"only {len(split.validation.histories)} users have three items or more",
            remedy=f"import events of at least {MIN_USERS} such users",
        )
    started = time.monotonic()
    choices = _tuned(split, vectors, budget=budget, seed=seed)
    scorers = {name: choice.scorer for name, choice in choices.items()}
    deadline = started + budget
    weights, _ = blend_weights(scorers, split.validation, k=K, deadline=deadline)
    blend = Blend({name: choice.ranker for name, choice in choices.items()}, weights)
    metrics = _measured(blend, split, seed=seed)
    say(f"ranker: NDCG@{K} {metrics['ndcg_at_10']:.4f}, popularity {metrics['popular_ndcg']:.4f}")
    ranker = _ranker(
        blend.fit(log.interactions), log.item_ids, encoder_version=encoder_version, now=now
    )
    return Fitted(ranker=ranker, metrics=metrics, weights=weights)


def _tuned(
    split: Split, vectors: NDArray[np.float32], *, budget: float, seed: int
) -> dict[str, Choice]:
    grids = {**baselines(), **parts(vectors if vectors.any() else None)}
    names = [name for name in BLENDED if name in grids]
    share = budget * 0.8 / len(names)
    choices = {}
    for name in names:
        deadline = time.monotonic() + share
        choices[name] = choose(grids[name], split.validation, k=K, seed=seed, deadline=deadline)
        say(f"ranker: {name} reaches {choices[name].ndcg:.4f} on validation")
    return choices


def _measured(blend: Blend, split: Split, *, seed: int) -> dict[str, float]:
    """On the last event of each user, after a fit on what came before."""
    fold = split.test
    ours = rank(blend.fit(fold.train), fold, k=K, seed=seed)
    popular = rank(Popular().fit(fold.train), fold, k=K, seed=seed)
    return {
        "ndcg_at_10": float(ours.ndcg.mean()),
        "hr_at_10": float(ours.hr.mean()),
        "mrr_at_10": float(ours.mrr.mean()),
        "coverage": coverage(ours, candidates=fold.candidates),
        "popular_ndcg": float(popular.ndcg.mean()),
    }


def _ranker(
    scorer: BlendScorer, item_ids: Sequence[str], *, encoder_version: str, now: datetime
) -> RankerModel:
    factors = {name: scorer.weights[name] / scorer.scales[name] for name in scorer.parts}
    text = scorer.parts.get("item_text")
    return RankerModel(
        version="",
        item_ids=tuple(item_ids),
        parts={name: part for name, part in scorer.parts.items() if isinstance(part, ItemToItem)},
        factors={
            name: factors[name]
            for name, part in scorer.parts.items()
            if isinstance(part, ItemToItem)
        },
        text=TextPart(factors["item_text"], text.half_life, text.last)
        if isinstance(text, ItemTextScorer)
        else TextPart(0.0, 1.0, 1),
        trend_factor=factors.get("trend", 0.0),
        encoder_version=encoder_version,
        trained_at=now,
    ).with_sample()
