"""Readings of each company at a moment of event time, from its own past alone.

`Watch` holds the hourly buckets of the last weeks and the headlines of the last day. Applying a
document and measuring a company are independent of how documents were batched, so a backfill
measures what a live stream would have.
"""

from bisect import insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from math import log10

import numpy as np
from numpy.typing import NDArray

from apps.monitor.baseline import (
    GAP_HOURS,
    HISTORY_HOURS,
    PRIOR_RATE,
    SLOTS,
    Expectation,
    hour_number,
    profile_of,
    rate_of,
    shape_of,
    slots_of,
    surprise,
)
from apps.monitor.series import EMPTY, MICRO, Bucket, Contribution, bucket_of

KINDS = ("negative", "positive", "volume")
WINDOWS = (timedelta(hours=1), timedelta(hours=6), timedelta(hours=24))
LONGEST = WINDOWS[-1]
# Two odd headlines are a coincidence, whatever the arithmetic says.
FEWEST_STORIES = 3
CLEARLY = 0.3
PRIOR_SHARE = 0.25
PRIOR_HOURS = 240
# Looking at several windows finds an odd one more often.
SEVERAL_WINDOWS = log10(len(WINDOWS))


@dataclass(frozen=True)
class Measurement:
    """How odd a company's news is: `value` is -log10 of the chance of the oddest window.

    `seen` and `expected` are stories (volume) or mass (negative, positive) in `window`;
    `stories` are the contributions that make it up, the heaviest first.
    """

    company_id: str
    kind: str
    at: datetime
    value: float
    window: timedelta
    seen: float
    expected: float
    stories: tuple[Contribution, ...]


@dataclass
class _History:
    hours: dict[int, Bucket] = field(default_factory=dict)
    recent: list[tuple[datetime, str, Contribution]] = field(default_factory=list)
    past_changes: int = 0


@dataclass(frozen=True)
class _Usual:
    """Rates per usual hour by kind with the number of stories behind each."""

    rates: dict[str, float]
    seen: dict[str, float]


class Watch:
    """The state that detection needs; `origin` is the first hour with any document."""

    def __init__(self) -> None:
        self.origin: int | None = None
        self._companies: dict[str, _History] = {}
        self._pool: dict[int, Bucket] = {}
        self._pool_changes = 0
        self._newest = 0
        self._profiles: dict[tuple[int, int], NDArray[np.float64]] = {}
        self._usual: dict[str, tuple[tuple[int, int, int], _Usual]] = {}
        self._past_changes = 0
        self._pool_usual: tuple[tuple[int, int, int], dict[str, float]] | None = None

    def companies(self) -> tuple[str, ...]:
        """Those with any news so far."""
        return tuple(self._companies)

    def load_bucket(self, company_id: str, start: datetime, bucket: Bucket) -> None:
        """Take an hour as it was stored."""
        self._add(company_id, hour_number(start), bucket)

    def load_recent(self, contribution: Contribution) -> None:
        """Take a headline of the last day, whose hour has been loaded."""
        history = self._companies.setdefault(contribution.company_id, _History())
        insort(history.recent, _entry(contribution))

    def apply(self, contribution: Contribution) -> None:
        """A document that counts has come."""
        self._add(contribution.company_id, hour_number(contribution.at), bucket_of(contribution))
        if contribution.counts:
            self.load_recent(contribution)

    def withdraw(self, contribution: Contribution) -> None:
        """A document turned out to be a copy of one published earlier."""
        self._add(contribution.company_id, hour_number(contribution.at), -bucket_of(contribution))
        history = self._companies.get(contribution.company_id)
        # A document that counted for nothing has left no trace of its company.
        if history is not None and _entry(contribution) in history.recent:
            history.recent.remove(_entry(contribution))

    def measure(self, company_id: str, *, at: datetime) -> tuple[Measurement, ...]:
        """One measurement for each kind; stories published after `at` do not count."""
        history = self._companies.get(company_id, _History())
        stories = [story for when, _, story in history.recent if at - LONGEST < when <= at]
        usual = self._usual_of(company_id, history, hour_number(at))
        profile = self._profile(hour_number(at))
        hours = [_exposure(profile, at - window, at) for window in WINDOWS]
        return tuple(
            _measured(company_id, kind, at=at, stories=stories, usual=usual, hours=hours)
            for kind in KINDS
        )

    def forget(self, *, before: datetime) -> None:
        """Drop headlines and hours that no measurement after `before` + one day can need."""
        oldest = hour_number(before) - HISTORY_HOURS
        for history in self._companies.values():
            history.recent = [entry for entry in history.recent if entry[0] > before - LONGEST]
            for hour in [hour for hour in history.hours if hour < oldest]:
                del history.hours[hour]
        for hour in [hour for hour in self._pool if hour < oldest]:
            del self._pool[hour]
        self._profiles.clear()

    def _add(self, company_id: str, hour: int, bucket: Bucket) -> None:
        if bucket == EMPTY:
            return
        history = self._companies.setdefault(company_id, _History())
        history.hours[hour] = history.hours.get(hour, EMPTY) + bucket
        self._pool[hour] = self._pool.get(hour, EMPTY) + bucket
        self.origin = hour if self.origin is None else min(self.origin, hour)
        if hour <= self._newest - GAP_HOURS:
            history.past_changes += 1
            self._past_changes += 1
        if hour // 24 < self._newest // 24:
            self._pool_changes += 1
        self._newest = max(self._newest, hour)

    def _usual_of(self, company_id: str, history: _History, hour: int) -> _Usual:
        key = (hour, history.past_changes, self._pool_changes)
        cached = self._usual.get(company_id)
        if cached is not None and cached[0] == key:
            return cached[1]
        usual = self._estimate(history, hour)
        self._usual[company_id] = (key, usual)
        return usual

    def _estimate(self, history: _History, hour: int) -> _Usual:
        end = hour - GAP_HOURS
        start = max(end - HISTORY_HOURS, end if self.origin is None else min(self.origin, end))
        hours = np.arange(start, end)
        exposures = self._profile(hour)[slots_of(hours)]
        amounts = {kind: np.zeros(len(hours)) for kind in KINDS}
        for number, bucket in history.hours.items():
            if start <= number < end:
                for kind in KINDS:
                    amounts[kind][number - start] = _of_bucket(kind, bucket)
        pool = self._pool_rates(start, end)
        rates, seen = {}, {}
        for kind in KINDS:
            rates[kind], seen[kind] = rate_of(amounts[kind], exposures, prior_rate=pool[kind])
        return _Usual(rates, seen)

    def _pool_rates(self, start: int, end: int) -> dict[str, float]:
        """The mean rate of a company, which one without a past is taken to have."""
        key = (start, end, self._past_changes)
        if self._pool_usual is None or self._pool_usual[0] != key:
            company_hours = (end - start) * len(self._companies)
            past = sum(
                (bucket for hour, bucket in self._pool.items() if start <= hour < end), EMPTY
            )
            rates = {}
            for kind in KINDS:
                prior = PRIOR_RATE * (1.0 if kind == "volume" else PRIOR_SHARE)
                total = _of_bucket(kind, past)
                rates[kind] = (total + prior * PRIOR_HOURS) / (company_hours + PRIOR_HOURS)
            self._pool_usual = (key, rates)
        return self._pool_usual[1]

    def _profile(self, hour: int) -> NDArray[np.float64]:
        day = hour // 24
        key = (day, self._pool_changes)
        if key not in self._profiles:
            self._profiles.clear()
            self._profiles[key] = self._profile_before(day * 24)
        return self._profiles[key]

    def _profile_before(self, end: int) -> NDArray[np.float64]:
        counts, passed = np.zeros(SLOTS), np.zeros(SLOTS)
        if self.origin is not None and self.origin < end:
            start = max(self.origin, end - HISTORY_HOURS)
            np.add.at(passed, slots_of(np.arange(start, end)), 1.0)
            known = [(hour, b.volume) for hour, b in self._pool.items() if start <= hour < end]
            if known:
                table = np.array(known, dtype=np.int64)
                np.add.at(counts, slots_of(table[:, 0]), table[:, 1].astype(np.float64))
        return profile_of(counts, passed)


