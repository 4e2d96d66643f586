"""Answers: recommendations, their later pages, and similar items.

Each takes the connection and the snapshot of the moment. Nothing here commits.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from sqlalchemy import Connection

from apps.recommend.events import Taken, taken, with_session
from apps.recommend.items import Item
from apps.recommend.live import Snapshot
from apps.recommend.models.interactions import Floats
from apps.recommend.ranker_model import rows_of
from apps.recommend.ranking import ANYTHING, Line, Ranked, Rule, rank
from apps.recommend.reasons import Reason, reasons
from apps.recommend.store import events as event_store
from apps.recommend.store import requests as request_store
from apps.recommend.store import versions
from apps.recommend.store.requests import Answered
from core.errors import BadInput, Conflict, NotFound
from core.web.cursors import decode_cursor, encode_cursor

CURSOR = "recommendations"
# What nearness of texts counts where nobody can have taken both yet.
TEXT_ALONE = 0.8


@dataclass(frozen=True)
class Query:
    """Who asks for what. `session` are items, oldest first, of somebody without a history."""

    user_id: str | None = None
    session_id: str | None = None
    session: tuple[str, ...] = ()
    n: int = 10
    scenario: str = ""
    rule: Rule = ANYTHING
    exclude: frozenset[str] = frozenset()
    explain: bool = True
    min_version: int = 0
    cursor: str | None = None


@dataclass(frozen=True)
class Shown:
    """An item of an answer."""

    item: Item
    rank: int
    score: float
    source: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Answer:
    """What is given out, and what of it is kept; `kept` is None for a later page."""

    request_id: str
    items: tuple[Shown, ...]
    cursor: str | None
    fallback: str | None
    short_because: str | None
    model_version: str
    index_version: str
    data_version: int
    kept: Answered | None
    shown: int

    def save(self, connection: Connection) -> None:
        """Keep what was given out."""
        if self.kept is not None:
            request_store.save(connection, self.kept)
        else:
            request_store.show(connection, request_id=self.request_id, shown=self.shown)


def history_of(connection: Connection, query: Query, *, limit: int, now: datetime) -> Taken:
    """The latest history of who asks; everything ever seen stays excluded."""
    events = event_store.of_actor(
        connection, user_id=query.user_id, session_id=query.session_id, limit=limit
    )
    found = taken(events)
    if len(events) == limit:
        seen = event_store.seen_items(
            connection, user_id=query.user_id, session_id=query.session_id
        )
        found = Taken(visits=found.visits, exclude=found.exclude | seen)
    return with_session(found, query.session, now=now) if query.session else found


def recommend(
    connection: Connection, snapshot: Snapshot, query: Query, *, history_events: int, now: datetime
) -> Answer:
    """Answer a request from the log as it stands. Raises Conflict if `min_version` is not there."""
    data_version = versions.current(connection)
    if query.min_version > data_version:
        raise Conflict(f"the data are at version {data_version}; {query.min_version} is not there")
    history = history_of(connection, query, limit=history_events, now=now)
    ranked = rank(snapshot, history, rule=query.rule, exclude=query.exclude, n=query.n, now=now)
    if query.cursor is not None:
        return _next_page(connection, snapshot, query, history, ranked, data_version)
    lines = ranked.lines[: query.n]
    request_id = secrets.token_hex(16)
    kept = Answered(
        request_id=request_id,
        at=now,
        user_id=query.user_id,
        session_id=query.session_id,
        scenario=query.scenario,
        shown=len(lines),
        ranked=tuple(
            (snapshot.items[line.row].item_id, round(line.score, 6), line.source)
            for line in ranked.lines
        ),
        fallback=ranked.fallback,
        model_version=snapshot.models.ranker_version,
        data_version=data_version,
    )
    return Answer(
        request_id=request_id,
        items=_shown(snapshot, ranked, lines, history, first=0, explain=query.explain),
        cursor=_cursor(request_id, len(lines), len(ranked.lines)),
        fallback=ranked.fallback,
        short_because=ranked.short_because,
        model_version=snapshot.models.ranker_version,
        index_version=snapshot.models.encoder_version,
        data_version=data_version,
        kept=kept,
        shown=len(lines),
    )


def _cursor(request_id: str, place: int, total: int) -> str | None:
    return encode_cursor(CURSOR, [request_id, place]) if place < total else None


def _next_page(
    connection: Connection,
    snapshot: Snapshot,
    query: Query,
    history: Taken,
    ranked: Ranked,
    data_version: int,
) -> Answer:
    """Go on in the ranking of the first page, without what was taken since."""
    position = decode_cursor(CURSOR, query.cursor, types=(str, int))
    request_id, place = ("", 0) if position is None else (str(position[0]), int(position[1] or 0))
    first = request_store.find(connection, request_id=request_id)
    if (
        first is None
        or place < 0
        or (first.user_id, first.session_id) != (query.user_id, query.session_id)
    ):
        raise BadInput("this cursor belongs to no request of yours", field="cursor")
    gone = history.exclude | query.exclude
    rest = [
        (index, line)
        for index, line in enumerate(first.ranked)
        if index >= place and line[0] in snapshot.rows and line[0] not in gone
    ][: query.n]
    lines = [Line(snapshot.rows[item], score, source) for _, (item, score, source) in rest]
    end = rest[-1][0] + 1 if rest else len(first.ranked)
    return Answer(
        request_id=request_id,
        items=_shown(snapshot, ranked, lines, history, first=place, explain=query.explain),
        cursor=_cursor(request_id, end, len(first.ranked)),
        fallback=first.fallback,
        short_because=None if len(lines) == query.n else "ranking_ends",
        model_version=first.model_version,
        index_version=snapshot.models.encoder_version,
        data_version=data_version,
        kept=None,
        shown=end,
    )


def _shown(
    snapshot: Snapshot,
    ranked: Ranked,
    lines: Sequence[Line],
    history: Taken,
    *,
    first: int,
    explain: bool,
) -> tuple[Shown, ...]:
    found: Sequence[tuple[Reason, ...]] = [()] * len(lines)
    if explain:
        found = reasons(snapshot, ranked, lines, history=history)
    return tuple(
        Shown(snapshot.items[line.row], first + place, line.score, line.source, why)
        for place, (line, why) in enumerate(zip(lines, found, strict=True), start=1)
    )


def similar(snapshot: Snapshot, item_id: str, *, n: int, now: datetime) -> list[Shown]:
    """Items like one item: half by text, half by who took both, new ones by text alone.

    Raises NotFound.
    """
    row = snapshot.rows.get(item_id)
    if row is None:
        raise NotFound(f"there is no item {item_id}")
    texts = _near_in_text(snapshot, row)
    together = _taken_together(snapshot, row)
    both_known = (snapshot.columns >= 0) & (snapshot.columns[row] >= 0)
    total = np.where(both_known, (texts + together) / 2.0, TEXT_ALONE * texts)
    total[row] = -1.0
    total[snapshot.published > now.timestamp()] = -1.0
    order = [int(line) for line in np.argsort(-total, kind="stable") if total[line] > 0][:n]
    return [
        Shown(
            snapshot.items[line],
            place,
            float(total[line]),
            "watched_together" if together[line] >= texts[line] else "similar_text",
            (),
        )
        for place, line in enumerate(order, start=1)
    ]


def _near_in_text(snapshot: Snapshot, row: int) -> Floats:
    """How much nearer each item's text is than the average one's, 1 for the nearest, (n,)."""
    cosines = (snapshot.vectors @ snapshot.vectors[row]).astype(np.float64)
    cosines[row] = cosines.min()
    above: Floats = np.maximum(cosines - cosines.mean(), 0.0)
    return above / above.max() if above.max() > 0 else above


def _taken_together(snapshot: Snapshot, row: int) -> Floats:
    """How much each item was taken near this one, 1 for the most, (n,)."""
    ranker = snapshot.models.ranker
    out = np.zeros(len(snapshot.items))
    column = int(snapshot.columns[row])
    if ranker is None or column < 0 or "near_item_knn" not in ranker.parts:
        return out
    line = rows_of(ranker.parts["near_item_knn"], np.array([column]))[0]
    known = snapshot.columns >= 0
    out[known] = line[snapshot.columns[known]]
    return out / out.max() if out.max() > 0 else out
