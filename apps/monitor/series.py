"""Hourly series of each company in event time: volume, mean sentiment, negative and positive mass.

All sums are integers (millionths), so the series depends on which documents came, not on the order
in which they came. A copy of a story adds nothing; a late document revises the hour it belongs to.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

MICRO = 1_000_000
BUCKET = timedelta(hours=1)
# A company that is only mentioned in passing does not move its series.
COUNTED_RELEVANCE = 50


@dataclass(frozen=True)
class Contribution:
    """What one document adds to one company's series.

    `score` is None for a text that was not scored: it counts for volume alone.
    """

    document_id: str
    company_id: str
    at: datetime
    relevance: int
    score: float | None

    @property
    def counts(self) -> bool:
        return self.relevance >= COUNTED_RELEVANCE

    @property
    def mass(self) -> int:
        """The score weighted by relevance, in millionths; negative for bad news."""
        return 0 if self.score is None else round(self.score * self.relevance / 100 * MICRO)


@dataclass(frozen=True)
class Bucket:
    """One hour. `negative` and `positive` are masses (0 or more), `weight` that of the mean."""

    volume: int = 0
    scored: int = 0
    weight: int = 0
    total: int = 0
    negative: int = 0
    positive: int = 0

    @property
    def mean_sentiment(self) -> float | None:
        """Between -1 and 1; None for an hour without a scored document."""
        return self.total / self.weight if self.weight else None

    def __add__(self, other: "Bucket") -> "Bucket":
        return Bucket(
            self.volume + other.volume,
            self.scored + other.scored,
            self.weight + other.weight,
            self.total + other.total,
            self.negative + other.negative,
            self.positive + other.positive,
        )

    def __neg__(self) -> "Bucket":
        return Bucket(
            -self.volume, -self.scored, -self.weight, -self.total, -self.negative, -self.positive
        )


EMPTY = Bucket()


def bucket_start(at: datetime) -> datetime:
    """The beginning of the hour that `at` belongs to."""
    return at.replace(minute=0, second=0, microsecond=0)


def bucket_of(contribution: Contribution) -> Bucket:
    """The contribution as a bucket of its own."""
    if not contribution.counts:
        return EMPTY
    if contribution.score is None:
        return Bucket(volume=1)
    mass = contribution.mass
    return Bucket(
        volume=1,
        scored=1,
        weight=round(contribution.relevance / 100 * MICRO),
        total=mass,
        negative=max(0, -mass),
        positive=max(0, mass),
    )


def resampled(
    buckets: Iterable[tuple[datetime, Bucket]], *, step: timedelta
) -> list[tuple[datetime, Bucket]]:
    """Hourly buckets, ordered by start, put together to longer ones that start on multiples of
    `step` since 1970."""
    found: dict[float, Bucket] = {}
    starts: dict[float, datetime] = {}
    for start, bucket in buckets:
        offset = start.timestamp() % step.total_seconds()
        longer = start - timedelta(seconds=offset)
        key = longer.timestamp()
        starts[key] = longer
        found[key] = found.get(key, EMPTY) + bucket
    return [(starts[key], found[key]) for key in sorted(found)]
