"""Anomalies in any series of numbers, one value at a time, from the values before it alone.

Each value is predicted twice, by a fast and a slow exponentially weighted mean, and the errors are
measured by their own usual size. An error's chance is that of a Laplace distribution, whose tails
are heavy enough for most series; the anomaly score is the rarer chance of the two on a logarithmic
scale, so it means the same in every series: 0.5 is one value in ten thousand.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

LEARNING = 60
FAST = 0.2
SLOW = 0.01
SPREAD = 0.01
# The score reaches 1 at a chance of 1 in 10^8.
DIGITS = 8.0
ALERT_AT = 0.75
QUIET_AFTER_ALERT = 30
LARGEST_ERROR = 6.0


@dataclass(frozen=True)
class Judged:
    """`anomaly_score` in [0, 1]; `alert` marks the first odd value of a stretch."""

    timestamp: datetime
    value: float
    anomaly_score: float
    alert: bool


class Judge:
    """The state of one series: constant in size, whatever its length."""

    def __init__(self) -> None:
        self._seen = 0
        self._means = [0.0, 0.0]
        self._spreads = [0.0, 0.0]
        self._quiet = 0

    def take(self, timestamp: datetime, value: float) -> Judged:
        """Judge a value by those before it, then learn from it."""
        odds = [self._odds(place, value) for place in (0, 1)] if self._seen >= LEARNING else [0.0]
        score = min(1.0, max(odds) / DIGITS)
        alert = score >= ALERT_AT and self._quiet == 0
        self._quiet = QUIET_AFTER_ALERT if alert else max(0, self._quiet - 1)
        self._learn(value)
        return Judged(timestamp, value, round(score, 6), alert)

    def _odds(self, place: int, value: float) -> float:
        """-log10 of the chance of an error at least this large."""
        error = abs(value - self._means[place])
        spread = self._spreads[place]
        if spread <= 0:
            return DIGITS if error > 0 else 0.0
        return error / spread / math.log(10)

    def _learn(self, value: float) -> None:
        self._seen += 1
        for place, rate in enumerate((FAST, SLOW)):
            if self._seen == 1:
                self._means[place] = value
                continue
            error = value - self._means[place]
            # A single wild value widens the spread by no more than a few times itself.
            most = LARGEST_ERROR * self._spreads[place]
            size = min(abs(error), most) if self._seen > LEARNING and most > 0 else abs(error)
            pace = max(SPREAD, 1.0 / self._seen)
            self._spreads[place] += pace * (size - self._spreads[place])
            self._means[place] += max(rate, 1.0 / self._seen) * error


def judge(points: Iterable[tuple[datetime, float]]) -> Iterator[Judged]:
    """Judge (timestamp, value) points in order."""
    state = Judge()
    for timestamp, value in points:
        yield state.take(timestamp, value)
