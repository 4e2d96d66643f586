"""The support app put together."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Engine

from apps.support import worker
from apps.support.knowledge import NAME, Knowledge
from apps.support.orders import order_pattern
from apps.support.service import Support
from apps.support.settings import SupportSettings
from apps.support.tables import ACCESS, ALERTS
from core.alerting.message import DeliveryState
from core.alerting.store import outbox
from core.crypto import Vault
from core.database import connect, reading, upgrade
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel
from core.web.access import Access, Directory
from core.web.health import AppStatus, ModelStatus

MIGRATIONS = Path(__file__).parent / "migrations"


@dataclass(frozen=True)
class Runtime:
    """Everything of one process; `build` makes and closes it."""

    settings: SupportSettings
    engine: Engine
    vault: Vault
    registry: Registry
    served: Served[TextModel]
    knowledge: Knowledge
    support: Support
    access: Access
    directory: Directory

    def status(self) -> AppStatus:
        model = ModelStatus(NAME, self.knowledge.model_version, self.knowledge.problem)
        with reading(self.engine) as connection:
            counts = outbox.counts(connection, ALERTS)
        waiting = counts.get(DeliveryState.QUEUED, 0) + counts.get(DeliveryState.SENDING, 0)
        queues = {"deliveries": waiting, "dead_letters": counts.get(DeliveryState.DEAD, 0)}
        return AppStatus(NAME, (model,), queues)

    @asynccontextmanager
    async def workers(self) -> AsyncIterator[None]:
        """Background work for as long as the block runs."""
        running = worker.running(self.engine, self.knowledge, self.vault, settings=self.settings)
        await run_in_threadpool(running.__enter__)
        try:
            yield
        finally:
            await run_in_threadpool(running.__exit__, None, None, None)


@contextmanager
def build(settings: SupportSettings) -> Iterator[Runtime]:
    """Open the database (bringing its schema up to date), the model and the knowledge base.

    Without a promoted model everything but answering works; `status` says so.
    """
    engine = connect(settings.database_url)
    try:
        upgrade(engine, MIGRATIONS)
        vault = Vault.open(settings.vault_path)
        registry = Registry(settings.home / "registry")
        served = Served(registry, NAME, load=TextModel.load)
        knowledge = Knowledge(engine, served)
        knowledge.refresh()
        directory = Directory(engine, ACCESS)
        yield Runtime(
            settings,
            engine,
            vault,
            registry,
            served,
            knowledge,
            Support(
                engine,
                knowledge,
                vault,
                order_pattern(settings.order_number_pattern),
                settings.max_text_bytes,
            ),
            Access.open(directory, home=settings.home),
            directory,
        )
    finally:
        engine.dispose()
