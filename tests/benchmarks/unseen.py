"""The default models on text that they have never seen.

    python -m tests.benchmarks.unseen --data DATA [--home DIR] [--only PART ...]

DATA is the folder of the public data sets, DIR a home with trained models (`tripod up`). Prints one
JSON object: `sentiment` has the accuracy of the monitor's model on Financial PhraseBank (the test
part of its split: `all_agree` the sentences on which all annotators agree, `agree_50` all of them),
on tweets of financial accounts and on Chinese investors' posts (FinFE); `questions` the held-out
messages of `data/support` by language: how often the right article comes first, how many answers
are right if the surest 85 % of the questions with an article are answered, and how many messages
that no article answers are answered by mistake; `faq` the 157 answers of an unseen shop, asked in
the wordings of `faq_paraphrases.tsv`, without any training on them. Test files are read only to
measure.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from apps.monitor.offline_cli import model_of
from apps.monitor.scoring import score_texts
from apps.monitor.settings import MonitorSettings
from apps.support import samples
from apps.support.articles import LANGUAGES, ArticleText
from apps.support.decision import Decision
from apps.support.evaluation import Labelled, measure, read_labelled
from apps.support.importing import ArticleRow, ImportReport, put_rows
from apps.support.runtime import Runtime, build
from apps.support.settings import SupportSettings
from core.logs import configure
from core.progress import say
from core.rows import read_rows
from core.settings import CoreSettings

PARAPHRASES = Path(__file__).with_name("faq_paraphrases.tsv")
COVERAGE = 0.85
TWEETS = {"0": "negative", "1": "positive", "2": "neutral"}
POSTS = {"0": "negative", "1": "neutral", "2": "positive"}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--home", type=Path, default=CoreSettings().home)
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    options = parser.parse_args()
    configure(level="WARNING")
    result = {}
    for name in options.only:
        say(f"{name} ...")
        result[name] = PARTS[name](options.home, options.data)
    print(json.dumps(result))


def sentiment(home: Path, data: Path) -> dict[str, object]:
    model = model_of(MonitorSettings(home=home))
    bank = [
        row
        for row in read_rows(
            data / "financial-phrasebank" / "split.tsv", required=("sentence", "label", "split")
        )
        if row.text("split") == "test"
    ]
    sets = {
        "phrasebank_all_agree": [
            (row.text("sentence"), row.text("label"))
            for row in bank
            if row.text("all_agree") == "1"
        ],
        "phrasebank_agree_50": [(row.text("sentence"), row.text("label")) for row in bank],
        "twitter": _labelled(data / "twitter-financial-news" / "valid.csv", TWEETS),
        "finfe": _labelled(data / "fincuge-zh" / "finfe_eval.tsv", POSTS),
    }
    found: dict[str, object] = {"model_version": model.version}
    for name, rows in sets.items():
        scores = score_texts([text for text, _ in rows], model=model)
        right = [score.sentiment == label for score, (_, label) in zip(scores, rows, strict=True)]
        found[name] = {"n": len(rows), "accuracy": round(float(np.mean(right)), 4)}
    return found


def _labelled(path: Path, names: dict[str, str]) -> list[tuple[str, str]]:
    rows = read_rows(path, required=("text", "label"))
    return [(row.text("text"), names[row.text("label")]) for row in rows]


def questions(home: Path, data: Path) -> dict[str, object]:
    asked = read_labelled(samples.DATA / "questions.jsonl", columns={}, split="held_out")
    with _shop(home) as runtime:
        samples.load_samples(runtime.engine, runtime.vault, now=datetime.now(UTC))
        runtime.knowledge.refresh()
        return {
            "model_version": runtime.knowledge.current.model.version,
            **{
                language: _quality(runtime, [one for one in asked if one.language == language])
                for language in LANGUAGES
            },
        }


def _quality(runtime: Runtime, asked: Sequence[Labelled]) -> dict[str, object]:
    results = [(one, runtime.support.decide(one.question)[0]) for one in asked]
    metrics = measure(results)
    inside = [
        (decision.confidence, bool(decision.candidates[:1]) and _first(decision) == one.article_id)
        for one, decision in results
        if one.article_id
    ]
    surest = sorted(inside, key=lambda pair: -pair[0])[: round(COVERAGE * len(inside))]
    return {
        "n": metrics.n,
        "recall_at_1": metrics.recall_at_1,
        "recall_at_3": metrics.recall_at_3,
        "right_at_85_percent_coverage": round(float(np.mean([right for _, right in surest])), 4),
        "coverage": metrics.coverage,
        "answered_precision": metrics.answered_precision,
        "answered_out_of_scope": metrics.false_answer_rate,
        "expected_calibration_error": metrics.expected_calibration_error,
    }


def _first(decision: Decision) -> str:
    return decision.candidates[0].article_id


def faq(home: Path, data: Path) -> dict[str, object]:
    answers = list(
        read_rows(data / "ecommerce-faq" / "faq.csv", required=("question", "answer", "category"))
    )
    articles = [
        ArticleRow(
            row.line,
            str(place),
            row.text("category"),
            "en",
            ArticleText(row.text("question"), row.text("answer"), ()),
        )
        for place, row in enumerate(answers)
    ]
    asked = [
        Labelled(row.text("question"), row.text("row"), row.text("language"))
        for row in read_rows(PARAPHRASES, required=("row", "language", "question"))
    ]
    with _shop(home) as runtime:
        report = ImportReport()
        put_rows(runtime.engine, articles, report=report, now=datetime.now(UTC), actor="benchmark")
        runtime.knowledge.refresh()
        found: dict[str, object] = {"articles": report.added, "rejected": len(report.rejected)}
        for language in LANGUAGES:
            metrics = measure(
                (one, runtime.support.decide(one.question)[0])
                for one in asked
                if one.language == language
            )
            found[language] = {
                "n": metrics.n,
                "recall_at_1": metrics.recall_at_1,
                "recall_at_3": metrics.recall_at_3,
            }
        return found


@contextmanager
def _shop(home: Path) -> Iterator[Runtime]:
    """The models of a home over an empty knowledge base."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/bench.db"
        with build(SupportSettings(home=home, database_url=url)) as runtime:
            yield runtime


PARTS: dict[str, Callable[[Path, Path], dict[str, object]]] = {
    "sentiment": sentiment,
    "questions": questions,
    "faq": faq,
}

if __name__ == "__main__":
    main()
