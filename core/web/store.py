"""SQL of the access tables. Nothing here commits."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, delete, insert, select, update

from core.database import insert_ignore
from core.web.tables import AccessTables


@dataclass(frozen=True)
class StoredKey:
    name: str
    hint: str
    scopes: frozenset[str]
    created_at: datetime
    revoked_at: datetime | None


@dataclass(frozen=True)
class StoredAccount:
    name: str
    password_argon2: str
    scopes: frozenset[str]


@dataclass(frozen=True)
class StoredAnswer:
    """`status` is None while the first request is still running."""

    request_sha256: str
    started_at: datetime
    status: int | None
    media_type: str | None
    body_sealed: str | None


def insert_key(
    connection: Connection,
    tables: AccessTables,
    *,
    key_sha256: str,
    name: str,
    hint: str,
    scopes: Sequence[str],
    now: datetime,
) -> bool:
    """False if a key of that name exists."""
    row = {
        "key_sha256": key_sha256,
        "name": name,
        "hint": hint,
        "scopes": sorted(scopes),
        "created_at": now,
    }
    return insert_ignore(tables.api_keys, [row], connection, ["name"]) == 1


def find_key(connection: Connection, tables: AccessTables, *, key_sha256: str) -> StoredKey | None:
    keys = tables.api_keys
    row = connection.execute(
        select(keys).where(keys.c.key_sha256 == key_sha256, keys.c.revoked_at.is_(None))
    ).first()
    return None if row is None else _key(row)


def list_keys(connection: Connection, tables: AccessTables) -> list[StoredKey]:
    keys = tables.api_keys
    return [_key(row) for row in connection.execute(select(keys).order_by(keys.c.created_at))]


def _key(row: Any) -> StoredKey:
    return StoredKey(row.name, row.hint, frozenset(row.scopes), row.created_at, row.revoked_at)


def revoke_key(connection: Connection, tables: AccessTables, *, name: str, now: datetime) -> bool:
    keys = tables.api_keys
    statement = update(keys).where(keys.c.name == name, keys.c.revoked_at.is_(None))
    return connection.execute(statement.values(revoked_at=now)).rowcount == 1


def insert_account(
    connection: Connection,
    tables: AccessTables,
    *,
    name: str,
    password_argon2: str,
    scopes: Sequence[str],
    now: datetime,
) -> bool:
    """False if the account exists."""
    row = {
        "name": name,
        "password_argon2": password_argon2,
        "scopes": sorted(scopes),
        "created_at": now,
    }
    return insert_ignore(tables.accounts, [row], connection, ["name"]) == 1


def find_account(
    connection: Connection, tables: AccessTables, *, name: str
) -> StoredAccount | None:
    accounts = tables.accounts
    row = connection.execute(
        select(accounts).where(accounts.c.name == name, accounts.c.disabled_at.is_(None))
    ).first()
    if row is None:
        return None
    return StoredAccount(row.name, row.password_argon2, frozenset(row.scopes))


def set_password(
    connection: Connection, tables: AccessTables, *, name: str, password_argon2: str
) -> bool:
    accounts = tables.accounts
    statement = update(accounts).where(accounts.c.name == name)
    return connection.execute(statement.values(password_argon2=password_argon2)).rowcount == 1


def record(
    connection: Connection,
    tables: AccessTables,
    *,
    actor: str,
    action: str,
    subject: str,
    now: datetime,
    detail: dict[str, Any] | None = None,
) -> None:
    """Add one line to the audit log, in the transaction of the change itself."""
    connection.execute(
        insert(tables.audit_log).values(
            at=now, actor=actor, action=action, subject=subject, detail=detail or {}
        )
    )


def is_recorded(connection: Connection, tables: AccessTables, *, action: str, subject: str) -> bool:
    """Whether the audit log has this action on this subject."""
    log = tables.audit_log
    statement = select(log.c.id).where(log.c.action == action, log.c.subject == subject).limit(1)
    return connection.execute(statement).first() is not None


def begin_answer(
    connection: Connection,
    tables: AccessTables,
    *,
    key_sha256: str,
    request_sha256: str,
    now: datetime,
) -> bool:
    """True if this request is the first with its key."""
    row = {"key_sha256": key_sha256, "request_sha256": request_sha256, "started_at": now}
    return insert_ignore(tables.idempotency_keys, [row], connection, ["key_sha256"]) == 1


def take_over_answer(
    connection: Connection, tables: AccessTables, *, key_sha256: str, seen: datetime, now: datetime
) -> bool:
    """Continue a request whose process died; False if somebody else was faster."""
    table = tables.idempotency_keys
    statement = update(table).where(
        and_(table.c.key_sha256 == key_sha256, table.c.started_at == seen, table.c.status.is_(None))
    )
    return connection.execute(statement.values(started_at=now)).rowcount == 1


def find_answer(
    connection: Connection, tables: AccessTables, *, key_sha256: str
) -> StoredAnswer | None:
    table = tables.idempotency_keys
    row = connection.execute(select(table).where(table.c.key_sha256 == key_sha256)).first()
    if row is None:
        return None
    return StoredAnswer(
        row.request_sha256, row.started_at, row.status, row.media_type, row.body_sealed
    )


def finish_answer(
    connection: Connection,
    tables: AccessTables,
    *,
    key_sha256: str,
    status: int,
    media_type: str,
    body_sealed: str,
) -> None:
    table = tables.idempotency_keys
    connection.execute(
        update(table)
        .where(table.c.key_sha256 == key_sha256)
        .values(status=status, media_type=media_type, body_sealed=body_sealed)
    )


def drop_answer(connection: Connection, tables: AccessTables, *, key_sha256: str) -> None:
    table = tables.idempotency_keys
    connection.execute(delete(table).where(table.c.key_sha256 == key_sha256))


def drop_answers_before(connection: Connection, tables: AccessTables, *, before: datetime) -> int:
    table = tables.idempotency_keys
    return connection.execute(delete(table).where(table.c.started_at < before)).rowcount
