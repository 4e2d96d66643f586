"""The monitor put together."""

import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection, Engine

from apps.monitor import channels, worker
from apps.monitor.companies import Dictionary, read_companies
from apps.monitor.ingest import Report, ingest
from apps.monitor.metrics import Metrics
from apps.monitor.pipeline import Pipeline
from apps.monitor.rules import routing
from apps.monitor.settings import MonitorSettings
from apps.monitor.tables import ACCESS, ALERTING
from apps.monitor.worker import Deliverer
from core.alerting.message import DeliveryState
from core.alerting.routing import Routing
from core.alerting.store import outbox
from core.crypto import Vault
from core.database import connect, reading, upgrade
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel
from core.web.access import Access, Directory
from core.web.health import AppStatus, ModelStatus

NAME = "monitor"
MIGRATIONS = Path(__file__).parent / "migrations"
PUSH_FEED = "push"


@dataclass(frozen=True)
class Runtime:
    """Everything of one process; `build` makes and closes it."""

    settings: MonitorSettings
    engine: Engine
    vault: Vault
    registry: Registry
    served: Served[TextModel]
    dictionary: Dictionary
    access: Access
    directory: Directory
    deliverer: Deliverer
    push: Pipeline
    metrics: Metrics
    pushing: threading.Lock = field(default_factory=threading.Lock)

    def pipeline(self, feed: str) -> Pipeline:
        """A way in for the documents of one feed."""
        return new_pipeline(self.engine, self.served, self.dictionary, self.settings, feed=feed)

    def take(self, rows: Iterable[tuple[int, Mapping[str, object]]]) -> Report:
        """Take documents that were pushed; one request at a time."""
        with self.pushing:
            report = ingest(
                self.push, rows, batch=self.settings.batch, clock=lambda: datetime.now(UTC)
            )
        self.metrics.observe(report)
        return report

    def rest(self) -> None:
        """Let event time pass up to now for alerts that no document feeds any more."""
        now = datetime.now(UTC)
        with self.pushing:
            self.push.rest(now, now=now)

    def status(self) -> AppStatus:
        model = ModelStatus(NAME, self.served.version, self.served.error)
        with reading(self.engine) as connection:
            waiting = outbox.counts(connection, ALERTING)
        queued = waiting.get(DeliveryState.QUEUED, 0) + waiting.get(DeliveryState.SENDING, 0)
        dead = waiting.get(DeliveryState.DEAD, 0)
        return AppStatus(NAME, (model,), {"deliveries": queued, "dead_letters": dead})

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Background work for as long as the block runs."""
        running = worker.running(self.deliverer, refresh=self.served.refresh, rest=self.rest)
        await run_in_threadpool(running.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(running.__exit__, None, None, None)


def new_pipeline(
    engine: Engine,
    served: Served[TextModel],
    dictionary: Dictionary,
    settings: MonitorSettings,
    *,
    feed: str,
) -> Pipeline:
    """A pipeline that scores with the model in use and alerts to the channels there are."""
    return Pipeline(
        engine,
        dictionary=dictionary,
        model=lambda: served.current,
        routing=_routing,
        feed=feed,
    )


@contextmanager
def build(settings: MonitorSettings) -> Iterator[Runtime]:
    """Open the database (bringing its schema up to date), the model and the dictionary.

    Without a promoted model nothing can be taken in; everything stored can be read.
    """
    engine = connect(settings.database_url)
    try:
        upgrade(engine, MIGRATIONS)
        vault = Vault.open(settings.vault_path)
        registry = Registry(settings.home / "registry")
        served = Served(registry, NAME, load=TextModel.load).started()
        dictionary = Dictionary(read_companies(settings.companies))
        directory = Directory(engine, ACCESS)
        yield Runtime(
            settings=settings,
            engine=engine,
            vault=vault,
            registry=registry,
            served=served,
            dictionary=dictionary,
            access=Access.open(directory, home=settings.home),
            directory=directory,
            deliverer=Deliverer(engine, vault, settings=settings),
            push=new_pipeline(engine, served, dictionary, settings, feed=PUSH_FEED),
            metrics=Metrics(),
        )
    finally:
        engine.dispose()


def _routing(connection: Connection) -> Routing:
    return routing(channels.names(connection))
