import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, text
from sqlalchemy.engine import make_url

from core.alerting.tables import alert_tables
from core.database import connect
from tests.core.alerting.samples import Store


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL database for all these tests, one after the other."""
    server_url = os.environ.get("TRIPOD_TEST_POSTGRES_URL")
    if not server_url:
        pytest.skip("TRIPOD_TEST_POSTGRES_URL is not set")
    name = f"alerting_{uuid.uuid4().hex[:12]}"
    server = connect(server_url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server_url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    server.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/alerts.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """Empty tables on each database in turn."""
    metadata = MetaData()
    tables = alert_tables(metadata)
    engine = connect(url)
    metadata.create_all(engine)
    yield Store(engine, tables)
    metadata.drop_all(engine)
    engine.dispose()
