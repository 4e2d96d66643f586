"""SQL of alerts and their transitions. Nothing here commits."""

import base64
import binascii
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, bindparam, func, literal, select, tuple_

from core.alerting.alert import ACTIVE, Alert, Notify, Reason, State, Transition
from core.alerting.matchers import Matcher, all_match
from core.alerting.rule import Severity
from core.alerting.tables import AlertTables
from core.alerting.wire import evidence_from_json, evidence_json
from core.database import UtcDateTime, insert_ignore
from core.errors import BadInput, NotFound

CHUNK = 500
MAX_LIMIT = 1000
SHOWN = frozenset(State) - {State.INACTIVE}


@dataclass(frozen=True)
class AlertPage:
    """`cursor` continues the list where this page ends; None at the end."""

    alerts: tuple[Alert, ...]
    cursor: str | None


@dataclass(frozen=True, kw_only=True)
class AlertFilter:
    """Which alerts to list. By default all that ever fired or are about to."""

    states: Collection[State] = SHOWN
    rule_id: str | None = None
    key: str | None = None
    severity: Severity | None = None
    since: datetime | None = None
    matchers: tuple[Matcher, ...] = ()


def latest(
    connection: Connection, tables: AlertTables, *, fingerprints: Collection[str]
) -> dict[str, Alert]:
    """The newest episode of each fingerprint that has one."""
    table, newer = tables.alerts, tables.alerts.alias("newer")
    found: dict[str, Alert] = {}
    for chunk in _chunks(sorted(fingerprints)):
        newest = (
            select(newer.c.fingerprint, func.max(newer.c.episode))
            .where(newer.c.fingerprint.in_(chunk))
            .group_by(newer.c.fingerprint)
        )
        query = select(table).where(tuple_(table.c.fingerprint, table.c.episode).in_(newest))
        found |= {row["fingerprint"]: _alert(row) for row in connection.execute(query).mappings()}
    return found


def get(connection: Connection, tables: AlertTables, *, alert_id: str) -> Alert:
    """Raises NotFound."""
    query = select(tables.alerts).where(tables.alerts.c.id == alert_id)
    row = connection.execute(query).mappings().first()
    if row is None:
        raise NotFound(f"there is no alert {alert_id!r}")
    return _alert(row)


def active_labels(connection: Connection, tables: AlertTables) -> dict[str, Mapping[str, str]]:
    """The labels of every alert that has fired and is not resolved, by id."""
    table = tables.alerts
    query = select(table.c.id, table.c.labels).where(
        table.c.state.in_([state.value for state in ACTIVE])
    )
    return {row.id: row.labels for row in connection.execute(query)}


def insert(
    connection: Connection, tables: AlertTables, *, alerts: Sequence[Alert]
) -> frozenset[str]:
    """Write new alerts; returns the ids of those that no other process wrote first."""
    rows = [_values(alert) for alert in alerts]
    return _written(
        connection, rows, lambda some: insert_ignore(tables.alerts, some, connection, key=["id"])
    )


def update(
    connection: Connection, tables: AlertTables, *, alerts: Sequence[Alert]
) -> frozenset[str]:
    """Replace the rows of the same version; returns the ids of those that were still of it."""
    table = tables.alerts
    same = (table.c.id == bindparam("same_id"), table.c.version == bindparam("same_version"))
    statement = table.update().where(*same)
    rows = [
        {**_values(alert), "same_id": alert.id, "same_version": alert.version} for alert in alerts
    ]
    options = {"preserve_rowcount": True}
    return _written(
        connection,
        rows,
        lambda some: connection.execute(statement, some, execution_options=options).rowcount,
    )


def _written(
    connection: Connection,
    rows: list[dict[str, Any]],
    write: Callable[[list[dict[str, Any]]], int],
) -> frozenset[str]:
    """Write all rows at once; if some were lost to another process, one by one to see which."""
    if not rows:
        return frozenset()
    with connection.begin_nested() as savepoint:
        if write(rows) == len(rows):
            return frozenset(row["id"] for row in rows)
        savepoint.rollback()
    return frozenset(row["id"] for row in rows if write([row]) == 1)


def add_transitions(
    connection: Connection, tables: AlertTables, *, transitions: Sequence[Transition], now: datetime
) -> None:
    """The history of alerts; call it only for those whose insert or update went through."""
    if transitions:
        rows = [_transition_values(transition, now) for transition in transitions]
        connection.execute(tables.transitions.insert(), rows)


