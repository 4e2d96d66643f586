"""Classification metrics of predicted probabilities against labels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import (
    accuracy_score,
    f1_score,
    matthews_corrcoef,
    precision_recall_fscore_support,
    roc_auc_score,
)

from core.evaluation.calibration import expected_calibration_error

# The predicted label of a text that the model did not score; no true label is empty.
REFUSED = ""


@dataclass(frozen=True)
class ClassMetrics:
    precision: float
    recall: float
    f1: float
    support: int


@dataclass(frozen=True)
class ClassificationReport:
    """Metrics in [0, 1] over n texts; Matthews correlation in [-1, 1]."""

    accuracy: float
    macro_f1: float
    weighted_f1: float
    expected_calibration_error: float
    matthews_correlation: float
    per_class: Mapping[str, ClassMetrics]
    n: int

    def scalars(self) -> dict[str, float]:
        return {
            "accuracy": self.accuracy,
            "macro_f1": self.macro_f1,
            "weighted_f1": self.weighted_f1,
            "expected_calibration_error": self.expected_calibration_error,
            "matthews_correlation": self.matthews_correlation,
        }


def classification_report(
    probabilities: NDArray[np.float32], truth: Sequence[str], labels: Sequence[str]
) -> ClassificationReport:
    """`probabilities` (n, labels) against the true labels; a label unknown to the model is wrong,
    and so is a text that was refused, whose probabilities are all zero.

    Macro F1 is over the labels that occur in the truth or in the predictions.
    """
    names = np.array(labels, dtype=object)
    confidences = probabilities.max(axis=1)
    predicted = np.where(confidences > 0, names[probabilities.argmax(axis=1)], REFUSED).tolist()
    return report_of_labels(predicted, truth, confidences=confidences)


def report_of_labels(
    predicted: Sequence[str], truth: Sequence[str], *, confidences: NDArray[np.float32]
) -> ClassificationReport:
    occurring = sorted(set(truth) | set(predicted))
    correct = np.array([a == b for a, b in zip(predicted, truth, strict=True)], dtype=bool)
    precision, recall, f1, support = precision_recall_fscore_support(
        truth, predicted, labels=occurring, zero_division=0.0
    )
    return ClassificationReport(
        accuracy=float(accuracy_score(truth, predicted)),
        macro_f1=float(f1_score(truth, predicted, average="macro", zero_division=0.0)),
        weighted_f1=float(f1_score(truth, predicted, average="weighted", zero_division=0.0)),
        expected_calibration_error=expected_calibration_error(confidences, correct),
        matthews_correlation=float(matthews_corrcoef(truth, predicted)),
        per_class={
            label: ClassMetrics(
                float(precision[i]), float(recall[i]), float(f1[i]), int(support[i])
            )
            for i, label in enumerate(occurring)
        },
        n=len(truth),
    )


@dataclass(frozen=True)
class OutOfScopeReport:
    """`in_scope_accuracy` and `out_of_scope_recall` at `threshold`; AUROC over all thresholds."""

    in_scope_accuracy: float
    out_of_scope_recall: float
    out_of_scope_auroc: float
    threshold: float


def out_of_scope_report(
    scores: NDArray[np.float32],
    predicted: Sequence[str],
    truth: Sequence[str],
    *,
    label: str,
    threshold: float,
) -> OutOfScopeReport | None:
    """`scores` (n,) are in-scope confidences: below `threshold` a text counts as out of scope.

    An in-scope text is right when it is accepted with the right label. None unless both kinds
    of text occur.
    """
    outside = np.array([t == label for t in truth], dtype=bool)
    if outside.all() or not outside.any():
        return None
    accepted = (scores >= threshold) & np.array([p != label for p in predicted], dtype=bool)
    right = np.array([p == t for p, t in zip(predicted, truth, strict=True)], dtype=bool)
    return OutOfScopeReport(
        in_scope_accuracy=float((accepted & right)[~outside].mean()),
        out_of_scope_recall=float((~accepted)[outside].mean()),
        out_of_scope_auroc=float(roc_auc_score(outside, -scores)),
        threshold=threshold,
    )
