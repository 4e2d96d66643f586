"""Popularity: over all time, and over the days before the request."""

from dataclasses import dataclass

import numpy as np

from apps.recommend.models.interactions import Floats, Histories, Interactions, Ints
from apps.recommend.models.ranker import Scores

DAY = 86_400.0


@dataclass(frozen=True)
class PopularityScorer:
    """The same counts for everybody."""

    counts: Floats

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items)."""
        return np.tile(self.counts.astype(np.float32), (len(histories), 1))


@dataclass(frozen=True)
class RecentPopularityScorer:
    """Counts of the events in the `days` before each request, never after it."""

    times: Floats
    items: Ints
    n_items: int
    days: float

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items)."""
        starts = np.searchsorted(self.times, histories.now - self.days * DAY, side="left")
        ends = np.searchsorted(self.times, histories.now, side="left")
        out = np.zeros((len(histories), self.n_items), dtype=np.float32)
        for row, (start, end) in enumerate(zip(starts, ends, strict=True)):
            out[row] = np.bincount(self.items[start:end], minlength=self.n_items)
        return out


@dataclass(frozen=True)
class TrendScorer:
    """Events that fade by half every `half_life_days`, relative to the average item."""

    times: Floats
    items: Ints
    n_items: int
    half_life_days: float

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items) from the events before each request."""
        ends = np.searchsorted(self.times, histories.now, side="left")
        out = np.zeros((len(histories), self.n_items), dtype=np.float32)
        if not len(self.times):
            return out
        # Only ratios matter, so one common reference time does for all requests.
        ages = (self.times[-1] - self.times) / (self.half_life_days * DAY)
        fading = 0.5**ages
        for row, end in enumerate(ends):
            heat = np.bincount(self.items[:end], weights=fading[:end], minlength=self.n_items)
            out[row] = relative_heat(heat.astype(np.float64))
        return out


def relative_heat(heat: Floats) -> Floats:
    """Heat as a multiple of the average item's, (n_items,); all zero where there is none."""
    average = heat.mean() if len(heat) else 0.0
    return heat / average if average > 0 else np.zeros_like(heat)


@dataclass(frozen=True)
class Trend:
    """What is taken much of late."""

    half_life_days: float = 7.0

    def fit(self, interactions: Interactions) -> TrendScorer:
        """Sort the events by time."""
        order = np.argsort(interactions.times, kind="stable")
        return TrendScorer(
            times=interactions.times[order],
            items=interactions.items[order],
            n_items=interactions.n_items,
            half_life_days=self.half_life_days,
        )


@dataclass(frozen=True)
class Popular:
    """How many users took the item."""

    def fit(self, interactions: Interactions) -> PopularityScorer:
        """Count."""
        counts = np.bincount(interactions.items, minlength=interactions.n_items)
        return PopularityScorer(counts.astype(np.float64))


@dataclass(frozen=True)
class RecentPopular:
    """How often the item was taken in the last `days`."""

    days: float = 7.0

    def fit(self, interactions: Interactions) -> RecentPopularityScorer:
        """Sort the events by time."""
        order = np.argsort(interactions.times, kind="stable")
        return RecentPopularityScorer(
            times=interactions.times[order],
            items=interactions.items[order],
            n_items=interactions.n_items,
            days=self.days,
        )