def list_alerts(
    connection: Connection,
    tables: AlertTables,
    *,
    wanted: AlertFilter | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> AlertPage:
    """Newest first, by start. `limit` is 1 to 1000; raises BadInput for a cursor not from here."""
    if not 1 <= limit <= MAX_LIMIT:
        raise BadInput(f"limit must be between 1 and {MAX_LIMIT}", field="limit")
    wanted = wanted or AlertFilter()
    found: list[Alert] = []
    after = None if cursor is None else _open_cursor(cursor)
    for alert in _newest_first(connection, tables, wanted, after, limit + 1):
        if all_match(wanted.matchers, alert.labels):
            found.append(alert)
        if len(found) > limit:
            return AlertPage(tuple(found[:limit]), _cursor(found[limit - 1]))
    return AlertPage(tuple(found), None)


def counts(connection: Connection, tables: AlertTables) -> dict[State, int]:
    """How many alerts are in each state; states without any are left out."""
    table = tables.alerts
    query = select(table.c.state, func.count()).group_by(table.c.state)
    return {State(state): count for state, count in connection.execute(query)}


def transitions_of(
    connection: Connection, tables: AlertTables, *, alert_id: str
) -> tuple[Transition, ...]:
    """The history of one alert, oldest first."""
    table = tables.transitions
    query = select(table).where(table.c.alert_id == alert_id).order_by(table.c.number)
    return tuple(_transition(row) for row in connection.execute(query).mappings())


def _newest_first(
    connection: Connection,
    tables: AlertTables,
    wanted: AlertFilter,
    after: tuple[datetime, str] | None,
    batch: int,
) -> Iterator[Alert]:
    table = tables.alerts
    query = select(table).order_by(table.c.started_at.desc(), table.c.id.desc()).limit(batch)
    if frozenset(wanted.states) != frozenset(State):
        query = query.where(table.c.state.in_(sorted(state.value for state in wanted.states)))
    for column, value in (
        (table.c.rule_id, wanted.rule_id),
        (table.c.key, wanted.key),
        (table.c.severity, wanted.severity),
    ):
        if value is not None:
            query = query.where(column == str(value))
    if wanted.since is not None:
        query = query.where(table.c.started_at >= wanted.since)
    while True:
        page = query
        if after is not None:
            reached = tuple_(literal(after[0], UtcDateTime()), literal(after[1]))
            page = query.where(tuple_(table.c.started_at, table.c.id) < reached)
        alerts = [_alert(row) for row in connection.execute(page).mappings()]
        yield from alerts
        if len(alerts) < batch:
            return
        after = (alerts[-1].started_at, alerts[-1].id)


def _cursor(alert: Alert) -> str:
    position = json.dumps([alert.started_at.isoformat(), alert.id])
    return base64.urlsafe_b64encode(position.encode()).decode().rstrip("=")


def _open_cursor(cursor: str) -> tuple[datetime, str]:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        started_at, alert_id = json.loads(base64.urlsafe_b64decode(padded))
        return datetime.fromisoformat(started_at), str(alert_id)
    except (binascii.Error, ValueError, TypeError) as error:
        raise BadInput(
            "this cursor is not one of ours", field="cursor", remedy="start without a cursor"
        ) from error


def _values(alert: Alert) -> dict[str, Any]:
    plain = {field.name: getattr(alert, field.name) for field in fields(alert)}
    return {
        **plain,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "evidence": evidence_json(alert.evidence),
        "state": alert.state.value,
        "severity": alert.severity.value,
        "reason": alert.reason.value,
        "version": alert.version + 1,
    }


def _alert(row: RowMapping) -> Alert:
    values: dict[str, Any] = {str(name): value for name, value in row.items()}
    return Alert(
        **{
            **values,
            "evidence": evidence_from_json(values["evidence"]),
            "state": State(values["state"]),
            "severity": Severity(values["severity"]),
            "reason": Reason(values["reason"]),
        }
    )


def _transition_values(transition: Transition, now: datetime) -> dict[str, Any]:
    plain = {field.name: getattr(transition, field.name) for field in fields(transition)}
    return {
        **plain,
        "before": transition.before.value,
        "after": transition.after.value,
        "reason": transition.reason.value,
        "notify": None if transition.notify is None else transition.notify.value,
        "recorded_at": now,
    }


def _transition(row: RowMapping) -> Transition:
    return Transition(
        alert_id=row["alert_id"],
        number=row["number"],
        before=State(row["before"]),
        after=State(row["after"]),
        reason=Reason(row["reason"]),
        at=row["at"],
        value=row["value"],
        notify=None if row["notify"] is None else Notify(row["notify"]),
        muted_by=row["muted_by"],
        actor=row["actor"],
    )


def _chunks(values: Sequence[str]) -> Iterable[Sequence[str]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
