"""The alert on unanswered questions: it sees a spike, and is quiet on an ordinary week."""

from datetime import timedelta

import numpy as np
import pytest

from apps.support.decision import Action
from apps.support.rules import UNANSWERED_SPIKE, surprise, unanswered_spike
from apps.support.runtime import Runtime
from apps.support.tables import ALERTS
from apps.support.worker import read_rules, routing_of
from core.alerting.notifiers.log import LogNotifier
from core.alerting.store import alerts as alert_store
from core.database import reading
from tests.apps.support.conftest import NOW

WEEK = timedelta(days=7)


def test_surprise_is_the_poisson_tail() -> None:
    # P(X >= 15 | 5) = 2.26e-4, P(X >= 1 | 1) = 1 - 1/e
    assert surprise(15, usual=5.0) == pytest.approx(3.645, abs=0.01)
    assert surprise(1, usual=0.9) == pytest.approx(0.227, abs=0.01)
    assert surprise(3, usual=5.0) == 0.0
    assert surprise(5000, usual=10.0) > 1000


def test_three_times_the_usual_is_found_within_the_window() -> None:
    usual = [NOW - timedelta(minutes=15 + 2 * n) for n in range(5000)]
    spike = [NOW - timedelta(seconds=30 * n) for n in range(23)]
    found = unanswered_spike([*usual, *spike], observed_since=NOW - WEEK, now=NOW)
    assert found.value is not None
    assert found.value >= UNANSWERED_SPIKE.fire_at
    assert found.annotations["summary"].startswith("23 questions in 15 minutes")


def test_an_ordinary_week_gives_no_alarm() -> None:
    """Read every five minutes for a week of 30 hand-overs an hour on average."""
    source = np.random.default_rng(1)
    minutes = np.sort(source.uniform(0, 14 * 24 * 60, size=30 * 24 * 14))
    start = NOW - 2 * WEEK
    times = [start + timedelta(minutes=float(minute)) for minute in minutes]
    alarms = 0
    for step in range(7 * 24 * 12):
        now = NOW - WEEK + timedelta(minutes=5 * step)
        known = [at for at in times if now - WEEK <= at <= now]
        value = unanswered_spike(known, observed_since=start, now=now).value
        alarms += value is not None and value >= UNANSWERED_SPIKE.fire_at
    assert alarms == 0


def test_a_shop_that_just_opened_has_no_usual() -> None:
    first = NOW - timedelta(hours=1)
    found = unanswered_spike([first] * 50, observed_since=first, now=NOW)
    assert found.value is None
    assert unanswered_spike([], observed_since=None, now=NOW).value is None


def test_a_spike_becomes_an_alert_with_the_questions_behind_it(runtime: Runtime) -> None:
    support = runtime.support
    support.ask("flurb dax wozzle", now=NOW - timedelta(hours=6))
    for number in range(12):
        asked = support.ask("zxcv bnm zxcv", now=NOW - timedelta(minutes=number))
        assert asked.reply.decision.action is Action.HANDOVER
    routing = routing_of({"log": LogNotifier()})
    read_rules(runtime.engine, runtime.vault, routing=routing, now=NOW)
    with reading(runtime.engine) as connection:
        (alert,) = alert_store.list_alerts(connection, ALERTS).alerts
    assert alert.state.value == "firing"
    assert alert.evidence[0].text == "zxcv bnm zxcv"
