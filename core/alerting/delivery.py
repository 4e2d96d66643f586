"""Takes messages from the outbox to their channels: lease, send, then mark.

At least once: a worker that dies between sending and marking leaves a lease that runs out, and
the message goes out again with the same id. Nothing is marked before it was sent.
"""

import random
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from threading import Event
from time import monotonic

import structlog
from sqlalchemy import Engine

from core.alerting.message import Delivery
from core.alerting.notifiers.notifier import Notifier
from core.alerting.store import leases, outbox
from core.alerting.store.leases import RateLimit
from core.alerting.tables import AlertTables
from core.database import reading, transaction
from core.errors import DeliveryFailed

log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """Waits double from `first` to `longest`, each made up to `jitter` (a share) longer; after
    `attempts` attempts a message is dead. The defaults keep trying for about four hours. What a
    receiver asks for by `Retry-After` is granted up to `longest_asked`."""

    first: timedelta = timedelta(seconds=2)
    longest: timedelta = timedelta(minutes=5)
    attempts: int = 55
    jitter: float = 0.2
    longest_asked: timedelta = timedelta(hours=1)

    def wait(self, attempts: int, *, draw: float) -> timedelta:
        """Before the next attempt after `attempts` have failed; `draw` is uniform in [0, 1)."""
        doubled = self.first * 2.0 ** min(attempts - 1, 32)
        return min(doubled, self.longest) * (1 + self.jitter * draw)


@dataclass(frozen=True)
class RunSummary:
    """What one run did, in messages."""

    sent: int = 0
    failed: int = 0
    dead: int = 0

    def __add__(self, other: "RunSummary") -> "RunSummary":
        return RunSummary(
            self.sent + other.sent, self.failed + other.failed, self.dead + other.dead
        )


class DeliveryWorker:
    """Sends for the channels in `notifiers`; any number may work on one database.

    Channels are served side by side, so that one which hangs delays no other; the messages of one
    channel go out one after the other, at most `batch` in a run. A run stops for a channel at its
    first transient failure. `lease` must be longer than a notifier's own deadline.
    """

    def __init__(
        self,
        engine: Engine,
        tables: AlertTables,
        *,
        notifiers: Mapping[str, Notifier],
        rates: Mapping[str, RateLimit] | None = None,
        retry: RetryPolicy | None = None,
        lease: timedelta = timedelta(seconds=60),
        batch: int = 20,
        seed: int | None = None,
    ) -> None:
        self._engine = engine
        self._tables = tables
        self._notifiers = dict(notifiers)
        self._rates = dict(rates or {})
        self._retry = retry or RetryPolicy()
        self._lease = lease
        self._batch = batch
        self._random = random.Random(seed)

    def run_once(self, now: datetime) -> RunSummary:
        """Send what is due at `now`. What failed for good stands among the dead letters."""
        with reading(self._engine) as connection:
            due = leases.due_channels(connection, self._tables, now=now)
        summary = RunSummary(dead=self._bury(due - self._notifiers.keys()))
        taken = {
            channel: deliveries
            for channel in sorted(due & self._notifiers.keys())
            if (deliveries := self._take(channel, now))
        }
        if not taken:
            return summary
        with ThreadPoolExecutor(max_workers=len(taken)) as pool:
            done = pool.map(lambda channel: self._serve(channel, taken[channel], now), taken)
            return sum(done, summary)

    def run_until(self, stop: Event, *, poll: timedelta = timedelta(milliseconds=250)) -> None:
        """Work until `stop` is set, sleeping for `poll` when nothing is due."""
        while not stop.is_set():
            try:
                summary = self.run_once(datetime.now(UTC))
            except Exception:
                log.exception("delivery run failed; it is tried again")
                summary = RunSummary()
            if not summary.sent:
                stop.wait(poll.total_seconds())

    def _bury(self, channels: Collection[str]) -> int:
        if not channels:
            return 0
        log.error("messages to channels that are not configured", channels=sorted(channels))
        with transaction(self._engine) as connection:
            return outbox.bury(connection, self._tables, channels=channels)

    def _take(self, channel: str, now: datetime) -> tuple[Delivery, ...]:
        with transaction(self._engine) as connection:
            return leases.lease(
                connection,
                self._tables,
                channel=channel,
                now=now,
                until=now + self._lease,
                limit=self._batch,
                rate=self._rates.get(channel),
            )

    def _serve(self, channel: str, deliveries: Sequence[Delivery], now: datetime) -> RunSummary:
        began = monotonic()
        summary = RunSummary()
        for position, delivery in enumerate(deliveries):
            at = now + timedelta(seconds=monotonic() - began)
            # Past half of the lease a slow exchange could outlive it and be made twice.
            late = at - now > self._lease / 2
            if late or summary.failed:
                self._give_back(deliveries[position:])
                break
            summary += self._deliver(channel, delivery, at)
        return summary

    def _deliver(self, channel: str, delivery: Delivery, at: datetime) -> RunSummary:
        try:
            self._notifiers[channel].send(delivery, now=at)
        except DeliveryFailed as failure:
            return self._failed(channel, delivery, failure, at)
        except Exception as error:
            log.exception("notifier broke", channel=channel, delivery=delivery.id)
            broken = DeliveryFailed(f"{type(error).__name__}: {error}")
            return self._failed(channel, delivery, broken, at)
        with transaction(self._engine) as connection:
            kept = leases.mark_sent(connection, self._tables, delivery=delivery, now=at)
        if not kept:
            log.warning("lease ran out while sending", channel=channel, delivery=delivery.id)
        return RunSummary(sent=1)

    def _failed(
        self, channel: str, delivery: Delivery, failure: DeliveryFailed, at: datetime
    ) -> RunSummary:
        dead = failure.permanent or delivery.attempts >= self._retry.attempts
        wait = self._retry.wait(delivery.attempts, draw=self._random.random())
        longest = self._retry.longest_asked
        asked = timedelta(seconds=min(failure.retry_after or 0, longest.total_seconds()))
        log.warning(
            "message not delivered",
            channel=channel,
            delivery=delivery.id,
            attempt=delivery.attempts,
            dead=dead,
            error=str(failure),
        )
        with transaction(self._engine) as connection:
            if dead:
                leases.mark_dead(connection, self._tables, delivery=delivery, error=str(failure))
                return RunSummary(dead=1)
            if asked:
                leases.hold(connection, self._tables, channel=channel, until=at + asked)
            leases.mark_failed(
                connection,
                self._tables,
                delivery=delivery,
                error=str(failure),
                due_at=at + max(wait, asked),
            )
        return RunSummary(failed=1)

    def _give_back(self, deliveries: Sequence[Delivery]) -> None:
        with transaction(self._engine) as connection:
            for delivery in deliveries:
                leases.release(connection, self._tables, delivery=delivery)
