"""Train the recommender: the text encoder on co-watched pairs, then the ranker on the event log.

    python -m apps.recommend.train [--home DIR] [--budget-minutes M] [--seed S]

The only module of the recommender that needs torch. It learns from the events of the database, or
from the sample events while the database has none.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from apps.recommend.co_watched import CoWatched, co_watched, retrieval_metrics
from apps.recommend.events import Event
from apps.recommend.fitting import Fitted, TrainingLog, fit_ranker, training_log
from apps.recommend.importing import event_values
from apps.recommend.item_texts import TEXT_MODEL
from apps.recommend.items import Item, item_values
from apps.recommend.live import text_of
from apps.recommend.runtime import MIGRATIONS
from apps.recommend.settings import RecommendSettings
from apps.recommend.store import events as event_store
from apps.recommend.store import items as item_store
from apps.recommend.store.events import Logged
from core.database import connect, reading, upgrade
from core.errors import BadInput
from core.logs import configure
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.progress import say
from core.rows import read_rows
from core.training.examples import TextPair
from core.training.plan import Plan
from core.training.text import train_text_model

RANKER = "recommend-ranker"
NEIGHBOURS = 2
HELD_OUT_SHARE = 0.1
TEXT_SHARE = 0.6
PLAN = Plan(epochs=1, batch_size=32, learning_rate=5e-5, max_length=48)


@dataclass(frozen=True, eq=False)
class Material:
    """What is learned from: a log, and the text and first category of each of its item columns."""

    log: TrainingLog
    texts: tuple[str, ...]
    groups: tuple[str, ...]
    licence: str


@dataclass(frozen=True)
class Trained:
    """The two artefacts, both in use."""

    text: Manifest
    ranker: Manifest
    seconds: float


def train(
    settings: RecommendSettings, *, budget_minutes: float = 1.0, seed: int = 0, plan: Plan = PLAN
) -> Trained:
    """Train both models, add them to the registry and promote them.

    Raises BadInput where there are too few events, PromotionRefused where a model got worse.
    """
    started = time.monotonic()
    registry = Registry(settings.home / "registry")
    material = gather(settings)
    limited = replace(plan, seed=seed, budget_minutes=budget_minutes * TEXT_SHARE)
    text = train_text(registry, material, plan=limited, base=settings.base_model)
    registry.promote(TEXT_MODEL, text.version, now=datetime.now(UTC), metric="ndcg_at_10")
    encoder = TextModel.load(registry.open(text.version).path)
    fitted = fit_ranker(
        material.log,
        _encoded(encoder, material.texts),
        encoder_version=text.version,
        budget=budget_minutes * 60 * (1 - TEXT_SHARE),
        seed=seed,
        now=datetime.now(UTC),
    )
    ranker = add_ranker(registry, fitted, material, seed=seed)
    registry.promote(RANKER, ranker.version, now=datetime.now(UTC), metric="ndcg_at_10")
    return Trained(text=text, ranker=ranker, seconds=time.monotonic() - started)


def gather(settings: RecommendSettings) -> Material:
    """The events and items of the database, or the samples where it has no events."""
    engine = connect(settings.database_url)
    try:
        upgrade(engine, MIGRATIONS)
        with reading(engine) as connection:
            events: Sequence[Event | Logged] = list(event_store.everything(connection))
            items = [change.item for change in item_store.changes(connection, since=-1)]
    finally:
        engine.dispose()
    licence = "the site's own events"
    if not events:
        say("recommend: no events yet, so the models learn from the simulated sample events")
        events, items = _samples(settings.samples)
        licence = "Apache-2.0 (simulated)"
    log = training_log(events)
    known = {item.item_id: item for item in items if item is not None}
    found = [known.get(item_id) for item_id in log.item_ids]
    return Material(
        log=log,
        texts=tuple("" if item is None else text_of(item) for item in found),
        groups=tuple("" if item is None else "".join(item.categories[:1]) for item in found),
        licence=licence,
    )


def _samples(folder: Path) -> tuple[list[Event], list[Item | None]]:
    columns = ("user_id", "item_id", "timestamp")
    events = [
        Event.model_validate(event_values(row.values))
        for row in read_rows(folder / "events.csv.gz", required=columns)
    ]
    rows = read_rows(folder / "items.jsonl", required=("item_id", "title"))
    return events, [Item.model_validate(item_values(row.values)) for row in rows]


def train_text(registry: Registry, material: Material, *, plan: Plan, base: str) -> Manifest:
    """Fine-tune the encoder so that texts of videos watched near each other come near.

    Measured on items that are in no training pair: do their texts find what is watched near them?
    """
    found = co_watched(
        material.log.interactions,
        neighbours=NEIGHBOURS,
        held_out_share=HELD_OUT_SHARE,
        seed=plan.seed,
    )
    pairs = _pairs(found, material)
    if not pairs:
        raise BadInput("no two items with texts were watched together", remedy="import the items")

    def measured(model: TextModel) -> Manifest:
        metrics = retrieval_metrics(model, material.texts, found)
        say(f"text: held-out NDCG@10 {metrics['ndcg_at_10']:.4f}")
        return replace(model.manifest, metrics={**model.manifest.metrics, **metrics})

    return train_text_model(
        registry=registry,
        name=TEXT_MODEL,
        pairs=pairs,
        plan=plan,
        data_licence=material.licence,
        base=base,
        finish=measured,
    )


def _pairs(found: CoWatched, material: Material) -> list[TextPair]:
    """Pairs of one category are no negatives of each other: many of them belong together too."""
    texts, groups = material.texts, material.groups
    return [
        TextPair(texts[left], texts[right], group=groups[left])
        for left, right in found.train.tolist()
        if texts[left] and texts[right]
    ]


def _encoded(
    encoder: TextModel, texts: Sequence[str]
) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = np.zeros((len(texts), encoder.dimension), dtype=np.float32)
    known = [row for row, text in enumerate(texts) if text]
    vectors[known] = encoder.encode([texts[row] for row in known])
    return vectors


def add_ranker(registry: Registry, fitted: Fitted, material: Material, *, seed: int) -> Manifest:
    """Put a fitted ranker into the registry."""
    staging = registry.staging()
    fitted.ranker.save(staging)
    return registry.add(
        staging,
        Manifest(
            kind="ranker",
            name=RANKER,
            created_at=fitted.ranker.trained_at.isoformat(timespec="seconds"),
            data_sha256=material.log.sha256,
            data_licence=material.licence,
            seed=seed,
            method="blend",
            metrics=fitted.metrics,
            extra={
                "encoder_version": fitted.ranker.encoder_version,
                "weights": {name: weight for name, weight in fitted.weights.items() if weight},
                "events": len(material.log.interactions),
                "items": len(material.log.item_ids),
            },
        ),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    parser.add_argument("--budget-minutes", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    configure()
    home = arguments.home
    settings = RecommendSettings() if home is None else RecommendSettings(home=home)
    found = train(settings, budget_minutes=arguments.budget_minutes, seed=arguments.seed)
    say(f"recommend: trained in {found.seconds:.0f} s; {dict(found.ranker.metrics)}")


if __name__ == "__main__":
    main()