def _measured(
    company_id: str,
    kind: str,
    *,
    at: datetime,
    stories: Sequence[Contribution],
    usual: _Usual,
    hours: Sequence[float],
) -> Measurement:
    """The oddest of the windows; `hours` are the usual hours of each."""
    weighed = [(_amount(kind, story), story) for story in stories]
    best = Measurement(company_id, kind, at, 0.0, WINDOWS[0], 0.0, 0.0, ())
    shape = shape_of(usual.seen[kind])
    for window, usual_hours in zip(WINDOWS, hours, strict=True):
        inside = [(amount, story) for amount, story in weighed if story.at > at - window]
        seen = sum(amount for amount, _ in inside)
        expected = Expectation(usual.rates[kind] * usual_hours, shape)
        telling = sum(1 for amount, _ in inside if amount >= CLEARLY)
        odd = surprise(seen, expected) - SEVERAL_WINDOWS if telling >= FEWEST_STORIES else 0.0
        if odd > best.value or best.expected == 0.0:
            told = tuple(story for amount, story in sorted(inside, key=_weight) if amount > 0)
            value = max(0.0, odd)
            best = Measurement(company_id, kind, at, value, window, seen, expected.mean, told)
    return best


def _weight(pair: tuple[float, Contribution]) -> tuple[float, datetime, str]:
    amount, story = pair
    return (-amount, story.at, story.document_id)


def _entry(contribution: Contribution) -> tuple[datetime, str, Contribution]:
    return (contribution.at, contribution.document_id, contribution)


def _amount(kind: str, story: Contribution) -> float:
    if kind == "volume":
        return 1.0
    mass = story.mass / MICRO
    return max(0.0, -mass if kind == "negative" else mass)


def _of_bucket(kind: str, bucket: Bucket) -> float:
    if kind == "volume":
        return float(bucket.volume)
    return (bucket.negative if kind == "negative" else bucket.positive) / MICRO


def _exposure(profile: NDArray[np.float64], start: datetime, end: datetime) -> float:
    """Usual hours between two times: each hour counts as much as its slot's share."""
    first, last = start.timestamp() / 3600, end.timestamp() / 3600
    hours = np.arange(int(first), int(last) + 1)
    parts = np.minimum(hours + 1, last) - np.maximum(hours, first)
    return float(parts @ profile[slots_of(hours)])
