import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.monitor.baseline import (
    DISPERSION,
    Expectation,
    profile_of,
    rate_of,
    slots_of,
    surprise,
)


@given(st.floats(0, 500), st.floats(0.001, 100), st.floats(0.1, 20))
def test_surprise_is_never_negative(amount: float, mean: float, shape: float) -> None:
    assert surprise(amount, Expectation(mean, shape)) >= 0


@given(st.floats(0.1, 50), st.floats(0.01, 20))
def test_more_is_at_least_as_odd(amount: float, mean: float) -> None:
    expected = Expectation(mean, DISPERSION)
    assert surprise(amount * 1.5, expected) >= surprise(amount, expected) - 1e-9


def test_the_chance_is_that_of_a_negative_binomial() -> None:
    rng = np.random.default_rng(0)
    mean, shape = 3.0, 2.5
    counts = rng.poisson(rng.gamma(shape, mean / shape, size=200_000))
    for amount in (4, 8, 12):
        share = np.mean(counts >= amount)
        assert 10 ** -surprise(amount, Expectation(mean, shape)) == pytest.approx(share, rel=0.1)


def test_a_rate_forgets_slowly_and_clips_bursts() -> None:
    exposures = np.ones(24 * 20)
    steady = np.tile([1.0, 0.0], 24 * 10)
    rate, seen = rate_of(steady, exposures, prior_rate=0.1)
    assert rate == pytest.approx(0.5, rel=0.05)
    assert seen > 50
    burst = steady.copy()
    burst[-10] = 200.0
    assert rate_of(burst, exposures, prior_rate=0.1)[0] < 2 * rate


def test_without_a_past_the_rate_is_the_prior() -> None:
    rate, _ = rate_of(np.zeros(0), np.zeros(0), prior_rate=0.2)
    assert rate == pytest.approx(0.2)


def test_slots_tell_weekends() -> None:
    thursday, saturday = 0, 2 * 24
    assert slots_of(np.array([thursday + 5, saturday + 5])).tolist() == [5, 29]


def test_a_profile_has_mean_one_over_a_week() -> None:
    rng = np.random.default_rng(1)
    profile = profile_of(rng.poisson(20, 48).astype(float), np.full(48, 5.0))
    week = np.concatenate([np.full(24, 5), np.full(24, 2)])
    assert float((profile * week).sum() / week.sum()) == pytest.approx(1.0)
    assert profile_of(np.zeros(48), np.zeros(48)) == pytest.approx(np.ones(48))
