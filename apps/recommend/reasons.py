"""Why an item is shown: what was watched, the tags that it shares with it, the trend."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from apps.recommend.events import Taken
from apps.recommend.items import Item
from apps.recommend.live import Snapshot
from apps.recommend.models.popularity import relative_heat
from apps.recommend.ranking import Line, Ranked
from apps.recommend.scoring import Because, because

RECENT = 30
SHARED_BY = 2
MAX_TAGS = 3
TREND_QUANTILE = 0.95


@dataclass(frozen=True)
class Reason:
    """`kind` is "watched" (with item_id, title, share), "series", "tags", "trend" or "new".

    `share` is by how much of its size the score falls without the watched item.
    """

    kind: str
    item_id: str | None = None
    title: str | None = None
    share: float | None = None
    tags: tuple[str, ...] = ()

    def text(self) -> str:
        """The reason as an English sentence."""
        if self.kind == "watched":
            return f"because you watched {self.title}"
        if self.kind == "series":
            return f"another part of {self.title}"
        if self.kind == "tags":
            return f"about {', '.join(self.tags)}"
        return {"trend": "many watch it at present", "new": "new here"}[self.kind]


def reasons(
    snapshot: Snapshot, ranked: Ranked, lines: Sequence[Line], *, history: Taken
) -> list[tuple[Reason, ...]]:
    """The reasons of each line of a ranking, the strongest first."""
    cited: list[Because | None] = [None] * len(lines)
    if ranked.scored is not None:
        cited = because(ranked.scored, [line.row for line in lines])
    tags = _liked_tags(snapshot, history)
    heat = relative_heat(snapshot.heat)
    hot = float(np.quantile(heat, TREND_QUANTILE)) if len(heat) else 0.0
    return [
        tuple(_of(snapshot, line, found, tags=tags, trending=heat[line.row] > max(hot, 0.0)))
        for line, found in zip(lines, cited, strict=True)
    ]


def _of(
    snapshot: Snapshot, line: Line, found: Because | None, *, tags: set[str], trending: bool
) -> Sequence[Reason]:
    item = snapshot.items[line.row]
    out = []
    if found is not None:
        row = snapshot.rows.get(found.visit.item_id)
        watched = None if row is None else snapshot.items[row]
        if watched is not None:
            share = round(min(found.drop, 1.0), 4)
            out.append(Reason("watched", watched.item_id, watched.title, share))
            if item.series and item.series == watched.series:
                out.append(Reason("series", title=item.series))
    shared = tuple(tag for tag in item.tags if tag in tags)[:MAX_TAGS]
    if shared:
        out.append(Reason("tags", tags=shared))
    if trending:
        out.append(Reason("trend"))
    if line.source == "newest":
        out.append(Reason("new"))
    return out or [Reason("trend" if line.source == "recent_popular" else "new")]


def _liked_tags(snapshot: Snapshot, history: Taken) -> set[str]:
    """Tags of at least two of the latest items."""
    counts = Counter(
        tag for visit in history.visits[-RECENT:] for tag in _tags(snapshot, visit.item_id)
    )
    return {tag for tag, count in counts.items() if count >= SHARED_BY}


def _tags(snapshot: Snapshot, item_id: str) -> Sequence[str]:
    row = snapshot.rows.get(item_id)
    found: Item | None = None if row is None else snapshot.items[row]
    return () if found is None else found.tags
