import signal
import subprocess
import sys
import textwrap
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from threading import Event

import pytest

from core.alerting.alert import Notify
from core.alerting.delivery import DeliveryWorker, RetryPolicy, RunSummary
from core.alerting.message import Delivery, DeliveryState
from core.alerting.notifiers.log import LogNotifier
from core.alerting.notifiers.webhook import WebhookNotifier
from core.alerting.routing import single
from core.alerting.store import outbox
from core.alerting.store.leases import RateLimit
from core.database import connect, transaction
from core.errors import DeliveryFailed
from tests.core.alerting.samples import Store, at, free_port, minutes, receiving, shock

SECOND = timedelta(seconds=1)


def worker(store: Store, url: str, **options: object) -> DeliveryWorker:
    return DeliveryWorker(
        store.engine, store.tables, notifiers={"hook": WebhookNotifier(url=url)}, **options
    )


def test_a_receiver_that_is_down_for_a_minute_gets_it_once_it_is_back(store: Store) -> None:
    port = free_port()
    store.evaluate([shock(5, 0)])
    work = worker(store, f"http://127.0.0.1:{port}/hook")
    now = at(0)
    while now < at(1):
        assert work.run_once(now).sent == 0
        now += 5 * SECOND
    [waiting] = store.deliveries()
    assert waiting.state is DeliveryState.QUEUED
    assert "cannot connect" in waiting.error
    assert 4 <= waiting.attempts <= 6
    with receiving(port=port) as receiver:
        while now < at(4):
            work.run_once(now)
            now += 5 * SECOND
        assert receiver.ids() == [waiting.id]
    [sent] = store.deliveries()
    assert (sent.state, sent.attempts, sent.error) == (
        DeliveryState.SENT,
        waiting.attempts + 1,
        "",
    )


