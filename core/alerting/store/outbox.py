"""SQL of the outbox: messages are written with the alerts, leased, sent, then marked.

Every race is settled by an `UPDATE ... WHERE` and its row count. Nothing here commits.
"""

import hashlib
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, and_, exists, func, or_, select

from core.alerting.alert import Alert
from core.alerting.message import Delivery, DeliveryState
from core.alerting.routing import Destination
from core.alerting.tables import AlertTables
from core.alerting.wire import alert_from_json, alert_json
from core.database import insert_ignore

WAITING = (DeliveryState.QUEUED.value, DeliveryState.SENDING.value)
ERROR_LENGTH = 1000


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """At most `burst` messages at once and one every `every` on the average."""

    every: timedelta
    burst: int = 1


def enqueue(
    connection: Connection,
    tables: AlertTables,
    *,
    destination: Destination,
    channel: str,
    alerts: Sequence[Alert],
    now: datetime,
) -> None:
    """Put a message for a group into the outbox, or its alerts into one that still waits.

    A message waits for the route's `group_wait`, and at least `group_interval` after the one
    before it; nothing joins a message that is due or was tried.
    """
    key, receiver = destination.group_key, destination.receiver.name
    group_hash = _hash(receiver, key)[:16]
    due_at = now + destination.group_wait
    if destination.group_wait or destination.group_interval:
        last = _last_of_group(connection, tables, group_hash, channel)
        if last is not None:
            if _join(connection, tables, last, alerts, now):
                return
            due_at = max(due_at, last["due_at"] + destination.group_interval)
    steps = [f"{alert.id}/{alert.transitions}" for alert in alerts]
    row = {
        "id": "msg_" + _hash(receiver, channel, key, *steps)[:32],
        "receiver": receiver,
        "channel": channel,
        "group_key": key,
        "group_hash": group_hash,
        "group_labels": dict(destination.group_labels),
        "alerts": [alert_json(alert) for alert in alerts],
        "state": DeliveryState.QUEUED.value,
        "created_at": now,
        "due_at": due_at,
        "attempts": 0,
        "error": "",
        "version": 1,
    }
    insert_ignore(tables.deliveries, [row], connection, key=["id"])


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
            taken.append(_delivery(connection.execute(query).mappings().one()))
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


def bury(connection: Connection, tables: AlertTables, *, channels: Collection[str]) -> int:
    """Move what waits for `channels`, which do not exist, to the dead letters; how many."""
    table = tables.deliveries
    return connection.execute(
        table.update()
        .where(table.c.state.in_(WAITING), table.c.channel.in_(channels))
        .values(
            state=DeliveryState.DEAD.value,
            lease=None,
            leased_until=None,
            error="this channel is not configured",
        )
    ).rowcount


def resend(
    connection: Connection,
    tables: AlertTables,
    *,
    now: datetime,
    ids: Collection[str] | None = None,
) -> int:
    """Queue dead letters again under their old ids, all of them by default; how many."""
    table = tables.deliveries
    wanted = table.update().where(table.c.state == DeliveryState.DEAD.value)
    if ids is not None:
        wanted = wanted.where(table.c.id.in_(ids))
    return connection.execute(
        wanted.values(state=DeliveryState.QUEUED.value, due_at=now, attempts=0, error="")
    ).rowcount


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


def list_deliveries(
    connection: Connection,
    tables: AlertTables,
    *,
    states: Collection[DeliveryState] = frozenset(DeliveryState),
    limit: int = 100,
) -> tuple[Delivery, ...]:
    """Newest first; `states={DeliveryState.DEAD}` are the dead letters."""
    table = tables.deliveries
    query = (
        select(table)
        .where(table.c.state.in_(sorted(state.value for state in states)))
        .order_by(table.c.sequence.desc())
        .limit(limit)
    )
    return tuple(_delivery(row) for row in connection.execute(query).mappings())


def counts(connection: Connection, tables: AlertTables) -> dict[DeliveryState, int]:
    """How many messages are in each state; states without any are left out."""
    table = tables.deliveries
    query = select(table.c.state, func.count()).group_by(table.c.state)
    return {DeliveryState(state): count for state, count in connection.execute(query)}


def _last_of_group(
    connection: Connection, tables: AlertTables, group_hash: str, channel: str
) -> RowMapping | None:
    table = tables.deliveries
    query = (
        select(table)
        .where(table.c.group_hash == group_hash, table.c.channel == channel)
        .order_by(table.c.sequence.desc())
        .limit(1)
    )
    return connection.execute(query).mappings().first()


def _join(
    connection: Connection,
    tables: AlertTables,
    waiting: RowMapping,
    alerts: Sequence[Alert],
    now: datetime,
) -> bool:
    merged: dict[str, Any] = {value["id"]: value for value in waiting["alerts"]}
    merged |= {alert.id: alert_json(alert) for alert in alerts}
    table = tables.deliveries
    written = connection.execute(
        table.update()
        .where(
            table.c.sequence == waiting["sequence"],
            table.c.version == waiting["version"],
            table.c.state == DeliveryState.QUEUED.value,
            table.c.attempts == 0,
            table.c.due_at > now,
        )
        .values(alerts=list(merged.values()), version=table.c.version + 1)
    )
    return written.rowcount == 1


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


def _delivery(row: RowMapping) -> Delivery:
    return Delivery(
        id=row["id"],
        receiver=row["receiver"],
        channel=row["channel"],
        group_key=row["group_key"],
        group_labels=row["group_labels"],
        alerts=tuple(alert_from_json(value) for value in row["alerts"]),
        state=DeliveryState(row["state"]),
        created_at=row["created_at"],
        due_at=row["due_at"],
        attempts=row["attempts"],
        lease=row["lease"],
        attempted_at=row["attempted_at"],
        sent_at=row["sent_at"],
        error=row["error"],
    )


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
