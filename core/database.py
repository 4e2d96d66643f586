"""Databases: SQLite on one machine, PostgreSQL beyond it, through SQLAlchemy Core.

    engine = connect("sqlite:////home/me/.tripod/support/support.db")
    upgrade(engine, Path("apps/support/migrations"))
    with transaction(engine) as connection:      # commits at the end, rolls back on an error
        store.add_article(connection, article)
    with reading(engine) as connection:          # takes no write lock on SQLite
        articles = store.articles(connection)

A migrations folder holds `env.py` with two lines

    from core.database import run_migrations
    run_migrations(metadata)                     # the application's MetaData

and `versions/`. `python -m core.migrations apps.support.tables:metadata apps/support/migrations
"what changed"` writes the next revision from the difference.
"""

import json
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from alembic import command, context
from alembic.autogenerate.api import AutogenContext
from alembic.config import Config
from sqlalchemy import (
    JSON,
    Connection,
    DateTime,
    Dialect,
    Engine,
    MetaData,
    Table,
    TypeDecorator,
    create_engine,
    event,
    func,
    select,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import make_url
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.types import TypeEngine

BUSY_TIMEOUT_MS = 10_000
WRITES = "tripod_writes"
MIGRATION_LOCK = 7_374_203
# Alembic keeps the migration in progress in a global of its own.
_ONE_AT_A_TIME = threading.Lock()


def connect(url: str) -> Engine:
    """An engine for `url`; makes the folder of a SQLite file. `postgresql://` means psycopg 3."""
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        if parsed.database and parsed.database != ":memory:":
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        engine = create_engine(parsed)
        event.listen(engine, "connect", _prepare_sqlite)
        event.listen(engine, "begin", _begin_sqlite)
        return engine
    if parsed.drivername == "postgresql":
        parsed = parsed.set(drivername="postgresql+psycopg")
    return create_engine(parsed, pool_pre_ping=True, connect_args={"options": "-c timezone=utc"})


def _prepare_sqlite(connection: sqlite3.Connection, entry: ConnectionPoolEntry) -> None:
    # The driver must not open transactions by itself: it would never take BEGIN IMMEDIATE.
    connection.isolation_level = None
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "foreign_keys = ON",
        f"busy_timeout = {BUSY_TIMEOUT_MS}",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


@contextmanager
def transaction(engine: Engine) -> Iterator[Connection]:
    """One transaction that may write; on SQLite it holds the write lock from its beginning."""
    with engine.connect().execution_options(**{WRITES: True}) as connection, connection.begin():
        yield connection


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """One consistent view without a write lock; whatever is written is rolled back."""
    with engine.connect() as connection:
        yield connection


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC time; a naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive time {value!r}: give it a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Json(TypeDecorator[Any]):
    """Any JSON value: JSONB on PostgreSQL, text on SQLite. Python `None` is SQL NULL."""

    impl = JSON(none_as_null=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        if dialect.name == "postgresql":
            return dialect.type_descriptor(postgresql.JSONB(none_as_null=True))
        return dialect.type_descriptor(JSON(none_as_null=True))


def insert_ignore(
    table: Table,
    rows: Sequence[Mapping[str, Any]],
    connection: Connection,
    key: Sequence[str],
) -> int:
    """Insert `rows`, leaving out those whose `key` columns exist; returns how many went in."""
    if not rows:
        return 0
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    # Rows as parameters, not as VALUES in the statement: that compiles 20 times longer.
    # SQLAlchemy forgets the row count of an INSERT on PostgreSQL unless it is asked to keep it.
    return connection.execute(
        insert(table).on_conflict_do_nothing(index_elements=list(key)),
        list(rows),
        execution_options={"preserve_rowcount": True},
    ).rowcount


def upgrade(engine: Engine, migrations: Path, *, revision: str = "head") -> None:
    """Bring the schema to `revision`. Needs no ini file; a second call changes nothing.

    Several threads and processes may call it at once: the first works, the others wait.
    """
    with _ONE_AT_A_TIME, engine.connect().execution_options(**{WRITES: True}) as connection:
        sqlite_connection = connection.connection.dbapi_connection
        if isinstance(sqlite_connection, sqlite3.Connection):
            # To alter a table SQLite rebuilds it; a foreign key to it must not cascade then. This
            # pragma works outside a transaction only, hence not through SQLAlchemy.
            sqlite_connection.execute("PRAGMA foreign_keys = OFF")
        try:
            with connection.begin():
                if connection.dialect.name == "postgresql":
                    connection.execute(select(func.pg_advisory_xact_lock(MIGRATION_LOCK)))
                command.upgrade(alembic_config(migrations, connection), revision)
        finally:
            if isinstance(sqlite_connection, sqlite3.Connection):
                sqlite_connection.execute("PRAGMA foreign_keys = ON")


def alembic_config(migrations: Path, connection: Connection) -> Config:
    config = Config()
    # A percent sign is ConfigParser's own.
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def run_migrations(metadata: MetaData) -> None:
    """What an application's `migrations/env.py` calls: runs on the connection of `upgrade`."""
    connection = context.config.attributes["connection"]
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=connection.dialect.name == "sqlite",
        render_item=_render_type,
        compare_type=True,
    )
    with context.begin_transaction():
        context.run_migrations()


def _render_type(kind: str, value: Any, autogen_context: AutogenContext) -> str | Literal[False]:
    if kind == "type" and isinstance(value, UtcDateTime | Json):
        autogen_context.imports.add("from core.database import Json, UtcDateTime")
        return f"{type(value).__name__}()"
    return False


def dump_json(value: object) -> str:
    """Compact JSON with sorted keys and readable Chinese: equal values give equal text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
