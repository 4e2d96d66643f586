"""A small site: eighty videos, forty simulated viewers, a tiny text model and a real ranker."""

import io
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import Engine, text
from sqlalchemy.engine import make_url

from apps.recommend import service
from apps.recommend.api import create_app
from apps.recommend.events import Event
from apps.recommend.fitting import fit_ranker, training_log
from apps.recommend.items import Item, item_values
from apps.recommend.live import text_of
from apps.recommend.runtime import Runtime, build
from apps.recommend.sample_videos import videos
from apps.recommend.settings import SAMPLES, RecommendSettings
from apps.recommend.simulate import Scale, simulate
from core.database import connect, transaction
from core.logs import configure
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.rows import write_rows
from core.web.access import create_key

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
VIDEOS = 80
VIEWERS = 40


@dataclass(frozen=True)
class Site:
    """The rows of the small site, and the files that hold them."""

    folder: Path
    items: tuple[Item, ...]
    events: tuple[Event, ...]


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Logs as a server writes them, not on standard output."""
    configure(style="json", stream=io.StringIO())


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    folder = tmp_path_factory.mktemp("site")
    rows = videos(SAMPLES, seed=3)[:VIDEOS]
    events = [
        {"event_id": f"e{number}", **event}
        for number, event in enumerate(
            simulate(rows, seed=3, scale=Scale(viewers=VIEWERS, events=900))
        )
    ]
    write_rows(folder / "items.jsonl", rows)
    write_rows(folder / "events.csv.gz", events)
    write_rows(folder / "users.csv", [{"user_id": "u0001", "language": "zh"}])
    return Site(
        folder=folder,
        items=tuple(Item.model_validate(item_values(row)) for row in rows),
        events=tuple(Event.model_validate(event) for event in events),
    )


@pytest.fixture(scope="session")
def prepared_home(
    site: Site, tiny_artefact: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A home folder with both models in use and the small site imported."""
    home = tmp_path_factory.mktemp("home")
    registry = Registry(home / "registry")
    encoder = _promoted_text_model(registry, tiny_artefact)
    log = training_log(site.events)
    texts = {item.item_id: text_of(item) for item in site.items}
    fitted = fit_ranker(
        log,
        encoder.encode([texts[item_id] for item_id in log.item_ids]),
        encoder_version=encoder.version,
        budget=2.0,
        seed=0,
        now=NOW,
    )
    staging = registry.staging()
    fitted.ranker.save(staging)
    manifest = registry.add(
        staging,
        Manifest(
            kind="ranker",
            name="recommend-ranker",
            created_at=NOW.isoformat(),
            metrics=fitted.metrics,
        ),
    )
    registry.promote("recommend-ranker", manifest.version, now=NOW)
    with build(RecommendSettings(home=home, samples=site.folder)) as runtime:
        service.load_samples(runtime)
    return home


def _promoted_text_model(registry: Registry, artefact: Path) -> TextModel:
    staging = registry.staging()
    shutil.copytree(artefact, staging, dirs_exist_ok=True)
    added = registry.add(staging, replace(Manifest.read(artefact), name="recommend"))
    registry.promote("recommend", added.version, now=NOW)
    return TextModel.load(registry.open(added.version).path)


@pytest.fixture
def settings(prepared_home: Path, site: Site, tmp_path: Path) -> RecommendSettings:
    """A home of its own with the small site in it."""
    home = tmp_path / "home"
    shutil.copytree(prepared_home, home)
    return RecommendSettings(home=home, samples=site.folder, refresh_seconds=0.05)


@pytest.fixture
def runtime(settings: RecommendSettings) -> Iterator[Runtime]:
    with build(settings) as runtime:
        yield runtime


@pytest.fixture
def bare_runtime(tmp_path: Path, site: Site) -> Iterator[Runtime]:
    """Nothing trained, nothing imported."""
    with build(RecommendSettings(home=tmp_path / "bare", samples=site.folder)) as runtime:
        yield runtime


@pytest.fixture
def make_headers(runtime: Runtime) -> Callable[..., dict[str, str]]:
    def make(*scopes: str) -> dict[str, str]:
        with transaction(runtime.engine) as connection:
            key = create_key(
                connection,
                runtime.directory.tables,
                name=uuid.uuid4().hex,
                scopes=scopes or ("recommend:*",),
                now=NOW,
            )
        return {"X-API-Key": key}

    return make


@pytest.fixture
def client(runtime: Runtime, make_headers: Callable[..., dict[str, str]]) -> Iterator[TestClient]:
    with TestClient(create_app(runtime), headers=make_headers()) as client:
        yield client


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def postgres_engine() -> Iterator[Engine]:
    """An empty PostgreSQL database of its own."""
    url = os.environ.get("TRIPOD_TEST_POSTGRES_URL")
    if url is None:
        pytest.skip("TRIPOD_TEST_POSTGRES_URL is not set")
    name = f"tripod_{uuid.uuid4().hex[:12]}"
    server = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = connect(make_url(url).set(database=name).render_as_string(hide_password=False))
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


@pytest.fixture
def sqlite_engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path}/recommend.db")
    yield engine
    engine.dispose()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def engine(request: pytest.FixtureRequest) -> Engine:
    """Both databases, one after the other, still without tables."""
    found: Engine = request.getfixturevalue(f"{request.param}_engine")
    return found
