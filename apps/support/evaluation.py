"""How good the answers are on labelled questions, by the path that customers' questions take."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.support.calibration import expected_calibration_error
from apps.support.decision import Action, Decision
from core.rows import read_rows


@dataclass(frozen=True)
class Labelled:
    """`article_id` is empty for a question outside the knowledge base."""

    question: str
    article_id: str
    language: str = ""


@dataclass(frozen=True)
class Metrics:
    """`recall_*` and `mrr` (over ten candidates) are those of the questions that have an article.

    `coverage` is the share of those that is answered, `answered_precision` the share of all
    answers that are right, `false_answer_rate` the share of the out-of-scope questions that is
    answered. A share of nothing is None.
    """

    recall_at_1: float | None
    recall_at_3: float | None
    mrr: float | None
    coverage: float | None
    answered_precision: float | None
    false_answer_rate: float | None
    expected_calibration_error: float
    n: int
    n_out_of_scope: int


def read_labelled(path: str | Path, *, columns: dict[str, str], split: str = "") -> list[Labelled]:
    """Rows of a file, only those of `split` where one is named. Raises `BadInput`."""
    required = ("question", "article_id", *(("split",) if split else ()))
    return [
        Labelled(row.text("question"), row.text("article_id"), row.text("language"))
        for row in read_rows(path, columns=columns, required=required)
        if not split or row.text("split") == split
    ]


def measure(results: Iterable[tuple[Labelled, Decision]]) -> Metrics:
    pairs = list(results)
    inside = [(asked, decision) for asked, decision in pairs if asked.article_id]
    outside = [decision for asked, decision in pairs if not asked.article_id]
    ranks = [_rank(decision, asked.article_id) for asked, decision in inside]
    answered = [(asked, decision) for asked, decision in pairs if _answered(decision)]
    right = [_rank(decision, asked.article_id) == 1 for asked, decision in pairs]
    confidence = np.array([decision.confidence for _, decision in pairs])
    return Metrics(
        recall_at_1=_share([rank == 1 for rank in ranks]),
        recall_at_3=_share([0 < rank <= 3 for rank in ranks]),
        mrr=_share([1.0 / rank if rank else 0.0 for rank in ranks]),
        coverage=_share([_answered(decision) for _, decision in inside]),
        answered_precision=_share([d.article_id == asked.article_id for asked, d in answered]),
        false_answer_rate=_share([_answered(decision) for decision in outside]),
        expected_calibration_error=expected_calibration_error(confidence, np.array(right, bool)),
        n=len(pairs),
        n_out_of_scope=len(outside),
    )


def _answered(decision: Decision) -> bool:
    return decision.action is Action.ANSWER


def _rank(decision: Decision, article_id: str) -> int:
    """From 1; 0 if the article is not among the candidates."""
    for rank, candidate in enumerate(decision.candidates, start=1):
        if candidate.article_id == article_id:
            return rank
    return 0


def _share(values: Sequence[float]) -> float | None:
    return round(float(np.mean(values)), 4) if values else None
