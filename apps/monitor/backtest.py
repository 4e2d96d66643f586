"""How alerts compare with events that were established without them.

Each event is matched with at most one alert of its company and each alert with at most one event,
nearest first. Alerts on a company during an event that another alert has found are repeats: neither
hits nor false. Lead time is the event's start minus the alert's time: negative where the alert came
later.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
RESAMPLES = 1000
DRAWS = 200


@dataclass(frozen=True)
class Event:
    """Something that happened to a company, known from elsewhere."""

    company: str
    start: datetime
    end: datetime
    kind: str = ""


@dataclass(frozen=True)
class Raised:
    """An alert as the backtest sees it."""

    company: str
    at: datetime
    rule: str = ""


@dataclass(frozen=True)
class Matching:
    """`hits` are (event, alert) pairs."""

    hits: tuple[tuple[Event, Raised], ...]
    missed: tuple[Event, ...]
    false: tuple[Raised, ...]

    @property
    def precision(self) -> float | None:
        """Share of alerts that found an event; None without alerts."""
        found = len(self.hits) + len(self.false)
        return len(self.hits) / found if found else None

    @property
    def recall(self) -> float | None:
        """Share of events that were found; None without events."""
        known = len(self.hits) + len(self.missed)
        return len(self.hits) / known if known else None


def match(
    events: Sequence[Event], alerts: Sequence[Raised], *, before: timedelta, after: timedelta
) -> Matching:
    """Match one to one; an alert may come `before` the start of an event or `after` its end."""
    pairs = sorted(
        (abs(event.start - alert.at), place, number)
        for place, event in enumerate(events)
        for number, alert in enumerate(alerts)
        if event.company == alert.company and event.start - before <= alert.at <= event.end + after
    )
    hit: dict[int, int] = {}
    taken: set[int] = set()
    reached = {number for _, _, number in pairs}
    for _, place, number in pairs:
        if place not in hit and number not in taken:
            hit[place] = number
            taken.add(number)
    return Matching(
        hits=tuple((events[place], alerts[number]) for place, number in sorted(hit.items())),
        missed=tuple(event for place, event in enumerate(events) if place not in hit),
        false=tuple(alert for number, alert in enumerate(alerts) if number not in reached),
    )


def lead_minutes(matching: Matching) -> list[float]:
    """Minutes by which each hit came before its event began."""
    return [(event.start - alert.at).total_seconds() / 60 for event, alert in matching.hits]


def quantiles(values: Sequence[float]) -> dict[str, float] | None:
    """The usual quantiles by name ("p10" to "p90"); None without values."""
    if not values:
        return None
    found = np.quantile(np.array(values), QUANTILES)
    return {
        f"p{round(q * 100)}": round(float(value), 1)
        for q, value in zip(QUANTILES, found, strict=True)
    }


def intervals(
    matching: Matching, companies: Sequence[str], *, seed: int = 0
) -> dict[str, list[float] | None]:
    """95 % bootstrap intervals of precision and recall, resampling whole companies."""
    rng = random.Random(seed)
    counts = {company: [0, 0, 0] for company in companies}
    for event, _ in matching.hits:
        counts.setdefault(event.company, [0, 0, 0])[0] += 1
    for event in matching.missed:
        counts.setdefault(event.company, [0, 0, 0])[1] += 1
    for alert in matching.false:
        counts.setdefault(alert.company, [0, 0, 0])[2] += 1
    rows = list(counts.values())
    precisions, recalls = [], []
    for _ in range(RESAMPLES):
        hits, missed, false = np.sum(rng.choices(rows, k=len(rows)), axis=0)
        if hits + false:
            precisions.append(float(hits / (hits + false)))
        if hits + missed:
            recalls.append(float(hits / (hits + missed)))
    return {"precision": _middle(precisions), "recall": _middle(recalls)}


def random_alerts(
    n: int, *, companies: Sequence[str], start: datetime, end: datetime, rng: random.Random
) -> list[Raised]:
    """As many alerts as ours, on random companies at random times."""
    seconds = (end - start).total_seconds()
    return [
        Raised(rng.choice(companies), start + timedelta(seconds=rng.uniform(0, seconds)))
        for _ in range(n)
    ]


def at_random(
    judge: Callable[[Sequence[Raised]], Matching],
    n: int,
    *,
    companies: Sequence[str],
    start: datetime,
    end: datetime,
    seed: int = 0,
) -> dict[str, float]:
    """Mean precision and recall of random alerts at the same rate."""
    rng = random.Random(seed)
    found = [
        judge(random_alerts(n, companies=companies, start=start, end=end, rng=rng))
        for _ in range(DRAWS)
    ]
    return {
        "precision": round(float(np.mean([each.precision or 0.0 for each in found])), 4),
        "recall": round(float(np.mean([each.recall or 0.0 for each in found])), 4),
    }


def _middle(values: Sequence[float]) -> list[float] | None:
    if not values:
        return None
    low, high = np.quantile(np.array(values), (0.025, 0.975))
    return [round(float(low), 4), round(float(high), 4)]
