"""Readers of the public data sets that the benchmark of the bilingual base model measures on.

Each takes the folder that holds the data sets; a missing or broken file is a `BadInput` or an
`OSError`.
"""

import csv
import gzip
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from core.models.normal_form import normal_form
from core.rows import read_rows
from core.training.examples import Examples
from core.training.recipe import ParallelPair
from tests.benchmarks.pairs import SentencePair

FINANCE = "fincuge-zh"
WITHOUT_LETTERS = re.compile(r"\W+")


def question_pairs(data: Path) -> list[SentencePair]:
    """ATEC: pairs of customers' questions, and whether they ask the same."""
    rows = read_rows(
        data / "atec-zh" / "atec_train.tsv", required=("sentence1", "sentence2", "label")
    )
    return [
        SentencePair(row.text("sentence1"), row.text("sentence2"), row.text("label") == "1")
        for row in rows
    ]


def finance_texts(data: Path) -> list[str]:
    """Posts of investors (FinFE), news (FinNL), and titles and texts of FinNSP."""
    folder = data / FINANCE
    texts = [
        row.text("text")
        for name in ("finfe_train_clean.tsv", "finfe_eval.tsv")
        for row in read_rows(folder / name, required=("text",))
    ]
    for task, columns in (("finnl", ("text",)), ("finnsp", ("title", "text"))):
        for part in ("train", "eval"):
            for row in read_rows(folder / f"{task}_{part}.jsonl.gz", required=columns):
                texts += [row.text(column) for column in columns]
    return texts


def graded_pairs(path: Path) -> list[tuple[str, str, float]]:
    """Two sentences and how similar people find them, 0 to 5."""
    rows = read_rows(path, required=("sentence1", "sentence2", "score"))
    return [
        (row.text("sentence1"), row.text("sentence2"), float(row.text("score"))) for row in rows
    ]


def banking_questions(data: Path) -> list[str]:
    rows = read_rows(data / "banking77" / "test.csv", required=("text",))
    return [row.text("text") for row in rows]


def general_translations(data: Path) -> list[ParallelPair]:
    """The 2022 general test of WMT, each sentence once."""
    path = data / "wmt-newstest-zh-en" / "generaltest2022.tsv.gz"
    with gzip.open(path, "rt", encoding="utf-8", newline="") as stream:
        lines = csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE)
        return distinct_pairs(ParallelPair(text, english) for text, english in lines)


def distinct_pairs(pairs: Iterable[ParallelPair]) -> list[ParallelPair]:
    """The pairs of which neither side stands in an earlier one that was kept, whatever its case
    and punctuation."""
    seen: set[str] = set()
    kept = []
    for pair in pairs:
        keys = {_letters(pair.text), _letters(pair.english)}
        if not keys & seen:
            kept.append(pair)
            seen |= keys
    return kept


def shop_reviews(data: Path) -> Examples:
    """Product reviews, "1" for positive; of texts equal but for case and punctuation the first, and
    none that is empty."""
    rows = read_rows(
        data / "online-shopping-10-cats" / "reviews.csv.gz", required=("review", "label")
    )
    found: dict[str, tuple[str, str]] = {}
    for row in rows:
        text = row.text("review").strip("\ufeff")
        if text:
            found.setdefault(_letters(text) or text, (text, row.text("label")))
    texts, labels = zip(*found.values(), strict=True)
    return Examples(texts, labels)


def drawn(n: int, *, of: Sequence[object], seed: int) -> list[int]:
    """At most `n` row numbers of a sequence, in its order."""
    return sorted(random.Random(seed).sample(range(len(of)), min(n, len(of))))


def _letters(text: str) -> str:
    return WITHOUT_LETTERS.sub("", normal_form(text).lower())
