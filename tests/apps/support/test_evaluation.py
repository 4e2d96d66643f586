"""The metrics of labelled questions, against values worked out by hand."""

from pathlib import Path

import pytest

from apps.support.decision import Action, Candidate, Decision, Reason, Retriever
from apps.support.evaluation import Labelled, measure, read_labelled
from core.errors import BadInput


def decided(action: Action, *found: tuple[str, float]) -> Decision:
    candidates = tuple(Candidate(article_id, "?", confidence) for article_id, confidence in found)
    return Decision(action, Reason.CONFIDENT, "en", Retriever.DENSE, candidates)


def test_metrics_are_those_worked_out_by_hand() -> None:
    metrics = measure(
        [
            (Labelled("q1", "a"), decided(Action.ANSWER, ("a", 0.9), ("b", 0.1))),
            (Labelled("q2", "b"), decided(Action.ANSWER, ("a", 0.9), ("b", 0.1))),
            (Labelled("q3", "c"), decided(Action.CHOOSE, ("a", 0.5), ("b", 0.3), ("c", 0.1))),
            (Labelled("q4", "d"), decided(Action.HANDOVER, ("a", 0.1))),
            (Labelled("q5", ""), decided(Action.ANSWER, ("a", 0.9))),
            (Labelled("q6", ""), decided(Action.HANDOVER)),
        ]
    )
    assert metrics.recall_at_1 == 0.25
    assert metrics.recall_at_3 == 0.75
    assert metrics.mrr == pytest.approx((1 + 1 / 2 + 1 / 3) / 4, abs=1e-4)
    assert metrics.coverage == 0.5
    assert metrics.answered_precision == pytest.approx(1 / 3, abs=1e-4)
    assert metrics.false_answer_rate == 0.5
    # 0.9: three, one right; 0.5, 0.1 and 0: none right.
    assert metrics.expected_calibration_error == pytest.approx(
        (3 * abs(0.9 - 1 / 3) + 0.5 + 0.1) / 6
    )
    assert (metrics.n, metrics.n_out_of_scope) == (6, 2)


def test_a_share_of_nothing_is_none() -> None:
    metrics = measure([(Labelled("q", ""), decided(Action.HANDOVER))])
    assert metrics.recall_at_1 is None
    assert metrics.answered_precision is None
    assert metrics.false_answer_rate == 0.0


def test_only_rows_of_the_split_are_read(tmp_path: Path) -> None:
    file = tmp_path / "q.csv"
    file.write_text("question,article_id,split\na,x,train\nb,,test\n", "utf-8")
    assert read_labelled(file, columns={}, split="test") == [Labelled("b", "")]
    assert len(read_labelled(file, columns={})) == 2
    with pytest.raises(BadInput, match="article_id"):
        read_labelled(file, columns={"article_id": "label"})
