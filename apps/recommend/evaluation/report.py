"""Tune every model alike, refit it, measure it on the test events, and compare."""

import time
from collections.abc import Callable
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from apps.recommend.evaluation.grids import BLENDED, Grid, baselines, parts
from apps.recommend.evaluation.metrics import (
    Ranking,
    coverage,
    difference_interval,
    novelty,
    rank,
)
from apps.recommend.evaluation.peers import peers
from apps.recommend.evaluation.search import Choice, blend_weights, choose
from apps.recommend.evaluation.splits import PROTOCOLS, Fold
from apps.recommend.models.blend import Blend
from apps.recommend.models.interactions import Interactions
from apps.recommend.models.ranker import Ranker
from core.errors import BadInput

OURS = "tripod"
Report = dict[str, object]
Notify = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How to measure; `budget` in seconds bounds the tuning, `vectors` (n_items, d) are texts."""

    protocol: str = "leave-one-out"
    k: int = 10
    seed: int = 0
    budget: float = 300.0
    vectors: NDArray[np.float32] | None = None


def evaluate(log: Interactions, *, plan: Plan, notify: Notify) -> Report:
    """The report of `tripod recommend evaluate`; raises BadInput where nothing can be held out.

    `notify` is told the name of every model that is done.
    """
    if plan.protocol not in PROTOCOLS:
        raise BadInput(
            f'there is no protocol "{plan.protocol}"', remedy=f"use {' or '.join(PROTOCOLS)}"
        )
    split = PROTOCOLS[plan.protocol](log)
    for fold in (split.validation, split.test):
        if not len(fold.histories):
            raise BadInput(
                "no user has enough events to hold one out",
                remedy="leave-one-out needs users with three different items or more",
            )
    compared = {**baselines(), **peers()}
    grids = {**compared, **parts(plan.vectors)}
    choices: dict[str, Choice] = {}
    tuning: dict[str, float] = {}
    share = plan.budget / (len(grids) + 1)
    for name, grid in grids.items():
        choices[name], tuning[name] = _tune(grid, split.validation, plan=plan, share=share)
        notify(name)
    ours, tuning[OURS], tuned_ndcg = _blend(choices, split.validation, plan=plan, share=share)
    notify(OURS)

    rankers = {name: choices[name].ranker for name in compared} | {OURS: ours}
    rankings: dict[str, Ranking] = {}
    models: dict[str, Report] = {}
    for name, ranker in rankers.items():
        rankings[name], models[name] = _measure(ranker, split.test, plan=plan)
        seconds = float(str(models[name]["seconds"]))
        models[name]["tuning_seconds"] = round(tuning[name], 3)
        models[name]["seconds"] = round(seconds, 3)
        found = choices.get(name)
        models[name]["validation_ndcg"] = tuned_ndcg if found is None else found.ndcg
        models[name]["settings_tried"] = len(ours.parts) if found is None else found.tried
    return {
        "protocol": plan.protocol,
        "k": plan.k,
        "seed": plan.seed,
        "n_users": len(split.test.histories),
        "n_items": int(split.test.candidates.sum()),
        "n_events": len(log),
        "events_are": "every row is a positive event; repeats of a user and item are dropped",
        "tuned_on": "validation",
        "refit_on": "train+validation",
        "split_sha256": {"validation": split.validation.digest, "test": split.test.digest},
        "models": models,
        "comparison": _compare(rankings, seed=plan.seed),
    }


def _tune(grid: Grid, fold: Fold, *, plan: Plan, share: float) -> tuple[Choice, float]:
    started = time.monotonic()
    choice = choose(grid, fold, k=plan.k, seed=plan.seed, deadline=started + share)
    return choice, time.monotonic() - started


def _blend(
    choices: dict[str, Choice], fold: Fold, *, plan: Plan, share: float
) -> tuple[Blend, float, float]:
    started = time.monotonic()
    chosen = {name: choices[name] for name in BLENDED if name in choices}
    scorers = {name: choice.scorer for name, choice in chosen.items()}
    weights, ndcg = blend_weights(scorers, fold, k=plan.k, deadline=started + share)
    blend = Blend({name: choice.ranker for name, choice in chosen.items()}, weights)
    return blend, time.monotonic() - started, ndcg


def _measure(ranker: Ranker, fold: Fold, *, plan: Plan) -> tuple[Ranking, Report]:
    started = time.monotonic()
    ranking = rank(ranker.fit(fold.train), fold, k=plan.k, seed=plan.seed)
    seconds = time.monotonic() - started
    return ranking, {
        "hr": float(ranking.hr.mean()),
        "ndcg": float(ranking.ndcg.mean()),
        "mrr": float(ranking.mrr.mean()),
        "coverage": coverage(ranking, candidates=fold.candidates),
        "novelty": novelty(ranking, fold=fold),
        "seconds": seconds,
        "settings": _settings(ranker),
    }


def _settings(ranker: Ranker) -> Report:
    if isinstance(ranker, Blend):
        return {"weights": {name: weight for name, weight in ranker.weights.items() if weight}}
    values = {field.name: getattr(ranker, field.name) for field in fields(ranker)}  # type: ignore[arg-type]
    return {name: value for name, value in values.items() if not isinstance(value, np.ndarray)}


def _compare(rankings: dict[str, Ranking], *, seed: int) -> Report:
    """Ours against the baseline that is best on the test events, the hardest one to beat."""
    others = {name: float(found.ndcg.mean()) for name, found in rankings.items() if name != OURS}
    name = max(others, key=lambda name: others[name])
    ours, theirs = rankings[OURS].ndcg, rankings[name].ndcg
    low, high = difference_interval(ours, theirs, seed=seed)
    return {
        "best_baseline": name,
        "ndcg_difference": float(ours.mean() - theirs.mean()),
        "interval_95": [low, high],
        "method": "paired bootstrap over the users, 2000 resamples",
    }
