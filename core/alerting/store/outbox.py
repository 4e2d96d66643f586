"""SQL of the outbox: messages are written with the alerts, and `leases` has their sending.

Nothing here commits.
"""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, func, select

from core.alerting.alert import Alert
from core.alerting.message import Delivery, DeliveryState
from core.alerting.routing import Destination
from core.alerting.tables import AlertTables
from core.alerting.wire import alert_from_json, alert_json
from core.database import insert_ignore

WAITING = (DeliveryState.QUEUED.value, DeliveryState.SENDING.value)
ERROR_LENGTH = 1000


@dataclass(frozen=True, kw_only=True)
class Draft:
    """Alerts of one group for one channel, not yet in the outbox."""

    destination: Destination
    channel: str
    alerts: Sequence[Alert]

    @property
    def waits(self) -> bool:
        return bool(self.destination.group_wait or self.destination.group_interval)

    @property
    def group_hash(self) -> str:
        return _hash(self.destination.receiver.name, self.destination.group_key)[:16]


def enqueue(
    connection: Connection, tables: AlertTables, *, drafts: Sequence[Draft], now: datetime
) -> None:
    """Put messages into the outbox, or their alerts into messages that still wait.

    A message waits for the route's `group_wait`, and at least `group_interval` after the one
    before it; nothing joins a message that is due or was tried.
    """
    at_once = [draft for draft in drafts if not draft.waits]
    rows = [_row(draft, now, due_at=now) for draft in at_once]
    insert_ignore(tables.deliveries, rows, connection, key=["id"])
    for draft in drafts:
        if draft.waits:
            _enqueue_waiting(connection, tables, draft, now)


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
    return tuple(delivery_of(row) for row in connection.execute(query).mappings())


def counts(connection: Connection, tables: AlertTables) -> dict[DeliveryState, int]:
    """How many messages are in each state; states without any are left out."""
    table = tables.deliveries
    query = select(table.c.state, func.count()).group_by(table.c.state)
    return {DeliveryState(state): count for state, count in connection.execute(query)}


def _row(draft: Draft, now: datetime, *, due_at: datetime) -> dict[str, Any]:
    key, receiver = draft.destination.group_key, draft.destination.receiver.name
    steps = [f"{alert.id}/{alert.transitions}" for alert in draft.alerts]
    return {
        "id": "msg_" + _hash(receiver, draft.channel, key, *steps)[:32],
        "receiver": receiver,
        "channel": draft.channel,
        "group_key": key,
        "group_hash": draft.group_hash,
        "group_labels": dict(draft.destination.group_labels),
        "alerts": [alert_json(alert) for alert in draft.alerts],
        "state": DeliveryState.QUEUED.value,
        "created_at": now,
        "due_at": due_at,
        "attempts": 0,
        "error": "",
        "version": 1,
    }


def _enqueue_waiting(
    connection: Connection, tables: AlertTables, draft: Draft, now: datetime
) -> None:
    due_at = now + draft.destination.group_wait
    last = _last_of_group(connection, tables, draft.group_hash, draft.channel)
    if last is not None:
        if _join(connection, tables, last, draft.alerts, now):
            return
        due_at = max(due_at, last["due_at"] + draft.destination.group_interval)
    insert_ignore(tables.deliveries, [_row(draft, now, due_at=due_at)], connection, key=["id"])


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
    merged: dict[str, Any] = {value["fingerprint"]: value for value in waiting["alerts"]}
    merged |= {alert.fingerprint: alert_json(alert) for alert in alerts}
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


def delivery_of(row: RowMapping) -> Delivery:
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
