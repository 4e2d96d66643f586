"""Background work: follow model promotions, let event time pass, deliver alerts."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import structlog
from sqlalchemy import Engine

from apps.monitor import channels
from apps.monitor.settings import MonitorSettings
from apps.monitor.tables import ALERTING
from core.alerting.delivery import DeliveryWorker, RunSummary
from core.crypto import Vault
from core.database import reading

log = structlog.get_logger(__name__)

REFRESH = timedelta(seconds=1)
POLL = timedelta(seconds=0.5)
REST = timedelta(seconds=30)


class Deliverer:
    """Sends what waits in the outbox; sees channels that were added or removed meanwhile."""

    def __init__(self, engine: Engine, vault: Vault, *, settings: MonitorSettings) -> None:
        self._engine = engine
        self._vault = vault
        self._settings = settings
        self._channels: tuple[channels.Channel, ...] | None = None
        self._worker: DeliveryWorker | None = None

    def run_once(self, now: datetime) -> RunSummary:
        """Send what is due."""
        with reading(self._engine) as connection:
            found = channels.channels(connection, self._vault)
        if self._worker is None or found != self._channels:
            notifiers = channels.notifiers(found, settings=self._settings)
            self._worker = DeliveryWorker(self._engine, ALERTING, notifiers=notifiers)
            self._channels = found
        return self._worker.run_once(now)

    def drain(self, clock: Callable[[], datetime]) -> RunSummary:
        """Send until nothing is due any more; what fails waits for its next attempt."""
        total = RunSummary()
        while True:
            summary = self.run_once(clock())
            total += summary
            if not summary.sent:
                return total


@contextmanager
def running(
    deliverer: Deliverer, *, refresh: Callable[[], object], rest: Callable[[], object]
) -> Iterator[None]:
    """Threads that work until the block ends.

    `refresh` follows model promotions, `rest` lets time pass for alerts that nothing feeds.
    """
    stop = threading.Event()

    def deliver() -> None:
        deliverer.run_once(datetime.now(UTC))

    threads = [
        threading.Thread(target=_repeat, args=(work, stop, every), name=name, daemon=True)
        for name, work, every in (
            ("monitor-models", refresh, REFRESH),
            ("monitor-rest", rest, REST),
            ("monitor-delivery", deliver, POLL),
        )
    ]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _repeat(work: Callable[[], object], stop: threading.Event, every: timedelta) -> None:
    while not stop.wait(every.total_seconds()):
        try:
            work()
        except Exception:
            log.exception("background work failed; it is tried again")
