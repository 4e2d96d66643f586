"""Background work of the support app: follow changes, read the alert rules, send the alerts."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from threading import Event, Thread

import structlog
from sqlalchemy import Engine

from apps.support.answering import shown_to_staff
from apps.support.knowledge import Knowledge
from apps.support.rules import RULES, USUAL_OVER, unanswered_spike
from apps.support.settings import SupportSettings
from apps.support.store import conversations as store
from apps.support.tables import ALERTS
from core.alerting.alert import Transition
from core.alerting.delivery import DeliveryWorker
from core.alerting.engine import evaluate
from core.alerting.notifiers.log import LogNotifier
from core.alerting.notifiers.notifier import Notifier
from core.alerting.notifiers.webhook import WebhookNotifier
from core.alerting.routing import Routing, single
from core.alerting.rule import Evidence
from core.crypto import Vault
from core.database import transaction

log = structlog.get_logger(__name__)

EXAMPLES = 5


def notifiers_of(settings: SupportSettings) -> dict[str, Notifier]:
    """The log always; a webhook where `webhook_url` is set."""
    channels: dict[str, Notifier] = {"log": LogNotifier()}
    if settings.webhook_url:
        secrets = (settings.webhook_secret,) if settings.webhook_secret else ()
        channels["webhook"] = WebhookNotifier(url=settings.webhook_url, secrets=secrets)
    return channels


def routing_of(notifiers: Mapping[str, Notifier]) -> Routing:
    return single("support", *notifiers)


def read_rules(
    engine: Engine, vault: Vault, *, routing: Routing, now: datetime
) -> list[Transition]:
    """Evaluate the alert rules at `now`, in one transaction."""
    with transaction(engine) as connection:
        handovers = store.handover_times(connection, since=now - USUAL_OVER)
        newest = store.list_handovers(connection, before=None, limit=EXAMPLES)
        reading = unanswered_spike(
            handovers,
            observed_since=store.first_prediction_at(connection),
            now=now,
            examples=[
                Evidence(
                    text=shown_to_staff(vault.unseal(message.text_sealed)),
                    source=f"conversation {message.conversation_id}",
                    at=message.at,
                )
                for message, _ in newest
            ],
        )
        return evaluate(
            connection, ALERTS, rules=RULES, readings=[reading], routing=routing, now=now
        )


@contextmanager
def running(
    engine: Engine, knowledge: Knowledge, vault: Vault, *, settings: SupportSettings
) -> Iterator[None]:
    """Threads that work until the block ends."""
    stop = Event()
    notifiers = notifiers_of(settings)
    routing = routing_of(notifiers)
    delivery = DeliveryWorker(engine, ALERTS, notifiers=notifiers)

    def follow() -> None:
        knowledge.refresh()

    def alert() -> None:
        read_rules(engine, vault, routing=routing, now=datetime.now(UTC))

    threads = [
        Thread(target=_repeat, args=(follow, stop, settings.refresh_seconds), daemon=True),
        Thread(target=_repeat, args=(alert, stop, settings.alert_seconds), daemon=True),
        Thread(target=delivery.run_until, args=(stop,), daemon=True),
    ]
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
