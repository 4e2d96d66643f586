import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import MetaData, create_engine, text
from sqlalchemy.engine import make_url

from core.alerting.tables import alert_tables
from core.database import connect
from tests.core.alerting.samples import Store


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty database of its own."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/alerts.db"
        return
    server = os.environ.get("TRIPOD_TEST_POSTGRES_URL")
    if not server:
        pytest.skip("TRIPOD_TEST_POSTGRES_URL is not set")
    name = f"alerting_{uuid.uuid4().hex[:12]}"
    admin = create_engine(server, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(server).set(database=name).render_as_string(hide_password=False)
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    admin.dispose()


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    metadata = MetaData()
    tables = alert_tables(metadata)
    engine = connect(url)
    metadata.create_all(engine)
    yield Store(engine, tables)
    engine.dispose()
