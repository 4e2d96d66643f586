"""Logistic calibration: from scores of a retriever to a probability of being right."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactCorrupt
from core.models.manifest import Json

Matrix = NDArray[np.float64]
STEPS = 50


@dataclass(frozen=True)
class Logistic:
    """`probability` of rows of `features` (n, f): sigmoid of a linear function of them."""

    mean: tuple[float, ...]
    scale: tuple[float, ...]
    weights: tuple[float, ...]
    bias: float

    def probability(self, features: Matrix) -> Matrix:
        """(n,) probabilities; a row that was never seen stays inside [0, 1]."""
        standard = (features - np.asarray(self.mean)) / np.asarray(self.scale)
        linear = np.clip(standard @ np.asarray(self.weights) + self.bias, -30.0, 30.0)
        return np.asarray(1.0 / (1.0 + np.exp(-linear)))

    def as_json(self) -> Json:
        return {
            "mean": list(self.mean),
            "scale": list(self.scale),
            "weights": list(self.weights),
            "bias": self.bias,
        }

    @classmethod
    def from_json(cls, body: Json) -> Self:
        """Raises `ArtefactCorrupt` for anything that `as_json` did not write."""
        if not isinstance(body, Mapping):
            raise ArtefactCorrupt("a calibration is missing in the manifest")
        try:
            mean, scale, weights = (
                tuple(float(value) for value in body[name])  # type: ignore[union-attr, arg-type]
                for name in ("mean", "scale", "weights")
            )
            bias = float(body["bias"])  # type: ignore[arg-type]
        except (KeyError, TypeError, ValueError) as error:
            raise ArtefactCorrupt(f"a calibration cannot be read: {error}") from error
        if not len(mean) == len(scale) == len(weights):
            raise ArtefactCorrupt("a calibration has lists of different lengths")
        return cls(mean, scale, weights, bias)


def fit_logistic(features: Matrix, correct: NDArray[np.bool_], *, ridge: float = 1.0) -> Logistic:
    """Maximum likelihood with an L2 penalty on the standardised weights (Newton's method).

    `features` (n, f), `correct` (n,). A ridge keeps the weights finite where the classes can be
    separated; the bias is not penalised.
    """
    mean = features.mean(axis=0)
    scale = np.where(features.std(axis=0) > 1e-9, features.std(axis=0), 1.0)
    rows = np.column_stack([(features - mean) / scale, np.ones(len(features))])
    target = correct.astype(np.float64)
    penalty = np.full(rows.shape[1], ridge)
    penalty[-1] = 1e-6
    weights = np.zeros(rows.shape[1])
    for _ in range(STEPS):
        found = 1.0 / (1.0 + np.exp(-np.clip(rows @ weights, -30.0, 30.0)))
        gradient = rows.T @ (found - target) + penalty * weights
        curvature = (rows * (found * (1.0 - found))[:, None]).T @ rows + np.diag(penalty)
        step = np.linalg.solve(curvature, gradient)
        weights = weights - step
        if float(np.abs(step).max()) < 1e-8:
            break
    return Logistic(
        tuple(mean.tolist()),
        tuple(scale.tolist()),
        tuple(weights[:-1].tolist()),
        float(weights[-1]),
    )


def expected_calibration_error(
    confidence: NDArray[np.float64], correct: NDArray[np.bool_], *, bins: int = 10
) -> float:
    """Mean gap of confidence and accuracy over equal-width bins (Guo et al. 2017)."""
    if len(confidence) == 0:
        return 0.0
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    total = 0.0
    for number in range(bins):
        inside = place == number
        if inside.any():
            gap = abs(float(confidence[inside].mean()) - float(correct[inside].mean()))
            total += gap * float(inside.mean())
    return total
