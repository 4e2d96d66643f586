"""SQL of the event log. Nothing here commits; nothing is ever changed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, delete, func, or_, select

from apps.recommend.events import Event
from apps.recommend.tables import EVENTS
from core.database import insert_ignore


@dataclass(frozen=True, slots=True)
class Logged:
    """An event of the log as it is read back."""

    user_id: str | None
    session_id: str | None
    item_id: str
    kind: str
    timestamp: datetime


READ = tuple(EVENTS.c[name] for name in Logged.__slots__)


@dataclass(frozen=True)
class Count:
    """An event as the trends see it; a time in the future counts as that of its arrival."""

    item_id: str
    kind: str
    timestamp: datetime


def append(connection: Connection, events: Sequence[Event], *, version: int, now: datetime) -> int:
    """Add events; those whose id is known are left out. Returns how many went in."""
    rows = [event.model_dump() | {"received_at": now, "version": version} for event in events]
    return insert_ignore(EVENTS, rows, connection, ["event_id"])


def of_actor(
    connection: Connection, *, user_id: str | None, session_id: str | None, limit: int
) -> list[Logged]:
    """The latest events of a user or session, oldest first; equal times in order of arrival."""
    actors = []
    if user_id is not None:
        actors.append(EVENTS.c.user_id == user_id)
    if session_id is not None:
        actors.append(EVENTS.c.session_id == session_id)
    if not actors:
        return []
    latest = EVENTS.c.timestamp.desc(), EVENTS.c.id.desc()
    statement = select(*READ).where(or_(*actors)).order_by(*latest).limit(limit)
    return [Logged(*row) for row in connection.execute(statement)][::-1]


def seen_items(
    connection: Connection, *, user_id: str | None, session_id: str | None
) -> frozenset[str]:
    """Every item that a user or session ever had an event with."""
    seen: set[str] = set()
    if user_id is not None:
        seen |= set(connection.scalars(select(EVENTS.c.item_id).where(EVENTS.c.user_id == user_id)))
    if session_id is not None:
        found = connection.scalars(
            select(EVENTS.c.item_id).where(EVENTS.c.session_id == session_id)
        )
        seen |= set(found)
    return frozenset(seen)


def counted_since(connection: Connection, *, version: int) -> Iterator[Count]:
    """Events that came after a data version."""
    columns = EVENTS.c.item_id, EVENTS.c.kind, EVENTS.c.timestamp, EVENTS.c.received_at
    statement = select(*columns).where(EVENTS.c.version > version)
    for row in connection.execute(statement):
        yield Count(row.item_id, row.kind, min(row.timestamp, row.received_at))


def newest(connection: Connection, *, until: datetime) -> datetime | None:
    """The time of the newest event that does not lie behind `until`."""
    statement = select(EVENTS.c.timestamp).where(EVENTS.c.timestamp <= until)
    latest = statement.order_by(EVENTS.c.timestamp.desc()).limit(1)
    found: datetime | None = connection.scalar(latest)
    return found


def count(connection: Connection) -> int:
    """How many events there are."""
    return int(connection.scalar(select(func.count()).select_from(EVENTS)) or 0)


def everything(connection: Connection) -> Iterator[Logged]:
    """The whole log in the order of arrival."""
    statement = select(*READ).order_by(EVENTS.c.id)
    for row in connection.execution_options(yield_per=5000).execute(statement):
        yield Logged(*row)


def delete_of_user(connection: Connection, *, user_id: str) -> int:
    """Forget a person; the only way in which an event leaves the log."""
    return connection.execute(delete(EVENTS).where(EVENTS.c.user_id == user_id)).rowcount


def users(connection: Connection, *, beginning: str, limit: int) -> list[tuple[str, int]]:
    """Users whose id begins so, with how many events they have; the busiest first."""
    number = func.count().label("number")
    statement = (
        select(EVENTS.c.user_id, number)
        .where(EVENTS.c.user_id.startswith(beginning, autoescape=True))
        .group_by(EVENTS.c.user_id)
        .order_by(number.desc(), EVENTS.c.user_id)
        .limit(limit)
    )
    return [(row.user_id, row.number) for row in connection.execute(statement)]
