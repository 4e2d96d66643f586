"""Calibration: temperature scaling and the expected calibration error (Guo et al. 2017)."""

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

Floats = NDArray[np.float32] | NDArray[np.float64]
BINS = 15
SMALLEST_SAMPLE = 10


def expected_calibration_error(
    confidences: Floats, correct: NDArray[np.bool_], *, bins: int = BINS
) -> float:
    """Mean gap between confidence and accuracy over equal-width bins (arXiv:1706.04599).

    `confidences` (n,) in [0, 1]; `correct` (n,). Zero for no rows.
    """
    if len(confidences) == 0:
        return 0.0
    numbers = np.minimum((np.asarray(confidences) * bins).astype(int), bins - 1)
    error = 0.0
    for number in np.unique(numbers):
        inside = numbers == number
        gap = abs(float(confidences[inside].mean()) - float(correct[inside].mean()))
        error += gap * float(inside.mean())
    return error


def fit_temperature(logits: Floats, labels: NDArray[np.int64]) -> float:
    """The temperature that minimises the negative log likelihood of `labels` (n,).

    `logits` (n, classes). Returns 1.0 for fewer than ten rows, which say nothing.
    """
    if len(labels) < SMALLEST_SAMPLE:
        return 1.0
    scores = np.asarray(logits, dtype=np.float64)

    def loss(log_temperature: float) -> float:
        scaled = scores / np.exp(log_temperature)
        peak = scaled.max(axis=1, keepdims=True)
        normaliser = peak[:, 0] + np.log(np.exp(scaled - peak).sum(axis=1))
        return float((normaliser - scaled[np.arange(len(labels)), labels]).mean())

    found = minimize_scalar(loss, bounds=(np.log(0.1), np.log(10.0)), method="bounded")
    return float(np.exp(found.x))
