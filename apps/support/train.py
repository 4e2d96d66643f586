"""`python -m apps.support.train --home DIR`: fine-tune, calibrate and promote the support model.

Trains on the knowledge base of that home; on the sample shop while there is none. The only module
of this app that imports the training library.
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations
from pathlib import Path

from sqlalchemy import Engine

from apps.support.articles import LANGUAGES, Article
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
    """Questions of one language to train on, and those held back for calibration."""

    train: tuple[Asked, ...]
    held_back: tuple[Asked, ...]


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
    parts = {
        language: divide(
            articles, [q.text for q in outside if q.language == language], language=language
        )
        for language in LANGUAGES
    }
    known = [question for part in parts.values() for question in part.train]
    held_back = [question for part in parts.values() for question in part.held_back]

    def finish(model: TextModel) -> Manifest:
        say(f"{NAME}: calibrating on questions that were held back")
        inside = [question for question in known if question.article_id]
        index = DenseIndex.build(
            [question.article_id for question in inside],
            model.encode([question.text for question in inside]),
            encoder_version=model.version,
        )
        asked = {language: part.held_back for language, part in parts.items()}
        scoring = fit_scoring(model, index, asked=asked)
        described = model.manifest.with_extra(**{EXTRA: scoring.as_json()})
        return replace(described, thresholds=scoring.thresholds())

    return train_text_model(
        registry=registry,
        name=NAME,
        heads={HEAD: HeadExamples(_examples(known), _examples(held_back))},
        pairs=[
            *(pair for part in parts.values() for pair in wording_pairs(part.train)),
            *translation_pairs(articles.values()),
        ],
        plan=plan,
        data_licence=LICENCE,
        languages=LANGUAGES,
        base=base,
        finish=finish,
    )


def divide(articles: Mapping[str, Article], outside: list[str], *, language: str) -> Parts:
    """Hold back every fourth wording; an article always keeps its own question."""
    train: list[Asked] = []
    held_back: list[Asked] = []
    for article in articles.values():
        if language in article.texts:
            first, *variants = article.texts[language].wordings
            kept, aside = _alternate(variants)
            train += [Asked(text, article.id) for text in (first, *kept)]
            held_back += [Asked(text, article.id) for text in aside]
    kept, aside = _alternate(outside)
    train += [Asked(text, "") for text in kept]
    held_back += [Asked(text, "") for text in aside]
    return Parts(tuple(train), tuple(held_back))


def _alternate(texts: list[str]) -> tuple[list[str], list[str]]:
    aside = texts[HELD_BACK_EVERY - 1 :: HELD_BACK_EVERY]
    return [text for text in texts if text not in aside], aside


def wording_pairs(asked: Iterable[Asked]) -> list[TextPair]:
    """Each wording of an article with the next one."""
    by_article: dict[str, list[str]] = defaultdict(list)
    for question in asked:
        if question.article_id:
            by_article[question.article_id].append(question.text)
    return [
        TextPair(first, second, article_id)
        for article_id, texts in by_article.items()
        for first, second in zip(texts[::2], texts[1::2], strict=False)
    ]


def translation_pairs(articles: Iterable[Article]) -> list[TextPair]:
    """The question of each article in one language with that in the other."""
    return [
        TextPair(first.question, second.question, article.id)
        for article in articles
        for first, second in combinations(article.texts.values(), 2)
    ]


def _examples(asked: Iterable[Asked]) -> Examples:
    rows = [(question.text, question.article_id or OUT_OF_SCOPE) for question in asked]
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
