"""Tables for access, audit and idempotent writes, defined on an application's own MetaData."""

from dataclasses import dataclass

from sqlalchemy import Column, Index, Integer, MetaData, String, Table, Text

from core.database import Json, UtcDateTime


@dataclass(frozen=True)
class AccessTables:
    api_keys: Table
    accounts: Table
    audit_log: Table
    idempotency_keys: Table


def access_tables(metadata: MetaData) -> AccessTables:
    """Define the four tables on `metadata`; call it once per application, in `tables.py`."""
    return AccessTables(
        api_keys=_api_keys(metadata),
        accounts=_accounts(metadata),
        audit_log=_audit_log(metadata),
        idempotency_keys=_idempotency_keys(metadata),
    )


def _api_keys(metadata: MetaData) -> Table:
    return Table(
        "api_keys",
        metadata,
        Column("key_sha256", String(64), primary_key=True),
        Column("name", String(100), nullable=False, unique=True),
        Column("hint", String(12), nullable=False),
        Column("scopes", Json, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("revoked_at", UtcDateTime),
    )


def _accounts(metadata: MetaData) -> Table:
    return Table(
        "accounts",
        metadata,
        Column("name", String(100), primary_key=True),
        Column("password_argon2", Text, nullable=False),
        Column("scopes", Json, nullable=False),
        Column("created_at", UtcDateTime, nullable=False),
        Column("disabled_at", UtcDateTime),
    )


def _audit_log(metadata: MetaData) -> Table:
    table = Table(
        "audit_log",
        metadata,
        Column("id", Integer, primary_key=True, autoincrement=True),
        Column("at", UtcDateTime, nullable=False),
        Column("actor", String(100), nullable=False),
        Column("action", String(100), nullable=False),
        Column("subject", String(200), nullable=False),
        Column("detail", Json, nullable=False),
    )
    Index("ix_audit_log_subject", table.c.subject)
    return table


def _idempotency_keys(metadata: MetaData) -> Table:
    table = Table(
        "idempotency_keys",
        metadata,
        Column("key_sha256", String(64), primary_key=True),
        Column("request_sha256", String(64), nullable=False),
        Column("started_at", UtcDateTime, nullable=False),
        Column("status", Integer),
        Column("media_type", String(200)),
        Column("body_sealed", Text),
    )
    Index("ix_idempotency_keys_started_at", table.c.started_at)
    return table
