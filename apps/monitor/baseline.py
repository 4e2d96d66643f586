"""What is usual for a company: a causal rate with the hours' seasonality, and how odd a count is.

A company's stories are taken as counts with a gamma-distributed rate, so that a window's count is
negative binomial: bursts that chance produces are priced in. The rate is estimated from the past
alone, with recent weeks weighing more, single hours clipped, and the last hours left out so that an
event does not become its own baseline.
"""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import betainc

HOUR = timedelta(hours=1)
HISTORY_HOURS = 28 * 24
HALF_LIFE_HOURS = 10 * 24
# The newest hours, which an event under way would spoil.
GAP_HOURS = 12
SLOTS = 48
PROFILE_PRIOR = 40.0
PRIOR_STORIES = 1.5
PRIOR_RATE = 0.1
# Shape of the gamma distribution of a company's rate from day to day (smaller: more bursts).
DISPERSION = 2.5
LARGEST = 99.0


@dataclass(frozen=True)
class Expectation:
    """What a window would usually hold: `mean` in stories (or mass) and the gamma `shape`."""

    mean: float
    shape: float


def hour_number(at: datetime) -> int:
    """Hours since 1970."""
    return int(at.timestamp() // 3600)


def slots_of(hours: NDArray[np.int64]) -> NDArray[np.int64]:
    """The hour of the day, with 24 added on weekends; 1 January 1970 was a Thursday."""
    weekday = (hours // 24 + 3) % 7
    return hours % 24 + np.where(weekday >= 5, 24, 0)


def profile_of(counts: NDArray[np.float64], hours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the usual hourly rate in each of 48 slots, (48,), mean 1 over the hours of a week.

    `counts` are all companies' stories by slot, `hours` how often each slot has passed.
    """
    overall = counts.sum() / max(1.0, hours.sum())
    raw = (counts + PROFILE_PRIOR) / (hours * overall + PROFILE_PRIOR)
    week = np.concatenate([np.full(24, 5.0), np.full(24, 2.0)])
    return np.asarray(raw * week.sum() / (raw * week).sum())


def rate_of(
    amounts: NDArray[np.float64],
    exposures: NDArray[np.float64],
    *,
    prior_rate: float,
) -> tuple[float, float]:
    """(rate per usual hour, effective number of stories seen) from the past hours, oldest first."""
    ages = np.arange(len(amounts), 0, -1)
    weights = np.power(0.5, ages / HALF_LIFE_HOURS)
    prior_hours = PRIOR_STORIES / prior_rate
    first = (weights @ amounts + PRIOR_STORIES) / (weights @ exposures + prior_hours)
    usual = first * exposures
    clipped = np.minimum(amounts, usual + 3 * np.sqrt(usual) + 1)
    seen = float(weights @ clipped)
    return (seen + PRIOR_STORIES) / float(weights @ exposures + prior_hours), seen + PRIOR_STORIES


def surprise(amount: float, expected: Expectation) -> float:
    """-log10 of the chance to see at least `amount` in a window that expects `expected`.

    The negative binomial's tail as the regularised incomplete beta function, which also holds for
    masses that are no whole numbers (Abramowitz and Stegun, 26.5.26).
    """
    if amount <= 0:
        return 0.0
    share = expected.mean / (expected.mean + expected.shape)
    tail = float(betainc(amount, expected.shape, share))
    return LARGEST if tail <= 10**-LARGEST else max(0.0, -math.log10(tail))


def shape_of(stories_seen: float) -> float:
    """The gamma shape of a window's rate: the usual burstiness, and what is not yet known."""
    return 1.0 / (1.0 / DISPERSION + 1.0 / stories_seen)
