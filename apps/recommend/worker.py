"""Background work: follow promotions, run imports, read the alert rules, send the alerts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Event, Thread

import structlog
from sqlalchemy import Engine

from apps.recommend.current import Current
from apps.recommend.jobs import run_next
from apps.recommend.live import Live
from apps.recommend.rules import ranker_reading, silent_stream, stale_ranker, stream_reading
from apps.recommend.settings import RecommendSettings
from apps.recommend.store import events as event_store
from apps.recommend.store import requests as request_store
from apps.recommend.tables import ALERTING
from core.alerting.alert import Transition
from core.alerting.delivery import DeliveryWorker
from core.alerting.engine import evaluate
from core.alerting.notifiers.log import LogNotifier
from core.alerting.notifiers.notifier import Notifier
from core.alerting.notifiers.webhook import WebhookNotifier
from core.alerting.routing import Routing, single
from core.database import reading, transaction

log = structlog.get_logger(__name__)


def notifiers_of(settings: RecommendSettings) -> dict[str, Notifier]:
    """The log always; a webhook where `webhook_url` is set."""
    channels: dict[str, Notifier] = {"log": LogNotifier()}
    if settings.webhook_url:
        secrets = (settings.webhook_secret,) if settings.webhook_secret else ()
        channels["webhook"] = WebhookNotifier(url=settings.webhook_url, secrets=secrets)
    return channels


def routing_of(notifiers: Mapping[str, Notifier]) -> Routing:
    """Everything to all channels."""
    return single("recommend", *notifiers)


def read_rules(
    engine: Engine,
    current: Current,
    *,
    settings: RecommendSettings,
    routing: Routing,
    now: datetime,
) -> list[Transition]:
    """Evaluate the alert rules at `now`, in one transaction."""
    ranker = current.models.ranker
    with transaction(engine) as connection:
        return evaluate(
            connection,
            ALERTING,
            rules=[silent_stream(settings.silent_minutes), stale_ranker(settings.stale_days)],
            readings=[
                stream_reading(event_store.newest(connection, until=now), now=now),
                ranker_reading(
                    ranker.trained_at if ranker else None,
                    version=current.models.ranker_version,
                    now=now,
                ),
            ],
            routing=routing,
            now=now,
        )


def tidy(engine: Engine, *, settings: RecommendSettings, now: datetime) -> int:
    """Drop answers that are older than they are kept."""
    before = now - timedelta(days=settings.keep_requests_days)
    with transaction(engine) as connection:
        return request_store.drop_before(connection, before=before)


@contextmanager
def running(
    engine: Engine, current: Current, live: Live, *, settings: RecommendSettings
) -> Iterator[None]:
    """Threads that work until the block ends."""
    stop = Event()
    notifiers = notifiers_of(settings)
    routing = routing_of(notifiers)
    delivery = DeliveryWorker(engine, ALERTING, notifiers=notifiers)

    def follow() -> None:
        if current.refresh():
            with reading(engine) as connection:
                live.snapshot(connection, current.models)

    def imports() -> None:
        while not stop.is_set() and run_next(engine, current.models.encoder):
            pass

    def alert() -> None:
        read_rules(engine, current, settings=settings, routing=routing, now=datetime.now(UTC))

    def keep_house() -> None:
        tidy(engine, settings=settings, now=datetime.now(UTC))

    works = (
        (follow, settings.refresh_seconds),
        (imports, settings.refresh_seconds),
        (alert, settings.alert_seconds),
        (keep_house, 3600.0),
    )
    threads = [Thread(target=_repeat, args=(work, stop, wait), daemon=True) for work, wait in works]
    threads.append(Thread(target=delivery.run_until, args=(stop,), daemon=True))
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _repeat(work: Callable[[], object], stop: Event, seconds: float) -> None:
    while not stop.wait(seconds):
        try:
            work()
        except Exception:
            log.exception("background work failed; it is tried again")
