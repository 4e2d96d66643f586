"""From scores to a list: what may be shown, in which order, and what stands in where none fits."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from apps.recommend.events import Taken
from apps.recommend.items import Item
from apps.recommend.live import Snapshot
from apps.recommend.models.interactions import Floats
from apps.recommend.models.popularity import relative_heat
from apps.recommend.scoring import TEXT, TREND, Scored, score, usable

KEEP = 200
SAME_CATEGORY = 0.7
# A score of this size is shown as 0.75.
SPREAD = 15.0
SOURCES = {
    "near_item_knn": "watched_together",
    "item_knn": "watched_together",
    "next_item_knn": "watched_next",
    "next_item_linear": "watched_next",
    "ease": "taste",
    "recent_ease": "taste",
    TEXT: "similar_text",
    TREND: "recent_popular",
}


@dataclass(frozen=True)
class Rule:
    """Which items may be shown; an empty field allows all."""

    categories: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    exclude_categories: frozenset[str] = frozenset()
    exclude_tags: frozenset[str] = frozenset()
    published_after: datetime | None = None
    published_before: datetime | None = None
    min_duration_seconds: int | None = None
    max_duration_seconds: int | None = None

    def allows(self, item: Item) -> bool:
        """Whether an item may be shown; an unknown duration meets no limit."""
        categories, tags = set(item.categories), set(item.tags)
        seconds = item.duration_seconds
        return (
            (not self.categories or bool(self.categories & categories))
            and (not self.tags or bool(self.tags & tags))
            and not self.exclude_categories & categories
            and not self.exclude_tags & tags
            and (self.published_after is None or item.published_at >= self.published_after)
            and (self.published_before is None or item.published_at < self.published_before)
            and (
                self.min_duration_seconds is None
                or (seconds is not None and seconds >= self.min_duration_seconds)
            )
            and (
                self.max_duration_seconds is None
                or (seconds is not None and seconds <= self.max_duration_seconds)
            )
        )


ANYTHING = Rule()


@dataclass(frozen=True)
class Line:
    """One item of a ranking: its row in the snapshot, its score in (0, 1), where it comes from."""

    row: int
    score: float
    source: str


@dataclass(frozen=True, eq=False)
class Ranked:
    """The best items, best first. `fallback` names what stood in, `short_because` what is lacking.

    `scored` is None where the history said nothing.
    """

    lines: tuple[Line, ...]
    fallback: str | None = None
    short_because: str | None = None
    scored: Scored | None = field(default=None, repr=False)


def rank(
    snapshot: Snapshot,
    history: Taken,
    *,
    rule: Rule,
    exclude: frozenset[str],
    n: int,
    now: datetime,
) -> Ranked:
    """Rank what may be shown; at least `n` items where there are so many.

    Equal scores are ordered by item id.
    """
    published = snapshot.published <= now.timestamp()
    allowed = np.ones(len(snapshot.items), dtype=bool)
    if rule != ANYTHING:
        allowed[:] = [rule.allows(item) for item in snapshot.items]
    unseen = np.ones(len(snapshot.items), dtype=bool)
    unseen[[snapshot.rows[i] for i in history.exclude | exclude if i in snapshot.rows]] = False
    possible = published & allowed & unseen
    short = _short_because(possible, published & unseen, n=n)
    visits = usable(snapshot, history.visits)
    ranker = snapshot.models.ranker
    if ranker is None or not visits:
        fallback = "no_ranker" if ranker is None and visits else None
        return _cold(snapshot, possible, fallback=fallback, short=short, keep=max(KEEP, n))
    scored = score(snapshot, visits, ranker)
    order = _best(scored.total, possible, keep=max(KEEP, n))
    names = list(scored.by_part)
    strongest = np.argmax([scored.by_part[name][order] for name in names], axis=0)
    lines = tuple(
        Line(int(row), unit(float(scored.total[row])), _source(snapshot, int(row), names[part]))
        for row, part in zip(order, strongest, strict=True)
    )
    return Ranked(lines=lines, short_because=short, scored=scored)


def unit(score: float) -> float:
    """A score of any size on the scale from 0 to 1, order kept."""
    return (1.0 + score / (SPREAD + abs(score))) / 2.0


def _source(snapshot: Snapshot, row: int, part: str) -> str:
    return "similar_text" if snapshot.columns[row] < 0 else SOURCES[part]


def _short_because(
    possible: NDArray[np.bool_], unfiltered: NDArray[np.bool_], *, n: int
) -> str | None:
    if possible.sum() >= n:
        return None
    return "filter" if unfiltered.sum() > possible.sum() else "catalogue_exhausted"


def _best(scores: Floats, possible: NDArray[np.bool_], *, keep: int) -> Sequence[int]:
    rows = np.flatnonzero(possible)
    order = rows[np.argsort(-scores[rows], kind="stable")]
    return [int(row) for row in order[:keep]]


def _cold(
    snapshot: Snapshot,
    possible: NDArray[np.bool_],
    *,
    fallback: str | None,
    short: str | None,
    keep: int,
) -> Ranked:
    """Recent popularity, each category losing weight with every item shown of it; else newest."""
    heat = relative_heat(snapshot.heat)
    if not (heat[possible] > 0).any():
        newest = _best(snapshot.published, possible, keep=keep)
        lines = tuple(Line(row, 1.0 / (2.0 + place), "newest") for place, row in enumerate(newest))
        return Ranked(lines=lines, fallback=fallback or "newest", short_because=short)
    left = np.where(possible, heat, -1.0)
    groups = np.array([item.categories[0] if item.categories else "" for item in snapshot.items])
    lines = ()
    for _ in range(min(keep, int(possible.sum()))):
        row = int(np.argmax(left))
        lines += (Line(row, unit(float(left[row])), "recent_popular"),)
        left[row] = -1.0
        same = (groups == groups[row]) & (left > 0)
        left[same] *= SAME_CATEGORY
    return Ranked(lines=lines, fallback=fallback or "recent_popular", short_because=short)
