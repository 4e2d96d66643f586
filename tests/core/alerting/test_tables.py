from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData

from core.alerting.tables import alert_tables
from core.database import reading
from tests.core.alerting.samples import Store


def test_a_migration_finds_nothing_to_change_in_what_was_made_from_the_tables(
    store: Store,
) -> None:
    """Applications put these tables into their own revisions, and check them by this comparison."""
    with reading(store.engine) as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, store.tables.alerts.metadata) == []


def test_two_applications_in_one_process_have_their_own() -> None:
    first, second = MetaData(), MetaData()
    assert alert_tables(first).alerts.metadata is first
    assert alert_tables(second).alerts.metadata is second
    assert set(first.tables) == {
        "alerts",
        "alert_transitions",
        "alert_deliveries",
        "alert_channels",
        "alert_silences",
    }
