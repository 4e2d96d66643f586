import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.evaluation.calibration import expected_calibration_error, fit_temperature
from core.evaluation.classification import classification_report, out_of_scope_report
from core.models.text_model import probabilities


def test_a_hand_computed_report() -> None:
    found = np.array([[0.9, 0.1], [0.6, 0.4], [0.2, 0.8], [0.7, 0.3]], dtype=np.float32)
    report = classification_report(found, ["a", "a", "b", "b"], ["a", "b"])
    assert report.accuracy == 0.75
    assert report.macro_f1 == pytest.approx((0.8 + 2 / 3) / 2)
    assert report.per_class["a"].precision == pytest.approx(2 / 3)
    assert report.per_class["b"].recall == 0.5
    assert report.n == 4


def test_a_label_the_model_does_not_know_counts_as_wrong() -> None:
    report = classification_report(np.ones((1, 1), np.float32), ["new"], ["a"])
    assert report.accuracy == 0.0


def test_calibration_error_of_known_gaps() -> None:
    confidences = np.array([0.95] * 10 + [0.55] * 10)
    correct = np.array([True] * 10 + [True] * 5 + [False] * 5)
    assert expected_calibration_error(confidences, correct) == pytest.approx(0.05)


@given(st.integers(0, 10_000))
def test_the_temperature_undoes_overconfidence(seed: int) -> None:
    source = np.random.default_rng(seed)
    logits = source.normal(size=(600, 4)) * 2
    chances = probabilities(logits.astype(np.float32)).astype(np.float64)
    labels = np.array([source.choice(4, p=row / row.sum()) for row in chances])
    assert fit_temperature(logits * 3, labels) == pytest.approx(3.0, rel=0.35)


def test_a_temperature_from_nothing_is_one() -> None:
    assert fit_temperature(np.zeros((3, 2)), np.array([0, 1, 0])) == 1.0


def test_out_of_scope_by_hand() -> None:
    report = out_of_scope_report(
        np.array([0.9, 0.8, 0.3, 0.4], np.float32),
        ["a", "b", "a", "oos"],
        ["a", "a", "oos", "oos"],
        label="oos",
        threshold=0.5,
    )
    assert report is not None
    assert report.in_scope_accuracy == 0.5
    assert report.out_of_scope_recall == 1.0
    assert report.out_of_scope_auroc == 1.0


def test_one_kind_of_text_gives_no_scope_report() -> None:
    scores = np.array([0.9], np.float32)
    assert out_of_scope_report(scores, ["a"], ["a"], label="oos", threshold=0.5) is None
