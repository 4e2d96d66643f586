"""`python -m apps.support.train --home DIR`: fine-tune, calibrate and promote the support model.

Trains on the knowledge base of that home; on the sample shop while there is none. The only module
of this app that imports the training library.
"""

import argparse
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Engine

from apps.support.articles import Article
from apps.support.fitting import Asked, fit_scoring
from apps.support.importing import merged_rows
from apps.support.knowledge import NAME, dense_index
from apps.support.retrieval import DenseIndex
from apps.support.runtime import MIGRATIONS
from apps.support.samples import DATA, LabelledQuestion, read_questions, sample_rows
from apps.support.scoring import EXTRA, HEAD, OUT_OF_SCOPE
from apps.support.settings import SupportSettings
from apps.support.store import knowledge as store
from core.database import connect, reading, transaction, upgrade
from core.logs import configure
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.progress import say
from core.training.examples import Examples, HeadExamples, TextPair
from core.training.plan import Plan
from core.training.text import train_text_model

PLAN = Plan(epochs=4, batch_size=32, learning_rate=2e-4, head_learning_rate=5e-3, max_length=48)
# Of this many wordings of an article one is held back, and so is this share of what is outside.
HELD_BACK_EVERY = 4
LICENCE = "Apache-2.0"


@dataclass(frozen=True)
class Parts:
    """English training wordings and those held back for calibration, by article."""

    train: Mapping[str, tuple[str, ...]]
    held_back: Mapping[str, tuple[str, ...]]
    outside_train: tuple[str, ...]
    outside_held_back: tuple[str, ...]

    def examples(self) -> HeadExamples:
        return HeadExamples(
            _examples(self.train, self.outside_train),
            _examples(self.held_back, self.outside_held_back),
        )

    def pairs(self) -> list[TextPair]:
        """Each wording with the next one of its article."""
        return [
            TextPair(first, second, article_id)
            for article_id, texts in self.train.items()
            for first, second in zip(texts[::2], texts[1::2], strict=False)
        ]

    def asked(self) -> list[Asked]:
        inside = [
            Asked(text, article_id) for article_id, ts in self.held_back.items() for text in ts
        ]
        return inside + [Asked(text, "") for text in self.outside_held_back]


def train(settings: SupportSettings, *, now: datetime, plan: Plan = PLAN) -> Manifest:
    """Train, add to the registry, index the knowledge base with it, and promote it."""
    started = time.monotonic()
    engine = connect(settings.database_url)
    try:
        upgrade(engine, MIGRATIONS)
        articles = knowledge_base(engine, now=now)
        outside = [
            question
            for question in read_questions(DATA / "questions.jsonl")
            if not question.article_id and question.split == "train"
        ]
        registry = Registry(settings.home / "registry")
        manifest = train_on(
            registry, articles=articles, outside=outside, plan=plan, base=settings.base_model
        )
        model = TextModel.load(registry.open(manifest.version).path)
        dense_index(engine, model=model, articles=articles.values())
        before = registry.current(NAME)
        registry.promote(NAME, manifest.version, now=now)
        with transaction(engine) as connection:
            keep = [version for version in (manifest.version, before) if version is not None]
            store.drop_vectors(connection, keep=keep)
    finally:
        engine.dispose()
    say(f"{NAME}: model {manifest.version} is in use after {time.monotonic() - started:.0f} s")
    return manifest


def knowledge_base(engine: Engine, *, now: datetime) -> Mapping[str, Article]:
    """The stored articles, or those of the sample shop where none is stored."""
    with reading(engine) as connection:
        stored = store.load_articles(connection)
    return stored or merged_rows(sample_rows())


def train_on(
    registry: Registry,
    *,
    articles: Mapping[str, Article],
    outside: Iterable[LabelledQuestion],
    plan: Plan,
    base: str = "",
) -> Manifest:
    """One encoder on contrastive pairs and the head `article`, with its calibration."""
    outside = list(outside)
    parts = divide(articles, [q.text for q in outside if q.language == "en"])

    def finish(model: TextModel) -> Manifest:
        say(f"{NAME}: calibrating on questions that were held back")
        ids = [article_id for article_id, texts in parts.train.items() for _ in texts]
        texts = [text for wordings in parts.train.values() for text in wordings]
        index = DenseIndex.build(ids, model.encode(texts), encoder_version=model.version)
        scoring = fit_scoring(
            model,
            index,
            english=parts.asked(),
            chinese={a.id: a.texts["zh"] for a in articles.values() if "zh" in a.texts},
            chinese_outside=[q.text for q in outside if q.language == "zh"],
        )
        described = model.manifest.with_extra(**{EXTRA: scoring.as_json()})
        return replace(described, thresholds=scoring.thresholds())

    return train_text_model(
        registry=registry,
        name=NAME,
        heads={HEAD: parts.examples()},
        pairs=parts.pairs(),
        plan=plan,
        data_licence=LICENCE,
        languages=("en", "zh"),
        base=base,
        finish=finish,
    )


def divide(articles: Mapping[str, Article], outside: list[str]) -> Parts:
    """Hold back every fourth English wording; an article always keeps its own question."""
    train: dict[str, tuple[str, ...]] = {}
    held_back: dict[str, tuple[str, ...]] = {}
    for article in articles.values():
        if "en" in article.texts:
            first, *variants = article.texts["en"].wordings
            kept, aside = _alternate(variants)
            train[article.id] = (first, *kept)
            held_back[article.id] = aside
    kept, aside = _alternate(outside)
    return Parts(train, held_back, kept, aside)


def _alternate(texts: list[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    aside = tuple(texts[HELD_BACK_EVERY - 1 :: HELD_BACK_EVERY])
    return tuple(text for text in texts if text not in aside), aside


def _examples(inside: Mapping[str, tuple[str, ...]], outside: Iterable[str]) -> Examples:
    rows = [(text, article_id) for article_id, texts in inside.items() for text in texts]
    rows += [(text, OUT_OF_SCOPE) for text in outside]
    return Examples(tuple(text for text, _ in rows), tuple(label for _, label in rows))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    arguments = parser.parse_args()
    configure()
    home = arguments.home
    settings = SupportSettings() if home is None else SupportSettings(home=home)
    train(settings, now=datetime.now(UTC))


if __name__ == "__main__":
    main()
