"""Support answers: recall of held-out questions, and requests a second against a plain FAQ search.

    tripod bench support [--data QUESTIONS]

prints, under `quality`, what `tripod support evaluate` measures on the held-out questions of
`data/support` (or on all rows of QUESTIONS), and under `runs` requests a second and latency of the
whole path (understanding, slots, filling; nothing stored) beside sentence-transformers with cosine
over the same English wordings, one question at a time, in turns. `ratio` is ours to that peer. It
needs a trained model: `python -m apps.support.train`.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from sentence_transformers import SentenceTransformer

from apps.support import samples
from apps.support.evaluation import Labelled, measure, read_labelled
from apps.support.runtime import Runtime, build
from apps.support.settings import SupportSettings
from core.logs import configure
from core.models.base_model import packaged_model
from core.progress import say
from core.settings import CoreSettings
from tests.benchmarks.timing import quantiles, rounds

LIMIT = 300


class CosineFaq:
    """The plain way: the base encoder, one vector for each wording, the nearest one wins."""

    def __init__(self, runtime: Runtime) -> None:
        wordings = [
            (article.id, wording)
            for article in runtime.knowledge.current.articles.values()
            if "en" in article.texts
            for wording in article.texts["en"].wordings
        ]
        self._ids = np.array([article_id for article_id, _ in wordings])
        self._model = SentenceTransformer(packaged_model().source, device="cpu")
        self._vectors = self._encode([wording for _, wording in wordings])

    def search(self, question: str, k: int = 3) -> list[str]:
        order = np.argsort(-(self._vectors @ self._encode([question])[0]))
        return list(dict.fromkeys(self._ids[order[:50]].tolist()))[:k]

    def _encode(self, texts: list[str]) -> np.ndarray:
        return np.asarray(
            self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        )


def quality(runtime: Runtime, asked: list[Labelled]) -> dict[str, object]:
    results = [(one, runtime.support.decide(one.question)[0]) for one in asked]
    by_language = {
        language: asdict(measure(pair for pair in results if pair[0].language == language))
        for language in sorted({one.language for one in asked} - {""})
    }
    return {**asdict(measure(results)), "languages": by_language}


def peer_quality(faq: CosineFaq, asked: list[Labelled]) -> dict[str, float]:
    found = [(one.article_id, faq.search(one.question)) for one in asked if one.article_id]
    return {
        "recall_at_1": float(np.mean([want == got[0] for want, got in found])),
        "recall_at_3": float(np.mean([want in got for want, got in found])),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--home", type=Path, default=CoreSettings().home)
    options = parser.parse_args()
    configure()
    path = options.data or samples.DATA / "questions.jsonl"
    asked = read_labelled(path, columns={}, split="" if options.data else "held_out")
    with build(SupportSettings(home=options.home)) as runtime:
        samples.load_samples(runtime.engine, runtime.vault, now=datetime.now(UTC))
        runtime.knowledge.refresh()
        faq = CosineFaq(runtime)
        english = [one for one in asked if one.language in ("", "en")]
        texts = [one.question for one in english][:LIMIT]
        say(f"{len(asked)} questions, {len(texts)} English ones for the speed")
        systems: dict[str, Callable[[str], object]] = {
            "tripod": runtime.support.reply,
            "sentence-transformers": faq.search,
        }
        speeds = rounds({name: _all(ask, texts) for name, ask in systems.items()}, n=len(texts))
        runs = {
            name: {"requests_per_second": speeds[name], **quantiles(_seconds(ask, texts))}
            for name, ask in systems.items()
        }
        result = {
            "n": len(asked),
            "quality": quality(runtime, asked),
            "peer_quality": {"en": peer_quality(faq, english)},
            "runs": runs,
            "ratio": speeds["tripod"] / speeds["sentence-transformers"],
            "model_version": runtime.knowledge.model_version,
        }
    print(json.dumps(result))


def _all(ask: Callable[[str], object], texts: list[str]) -> Callable[[], object]:
    return lambda: [ask(text) for text in texts]


def _seconds(ask: Callable[[str], object], texts: list[str]) -> list[float]:
    found = []
    for text in texts:
        started = time.perf_counter()
        ask(text)
        found.append(time.perf_counter() - started)
    return found


if __name__ == "__main__":
    main()
