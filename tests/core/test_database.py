import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import (
    Column,
    Engine,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    func,
    insert,
    inspect,
    select,
)
from sqlalchemy.exc import IntegrityError, StatementError

from core.database import Json, UtcDateTime, insert_ignore, reading, transaction, upgrade
from core.migrations import drift, revise

METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("at", UtcDateTime),
    Column("detail", Json),
)
NOTES = Table(
    "notes",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("event_id", Integer, ForeignKey("events.id", ondelete="CASCADE")),
)
ENVIRONMENT = (
    "from core.database import run_migrations\n"
    "from tests.core.test_database import METADATA\n\n"
    "run_migrations(METADATA)\n"
)


@pytest.fixture
def database(engine: Engine) -> Engine:
    METADATA.create_all(engine)
    return engine


def test_a_transaction_commits_at_its_end_or_not_at_all(database: Engine) -> None:
    with transaction(database) as connection:
        connection.execute(insert(EVENTS).values(id=1))
    with pytest.raises(IntegrityError), transaction(database) as connection:
        connection.execute(insert(EVENTS), [{"id": 2}, {"id": 1}])

    with reading(database) as connection:
        assert connection.execute(select(EVENTS.c.id)).scalars().all() == [1]


def test_reading_keeps_nothing(database: Engine) -> None:
    with reading(database) as connection:
        connection.execute(insert(EVENTS).values(id=1))

    with reading(database) as connection:
        assert connection.execute(select(func.count()).select_from(EVENTS)).scalar() == 0


def test_times_come_back_in_utc(database: Engine) -> None:
    moment = datetime(2026, 3, 1, 9, 30, 15, 123456, tzinfo=timezone(timedelta(hours=8)))
    with transaction(database) as connection:
        connection.execute(insert(EVENTS).values(id=1, at=moment))

    with reading(database) as connection:
        found = connection.execute(select(EVENTS.c.at)).scalar_one()
    assert found == moment
    assert found.tzinfo == UTC


def test_a_naive_time_is_refused(database: Engine) -> None:
    with (
        pytest.raises(StatementError, match="time zone"),
        transaction(database) as connection,
    ):
        connection.execute(insert(EVENTS).values(id=1, at=datetime(2026, 3, 1)))  # noqa: DTZ001


json_values = st.recursive(
    st.booleans()
    | st.integers(-(2**31), 2**31)
    | st.floats(-1e6, 1e6, width=32)
    | st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00")),
            inner,
            max_size=3,
        )
    ),
    max_leaves=6,
)


@given(value=json_values)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_json_comes_back_as_it_was(database: Engine, value: object) -> None:
    with transaction(database) as connection:
        connection.execute(EVENTS.delete())
        connection.execute(insert(EVENTS).values(id=1, detail=value))
        assert connection.execute(select(EVENTS.c.detail)).scalar_one() == value


def test_insert_ignore_counts_what_is_new(database: Engine) -> None:
    rows = [{"id": number, "detail": {"n": number}} for number in range(3)]
    with transaction(database) as connection:
        assert insert_ignore(EVENTS, rows[:2], connection, ["id"]) == 2
        assert insert_ignore(EVENTS, rows, connection, ["id"]) == 1
        assert insert_ignore(EVENTS, [], connection, ["id"]) == 0


def test_insert_ignore_takes_more_rows_than_one_statement_binds(database: Engine) -> None:
    rows = [{"id": number, "detail": None} for number in range(40_000)]
    with transaction(database) as connection:
        assert insert_ignore(EVENTS, rows, connection, ["id"]) == 40_000


def test_foreign_keys_hold(database: Engine) -> None:
    with pytest.raises(IntegrityError), transaction(database) as connection:
        connection.execute(insert(NOTES).values(id=1, event_id=99))


def test_writers_on_sqlite_wait_for_each_other(sqlite_engine: Engine) -> None:
    METADATA.create_all(sqlite_engine)
    with transaction(sqlite_engine) as connection:
        connection.execute(insert(EVENTS).values(id=1, detail=0))

    def add() -> None:
        for _ in range(20):
            with transaction(sqlite_engine) as connection:
                count = connection.execute(select(EVENTS.c.detail)).scalar_one()
                connection.execute(EVENTS.update().values(detail=count + 1))

    threads = [threading.Thread(target=add) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    with reading(sqlite_engine) as connection:
        assert connection.execute(select(EVENTS.c.detail)).scalar_one() == 80


def test_revisions_build_what_the_tables_say(engine: Engine, tmp_path: Path) -> None:
    migrations = _migrations(tmp_path)
    revise(METADATA, migrations=migrations, message="first tables")

    upgrade(engine, migrations)
    upgrade(engine, migrations)

    assert [path.name for path in (migrations / "versions").glob("*.py")] == [
        "0001_first_tables.py"
    ]
    assert drift(engine, METADATA) == []


def test_drift_names_what_a_revision_lacks(engine: Engine, tmp_path: Path) -> None:
    migrations = _migrations(tmp_path)
    revise(METADATA, migrations=migrations, message="first tables")
    upgrade(engine, migrations)
    grown = MetaData()
    for table in METADATA.sorted_tables:
        table.to_metadata(grown)
    grown.tables["events"].append_column(Column("place", String(20)))

    assert [change[0] for change in drift(engine, grown)] == ["add_column"]


def test_rebuilding_a_table_keeps_the_rows_that_point_to_it(
    sqlite_engine: Engine, tmp_path: Path
) -> None:
    migrations = _migrations(tmp_path)
    revise(METADATA, migrations=migrations, message="first tables")
    upgrade(sqlite_engine, migrations)
    with transaction(sqlite_engine) as connection:
        connection.execute(insert(EVENTS).values(id=1))
        connection.execute(insert(NOTES).values(id=1, event_id=1))
    (migrations / "versions" / "0002_rebuild.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n\n"
        "revision = '0002'\ndown_revision = '0001'\n\n\n"
        "def upgrade() -> None:\n"
        "    with op.batch_alter_table('events', recreate='always') as batch:\n"
        "        batch.add_column(sa.Column('place', sa.String(20)))\n"
    )

    upgrade(sqlite_engine, migrations)

    assert "place" in {column["name"] for column in inspect(sqlite_engine).get_columns("events")}
    with reading(sqlite_engine) as connection:
        assert connection.execute(select(NOTES.c.event_id)).scalars().all() == [1]


def test_several_threads_may_migrate_at_once(engine: Engine, tmp_path: Path) -> None:
    migrations = _migrations(tmp_path)
    revise(METADATA, migrations=migrations, message="first tables")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: upgrade(engine, migrations), range(4)))

    assert drift(engine, METADATA) == []


def _migrations(folder: Path) -> Path:
    migrations = folder / "migrations"
    (migrations / "versions").mkdir(parents=True)
    (migrations / "env.py").write_text(ENVIRONMENT)
    return migrations