def test_what_was_taken_is_not_sent_again(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    with receiving() as receiver:
        work = worker(store, receiver.url)
        assert work.run_once(at(0)) == RunSummary(sent=1)
        for minute in range(1, 100):
            assert work.run_once(at(minute)) == RunSummary()
        assert len(receiver.posts) == 1


def test_nothing_is_sent_before_the_transaction_that_wrote_it_has_committed(store: Store) -> None:
    with receiving() as receiver:
        assert worker(store, receiver.url).run_once(at(0)) == RunSummary()
        assert receiver.posts == []


def test_retry_after_is_honoured_for_the_whole_channel(store: Store) -> None:
    store.evaluate([shock(5, 0), shock(5, 0, key="globex"), shock(5, 0, key="initech")])
    with receiving((429, {"Retry-After": "90"})) as receiver:
        work = worker(store, receiver.url)
        assert work.run_once(at(0)) == RunSummary(failed=1)
        assert work.run_once(at(1)) == RunSummary()
        assert work.run_once(at(1.4)) == RunSummary()
        assert len(receiver.posts) == 1
        assert work.run_once(at(1.6)) == RunSummary(sent=3)
        assert Counter(Counter(receiver.ids()).values()) == {1: 2, 2: 1}


def test_an_endless_retry_after_is_cut_short(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    with receiving((503, {"Retry-After": "9" * 400})) as receiver:
        work = worker(store, receiver.url)
        assert work.run_once(at(0)).failed == 1
        assert work.run_once(at(59)).sent == 0
        assert work.run_once(at(61)).sent == 1


def test_a_permanent_failure_is_a_dead_letter_until_somebody_sends_it_again(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    with receiving((400, {})) as receiver:
        work = worker(store, receiver.url)
        assert work.run_once(at(0)) == RunSummary(dead=1)
        assert work.run_once(at(60)) == RunSummary()
        [dead] = store.deliveries(DeliveryState.DEAD)
        assert "answered 400" in dead.error
        with transaction(store.engine) as connection:
            assert outbox.counts(connection, store.tables) == {DeliveryState.DEAD: 1}
            assert outbox.resend(connection, store.tables, now=at(61), ids=["other"]) == 0
            assert outbox.resend(connection, store.tables, now=at(61), ids=[dead.id]) == 1
        assert work.run_once(at(61)) == RunSummary(sent=1)
        assert receiver.ids() == [dead.id, dead.id]


@pytest.mark.parametrize("status", [301, 302, 307, 400, 401, 404, 410, 413])
def test_failures_that_another_attempt_would_not_mend(store: Store, status: int) -> None:
    store.evaluate([shock(5, 0)])
    with receiving((status, {"Location": "http://127.0.0.1:1/"})) as receiver:
        assert worker(store, receiver.url).run_once(at(0)) == RunSummary(dead=1)


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_failures_that_may_pass(store: Store, status: int) -> None:
    store.evaluate([shock(5, 0)])
    with receiving((status, {})) as receiver:
        work = worker(store, receiver.url)
        assert work.run_once(at(0)) == RunSummary(failed=1)
        assert work.run_once(at(1)) == RunSummary(sent=1)


def test_attempts_have_a_limit(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    with receiving(*[(500, {})] * 3) as receiver:
        work = worker(store, receiver.url, retry=RetryPolicy(attempts=3))
        summaries = [work.run_once(at(minute)) for minute in range(5)]
        assert sum(summaries, RunSummary()) == RunSummary(failed=2, dead=1)
        assert len(receiver.posts) == 3


def test_waits_double_to_the_longest_with_jitter() -> None:
    retry = RetryPolicy(first=SECOND, longest=minutes(1), jitter=0.5)
    waits = [retry.wait(attempts, draw=0).total_seconds() for attempts in range(1, 9)]
    assert waits == [1, 2, 4, 8, 16, 32, 60, 60]
    assert retry.wait(1, draw=0.5) == 1.25 * SECOND
    assert retry.wait(10_000, draw=0) == minutes(1)


def test_the_end_does_not_overtake_the_beginning(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    store.evaluate([shock(1, 1)])
    with receiving((500, {})) as receiver:
        work = worker(store, receiver.url)
        assert work.run_once(at(1)) == RunSummary(failed=1)
        assert work.run_once(at(1)) == RunSummary()
        for minute in range(2, 5):
            work.run_once(at(minute))
        assert len(receiver.posts) == 3
    fired, resolved = store.deliveries(DeliveryState.SENT)
    assert (fired.status, resolved.status) == (Notify.FIRING, Notify.RESOLVED)
    assert fired.sent_at is not None
    assert resolved.sent_at is not None
    assert fired.sent_at < resolved.sent_at


def test_one_channel_that_hangs_does_not_delay_another(store: Store) -> None:
    store.evaluate([shock(5, 0)], routing=single("desk", "slow", "hook"))
    with receiving(delay=3) as slow, receiving() as receiver:
        notifiers = {
            "slow": WebhookNotifier(url=slow.url, deadline=0.5),
            "hook": WebhookNotifier(url=receiver.url),
        }
        work = DeliveryWorker(store.engine, store.tables, notifiers=notifiers)
        assert work.run_once(at(0)) == RunSummary(sent=1, failed=1)
        assert len(receiver.posts) == 1


def test_each_channel_has_its_own_rate(store: Store) -> None:
    keys = [f"company-{number}" for number in range(10)]
    store.evaluate([shock(5, 0, key=key) for key in keys], routing=single("desk", "hook", "log"))
    with receiving() as receiver:
        notifiers = {"hook": WebhookNotifier(url=receiver.url), "log": LogNotifier()}
        rates = {"hook": RateLimit(every=20 * SECOND, burst=2)}
        work = DeliveryWorker(store.engine, store.tables, notifiers=notifiers, rates=rates)
        sent = []
        for minute in range(4):
            work.run_once(at(minute))
            sent.append(len(receiver.posts))
        assert sent == [2, 4, 6, 8]
    states = Counter((message.channel, message.state) for message in store.deliveries())
    assert states[("log", DeliveryState.SENT)] == 10


def test_a_message_to_a_channel_that_is_gone_is_a_dead_letter(store: Store) -> None:
    store.evaluate([shock(5, 0)], routing=single("desk", "gone"))
    work = DeliveryWorker(store.engine, store.tables, notifiers={"log": LogNotifier()})
    assert work.run_once(at(0)) == RunSummary(dead=1)
    [dead] = store.deliveries(DeliveryState.DEAD)
    assert "not configured" in dead.error


def test_a_notifier_that_breaks_is_recorded_and_tried_again(store: Store) -> None:
    class Broken:
        def send(self, delivery: Delivery, *, now: datetime) -> None:
            raise ZeroDivisionError("in the notifier")

    store.evaluate([shock(5, 0)])
    work = DeliveryWorker(store.engine, store.tables, notifiers={"hook": Broken()})
    assert work.run_once(at(0)) == RunSummary(failed=1)
    [message] = store.deliveries(DeliveryState.QUEUED)
    assert "in the notifier" in message.error


def test_two_workers_at_once_send_each_message_once(store: Store, url: str) -> None:
    store.evaluate([shock(5, 0, key=f"company-{number}") for number in range(60)])

    def work() -> int:
        own = Store(connect(url), store.tables)
        runner, sent = worker(own, receiver.url, batch=7), 0
        while summary := runner.run_once(at(1)).sent:
            sent += summary
        own.engine.dispose()
        return sent

    with receiving() as receiver, ThreadPoolExecutor() as pool:
        sent = [future.result() for future in [pool.submit(work) for _ in range(2)]]
        assert sum(sent) == 60
        assert len(receiver.posts) == 60
        assert len(set(receiver.ids())) == 60


DIES_AFTER_SENDING = """
    import os, signal, sys
    from datetime import datetime
    from sqlalchemy import MetaData
    from core.alerting.delivery import DeliveryWorker
    from core.alerting.notifiers.webhook import WebhookNotifier
    from core.alerting.tables import alert_tables
    from core.database import connect

    class KilledAfterSending(WebhookNotifier):
        def send(self, delivery, *, now):
            super().send(delivery, now=now)
            os.kill(os.getpid(), signal.SIGKILL)

    database, receiver, now = sys.argv[1:]
    notifiers = {"hook": KilledAfterSending(url=receiver)}
    worker = DeliveryWorker(connect(database), alert_tables(MetaData()), notifiers=notifiers)
    worker.run_once(datetime.fromisoformat(now))
"""


def test_killed_between_sending_and_marking_it_is_sent_again_with_the_same_id(
    store: Store, url: str
) -> None:
    store.evaluate([shock(5, 0), shock(5, 0, key="globex")])
    with receiving() as receiver:
        arguments = [url, receiver.url, at(0).isoformat()]
        script = textwrap.dedent(DIES_AFTER_SENDING)
        killed = subprocess.run([sys.executable, "-c", script, *arguments], check=False)
        assert killed.returncode == -signal.SIGKILL
        assert len(receiver.posts) == 1
        [first] = receiver.ids()
        work = worker(store, receiver.url)
        assert work.run_once(at(0.5)) == RunSummary()
        assert work.run_once(at(1.1)) == RunSummary(sent=2)
        assert Counter(receiver.ids())[first] == 2
        assert len(set(receiver.ids())) == 2
    assert {message.state for message in store.deliveries()} == {DeliveryState.SENT}


def test_a_late_answer_does_not_mark_what_another_worker_has_leased(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    seen: list[DeliveryState] = []

    class Slow:
        """While this sends, its lease runs out and another worker gets a failure."""

        def send(self, delivery: Delivery, *, now: datetime) -> None:
            class Fails:
                def send(self, delivery: Delivery, *, now: datetime) -> None:
                    raise DeliveryFailed("not now")

            other = DeliveryWorker(store.engine, store.tables, notifiers={"hook": Fails()})
            assert other.run_once(at(2)) == RunSummary(failed=1)
            seen.append(store.deliveries()[0].state)

    work = DeliveryWorker(store.engine, store.tables, notifiers={"hook": Slow()})
    assert work.run_once(at(0)) == RunSummary(sent=1)
    assert seen == [DeliveryState.QUEUED]
    assert store.deliveries()[0].state is DeliveryState.QUEUED


def test_it_runs_until_it_is_told_to_stop(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    stop = Event()

    class Stops:
        def send(self, delivery: Delivery, *, now: datetime) -> None:
            stop.set()

    work = DeliveryWorker(store.engine, store.tables, notifiers={"hook": Stops()})
    work.run_until(stop)
    assert [message.state for message in store.deliveries()] == [DeliveryState.SENT]
