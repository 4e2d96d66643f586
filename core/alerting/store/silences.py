"""SQL of silences. Nothing here commits."""

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select

from core.alerting import matchers as matching
from core.alerting.alert import ACTIVE, State
from core.alerting.matchers import Matcher
from core.alerting.silences import Silence, check
from core.alerting.store.alerts import AlertFilter, AlertPage, list_alerts
from core.alerting.tables import AlertTables
from core.errors import NotFound


def create(
    connection: Connection,
    tables: AlertTables,
    *,
    matchers: Sequence[Matcher],
    starts_at: datetime,
    ends_at: datetime,
    created_by: str,
    comment: str,
    now: datetime,
) -> Silence:
    """Raises BadInput for one without an end or without a matcher that narrows it."""
    check(matchers, starts_at, ends_at)
    silence = Silence(
        id=str(uuid.uuid4()),
        matchers=tuple(matchers),
        starts_at=starts_at,
        ends_at=ends_at,
        created_at=now,
        created_by=created_by,
        comment=comment,
    )
    connection.execute(
        tables.silences.insert().values(
            id=silence.id,
            matchers=[str(matcher) for matcher in silence.matchers],
            starts_at=starts_at,
            ends_at=ends_at,
            created_at=now,
            created_by=created_by,
            comment=comment,
        )
    )
    return silence


def expire(
    connection: Connection, tables: AlertTables, *, silence_id: str, now: datetime
) -> Silence:
    """End it now; one that has ended stays as it is. Raises NotFound."""
    table = tables.silences
    connection.execute(
        table.update().where(table.c.id == silence_id, table.c.ends_at > now).values(ends_at=now)
    )
    return get(connection, tables, silence_id=silence_id)


def get(connection: Connection, tables: AlertTables, *, silence_id: str) -> Silence:
    """Raises NotFound."""
    query = select(tables.silences).where(tables.silences.c.id == silence_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"there is no silence {silence_id!r}")
    return _silence(row)


def list_silences(
    connection: Connection,
    tables: AlertTables,
    *,
    now: datetime,
    expired: bool = False,
    limit: int = 1000,
) -> tuple[Silence, ...]:
    """Those that end first come first; with `expired` also the ended ones, newest end last."""
    table = tables.silences
    query = select(table).order_by(table.c.ends_at, table.c.id).limit(limit)
    if not expired:
        query = query.where(table.c.ends_at > now)
    return tuple(_silence(row) for row in connection.execute(query).mappings())


def active(connection: Connection, tables: AlertTables, *, now: datetime) -> tuple[Silence, ...]:
    table = tables.silences
    query = (
        select(table)
        .where(table.c.starts_at <= now, table.c.ends_at > now)
        .order_by(table.c.created_at, table.c.id)
    )
    return tuple(_silence(row) for row in connection.execute(query).mappings())


def preview(
    connection: Connection, tables: AlertTables, *, matchers: Sequence[Matcher], limit: int = 50
) -> AlertPage:
    """The open alerts that a silence with `matchers` would mute now."""
    wanted = AlertFilter(states=ACTIVE | {State.PENDING}, matchers=tuple(matchers))
    return list_alerts(connection, tables, wanted=wanted, limit=limit)


def _silence(row: RowMapping) -> Silence:
    return Silence(
        id=row["id"],
        matchers=matching.parse(",".join(row["matchers"])),
        starts_at=row["starts_at"],
        ends_at=row["ends_at"],
        created_at=row["created_at"],
        created_by=row["created_by"],
        comment=row["comment"],
    )
