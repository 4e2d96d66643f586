"""SQL of the delivery workers: lease, mark, hold and limit.

Every race is settled by an `UPDATE ... WHERE` and its row count. Nothing here commits.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, exists, or_, select

from core.alerting.message import Delivery, DeliveryState
from core.alerting.store.outbox import WAITING, delivery_of
from core.alerting.tables import AlertTables
from core.database import insert_ignore

ERROR_LENGTH = 1000


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """At most `burst` messages at once and one every `every` on the average."""

    every: timedelta
    burst: int = 1


def lease(
    connection: Connection,
    tables: AlertTables,
    *,
    channel: str,
    now: datetime,
    until: datetime,
    limit: int,
    rate: RateLimit | None = None,
) -> tuple[Delivery, ...]:
    """Take up to `limit` due messages of `channel` for this worker alone until `until`.

    A message whose lease ran out (its worker died) is taken again. Messages of one group go out
    in their order: none overtakes one that is still undelivered. Each lease counts an attempt.
    """
    taken: list[Delivery] = []
    for sequence in _due(connection, tables, channel, now, limit):
        if rate is not None and not _take_token(connection, tables, channel, rate, now):
            break
        table, token = tables.deliveries, uuid.uuid4().hex
        won = connection.execute(
            table.update()
            .where(table.c.sequence == sequence, _free(tables, now))
            .values(
                state=DeliveryState.SENDING.value,
                lease=token,
                leased_until=until,
                attempted_at=now,
                attempts=table.c.attempts + 1,
                version=table.c.version + 1,
            )
        ).rowcount
        if won:
            query = select(table).where(table.c.sequence == sequence)
            taken.append(delivery_of(connection.execute(query).mappings().one()))
    return tuple(taken)


def mark_sent(
    connection: Connection, tables: AlertTables, *, delivery: Delivery, now: datetime
) -> bool:
    """After the receiver took it. False if the lease had passed to another worker."""
    return _finish(
        connection, tables, delivery, state=DeliveryState.SENT.value, sent_at=now, error=""
    )


def mark_failed(
    connection: Connection, tables: AlertTables, *, delivery: Delivery, error: str, due_at: datetime
) -> bool:
    """To be tried again at `due_at`."""
    return _finish(
        connection,
        tables,
        delivery,
        state=DeliveryState.QUEUED.value,
        due_at=due_at,
        error=error[:ERROR_LENGTH],
    )


def mark_dead(
    connection: Connection, tables: AlertTables, *, delivery: Delivery, error: str
) -> bool:
    """To the dead letters."""
    return _finish(
        connection, tables, delivery, state=DeliveryState.DEAD.value, error=error[:ERROR_LENGTH]
    )


def release(connection: Connection, tables: AlertTables, *, delivery: Delivery) -> bool:
    """Give back a lease that was not used: the attempt does not count."""
    return _finish(
        connection,
        tables,
        delivery,
        state=DeliveryState.QUEUED.value,
        attempts=delivery.attempts - 1,
    )


def hold(connection: Connection, tables: AlertTables, *, channel: str, until: datetime) -> None:
    """Send nothing to `channel` before `until`; a later time that is set already stays."""
    table = tables.channels
    insert_ignore(table, [{"name": channel, "free_at": until}], connection, key=["name"])
    connection.execute(
        table.update()
        .where(
            table.c.name == channel, or_(table.c.held_until.is_(None), table.c.held_until < until)
        )
        .values(held_until=until)
    )


def due_channels(connection: Connection, tables: AlertTables, *, now: datetime) -> frozenset[str]:
    """Channels for which something is due, without those that are held."""
    table, channels = tables.deliveries, tables.channels
    held = select(channels.c.name).where(channels.c.held_until > now)
    query = (
        select(table.c.channel).distinct().where(_free(tables, now), table.c.channel.not_in(held))
    )
    return frozenset(connection.execute(query).scalars())


def _due(
    connection: Connection, tables: AlertTables, channel: str, now: datetime, limit: int
) -> Sequence[int]:
    table, earlier = tables.deliveries, tables.deliveries.alias("earlier")
    overtakes = exists().where(
        earlier.c.group_hash == table.c.group_hash,
        earlier.c.channel == table.c.channel,
        earlier.c.sequence < table.c.sequence,
        earlier.c.state.in_(WAITING),
    )
    query = (
        select(table.c.sequence)
        .where(table.c.channel == channel, _free(tables, now), ~overtakes)
        .order_by(table.c.due_at, table.c.sequence)
        .limit(limit)
    )
    return connection.execute(query).scalars().all()


def _free(tables: AlertTables, now: datetime) -> ColumnElement[bool]:
    table = tables.deliveries
    return or_(
        and_(table.c.state == DeliveryState.QUEUED.value, table.c.due_at <= now),
        and_(table.c.state == DeliveryState.SENDING.value, table.c.leased_until <= now),
    )


def _take_token(
    connection: Connection, tables: AlertTables, channel: str, rate: RateLimit, now: datetime
) -> bool:
    """The generic cell rate algorithm (ITU-T I.371) on one row per channel."""
    table = tables.channels
    insert_ignore(table, [{"name": channel, "free_at": now}], connection, key=["name"])
    free_at = connection.execute(
        select(table.c.free_at).where(table.c.name == channel)
    ).scalar_one()
    if free_at - now > rate.every * (rate.burst - 1):
        return False
    written = connection.execute(
        table.update()
        .where(table.c.name == channel, table.c.free_at == free_at)
        .values(free_at=max(free_at, now) + rate.every)
    )
    return written.rowcount == 1


def _finish(
    connection: Connection, tables: AlertTables, delivery: Delivery, **values: object
) -> bool:
    table = tables.deliveries
    written = connection.execute(
        table.update()
        .where(table.c.id == delivery.id, table.c.lease == delivery.lease)
        .values(lease=None, leased_until=None, version=table.c.version + 1, **values)
    )
    return written.rowcount == 1
