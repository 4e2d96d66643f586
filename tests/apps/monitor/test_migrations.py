import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.engine import make_url

from apps.monitor.runtime import MIGRATIONS
from apps.monitor.tables import METADATA
from core.database import connect, reading, upgrade
from core.migrations import drift
from core.models.text_model import TextModel
from tests.apps.monitor.conftest import pipeline_on
from tests.apps.monitor.news import NOW, month


@pytest.fixture
def postgres_url() -> Iterator[str]:
    server_url = os.environ.get("TRIPOD_TEST_POSTGRES_URL")
    if not server_url:
        pytest.skip("TRIPOD_TEST_POSTGRES_URL is not set")
    name = f"monitor_{uuid.uuid4().hex[:12]}"
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
        return f"sqlite:///{tmp_path}/monitor.db"
    found: str = request.getfixturevalue("postgres_url")
    return found


def test_the_migrations_make_the_tables(url: str) -> None:
    engine = connect(url)
    upgrade(engine, MIGRATIONS)
    assert drift(engine, METADATA) == []
    upgrade(engine, MIGRATIONS)
    engine.dispose()


def test_a_month_of_news_goes_through(url: str, tiny_text_model: TextModel) -> None:
    """The whole pipeline on each database."""
    engine = connect(url)
    upgrade(engine, MIGRATIONS)
    pipeline = pipeline_on(engine, tiny_text_model)
    documents = month()
    outcome = pipeline.ingest(documents[:50], now=NOW)
    outcome += pipeline.ingest(documents[50:], now=NOW)
    again = pipeline_on(engine, tiny_text_model).ingest(documents, now=NOW)
    assert outcome.stored + outcome.copies == again.known == len(documents)
    assert outcome.fired
    with reading(engine) as connection:
        rows = connection.execute(text("SELECT count(*) FROM alert_evidence")).scalar_one()
    assert rows >= 3
    engine.dispose()
