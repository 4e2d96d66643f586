"""The migrations make exactly the tables that the code uses."""

from sqlalchemy import Engine

from apps.support.runtime import MIGRATIONS
from apps.support.tables import metadata
from core.database import upgrade
from core.migrations import drift


def test_migrated_tables_are_those_of_the_code(engine: Engine) -> None:
    upgrade(engine, MIGRATIONS)
    upgrade(engine, MIGRATIONS)
    assert drift(engine, metadata) == []
