"""Support in both languages: recall of each, and of each on articles of the other one alone.

    python -m tests.benchmarks.support_languages [--home DIR]

asks the promoted model of DIR the held-out questions of `data/support` about the sample shop and
prints, under `quality`, recall and coverage by the language of the questions, by the path that
customers' questions take. `cross` has the share of the questions that find their article first by
the index alone when it holds the wordings of the other language only, `zh_to_en` that of Chinese
questions on English wordings; `cross_untrained` has the same of the base model without training.
`titles` asks the untrained base with each article's own question in one language for its question
in the other.
It needs a trained model: `python -m apps.support.train`.
"""

import argparse
import json
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from apps.support import samples
from apps.support.articles import LANGUAGES
from apps.support.evaluation import Labelled, measure, read_labelled
from apps.support.knowledge import dense_index
from apps.support.runtime import Runtime, build
from apps.support.settings import SupportSettings
from core.logs import configure
from core.models.text_model import TextModel
from core.progress import say
from core.settings import CoreSettings
from core.training.base_artefact import base_artefact


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, default=CoreSettings().home)
    options = parser.parse_args()
    configure(level="WARNING")
    asked = read_labelled(samples.DATA / "questions.jsonl", columns={}, split="held_out")
    with tempfile.TemporaryDirectory() as folder:
        database = f"sqlite:///{folder}/bench.db"
        with build(SupportSettings(home=options.home, database_url=database)) as runtime:
            samples.load_samples(runtime.engine, runtime.vault, now=datetime.now(UTC))
            runtime.knowledge.refresh()
            result = measured(runtime, asked)
    print(json.dumps(result))


def measured(runtime: Runtime, asked: Sequence[Labelled]) -> dict[str, object]:
    trained = runtime.knowledge.current.model
    say(f"{len(asked)} questions, {len(runtime.knowledge.current.articles)} articles")
    version = base_artefact(runtime.registry, runtime.settings.base_model)
    untrained = TextModel.load(runtime.registry.open(version).path)
    return {
        "n": len(asked),
        "quality": {language: quality(runtime, asked, language) for language in LANGUAGES},
        "cross": cross(runtime, trained, asked),
        "cross_untrained": cross(runtime, untrained, asked),
        "titles": titles(runtime, untrained),
        "model_version": trained.version,
        "base_version": untrained.version,
    }


def quality(runtime: Runtime, asked: Sequence[Labelled], language: str) -> dict[str, object]:
    metrics = measure(
        (one, runtime.support.decide(one.question)[0]) for one in asked if one.language == language
    )
    return {
        "n": metrics.n,
        "recall_at_1": metrics.recall_at_1,
        "recall_at_3": metrics.recall_at_3,
        "coverage": metrics.coverage,
    }


def cross(runtime: Runtime, model: TextModel, asked: Sequence[Labelled]) -> dict[str, float]:
    return {
        f"{one}_to_{other}": found_first(
            runtime,
            model,
            [labelled for labelled in asked if labelled.article_id and labelled.language == one],
            stored=other,
        )
        for one in LANGUAGES
        for other in LANGUAGES
        if one != other
    }


def titles(runtime: Runtime, model: TextModel) -> dict[str, float]:
    both = [
        article
        for article in runtime.knowledge.current.articles.values()
        if all(language in article.texts for language in LANGUAGES)
    ]
    vectors = {
        language: model.encode([article.texts[language].question for article in both])
        for language in LANGUAGES
    }
    own = np.arange(len(both))
    return {
        f"{one}_to_{other}": float(((vectors[one] @ vectors[other].T).argmax(axis=1) == own).mean())
        for one in LANGUAGES
        for other in LANGUAGES
        if one != other
    }


def found_first(
    runtime: Runtime, model: TextModel, asked: Sequence[Labelled], *, stored: str
) -> float:
    """The share of questions whose article is first among the wordings of one language."""
    articles = [
        replace(article, texts={stored: article.texts[stored]})
        for article in runtime.knowledge.current.articles.values()
        if stored in article.texts
    ]
    index = dense_index(runtime.engine, model=model, articles=articles)
    vectors = model.encode([one.question for one in asked])
    right = [
        index.search(vector, 1)[0].article_id == one.article_id
        for vector, one in zip(vectors, asked, strict=True)
    ]
    return round(float(np.mean(right)), 4)


if __name__ == "__main__":
    main()
