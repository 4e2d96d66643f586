"""The recommender put together."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import structlog
from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from apps.recommend import worker
from apps.recommend.current import Current
from apps.recommend.live import Live
from apps.recommend.ranker_model import RankerModel
from apps.recommend.settings import RecommendSettings
from apps.recommend.store import jobs as job_store
from apps.recommend.tables import ACCESS
from core.database import connect, reading, upgrade
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel
from core.web.access import Access, Directory
from core.web.health import AppStatus, ModelStatus

MIGRATIONS = Path(__file__).parent / "migrations"
NAME = "recommend"
log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Runtime:
    """Everything of one process; `build` makes and closes it."""

    settings: RecommendSettings
    engine: Engine
    registry: Registry
    served: Served[TextModel]
    current: Current
    live: Live
    access: Access
    directory: Directory

    @property
    def imports(self) -> Path:
        """Where bodies of imports wait for the worker."""
        return self.settings.home / NAME / "imports"

    def status(self) -> AppStatus:
        """The models in use, and the imports that wait."""
        with reading(self.engine) as connection:
            waiting = job_store.waiting(connection)
        served = (self.served, self.current.ranker)
        return AppStatus(
            NAME,
            tuple(ModelStatus(model.name, model.version, model.error) for model in served),
            {"imports": waiting},
        )

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Background work for as long as the block runs."""
        running = worker.running(self.engine, self.current, self.live, settings=self.settings)
        await run_in_threadpool(running.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(running.__exit__, None, None, None)


@contextmanager
def build(settings: RecommendSettings) -> Iterator[Runtime]:
    """Open the database (bringing its schema up to date), the models and the catalogue.

    Without a promoted model everything but good recommendations works; `status` says so.
    """
    engine = connect(settings.database_url)
    try:
        upgrade(engine, MIGRATIONS)
        registry = Registry(settings.home / "registry")
        served = Served(registry, "recommend", load=TextModel.load)
        ranker = Served(registry, "recommend-ranker", load=RankerModel.load)
        current = Current(engine, served, ranker)
        current.refresh()
        live = Live(half_life_days=settings.trend_half_life_days)
        with reading(engine) as connection:
            live.snapshot(connection, current.models)
        directory = Directory(engine, ACCESS)
        yield Runtime(
            settings=settings,
            engine=engine,
            registry=registry,
            served=served,
            current=current,
            live=live,
            access=Access.open(directory, home=settings.home),
            directory=directory,
        )
    finally:
        engine.dispose()
