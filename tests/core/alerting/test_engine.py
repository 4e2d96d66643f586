import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import chain

import pytest
from sqlalchemy import select

from core.alerting import engine as alerting
from core.alerting.alert import Notify, Reason, State, fingerprint
from core.alerting.matchers import parse
from core.alerting.routing import InhibitRule, Receiver, Route, Routing, single
from core.alerting.rule import Evidence, Severity
from core.alerting.store import alerts, silences
from core.database import connect, reading, transaction
from core.errors import BadInput, Conflict, NotFound
from tests.core.alerting.samples import DESK, SHOCK, Store, at, minutes, shock

GROUPED = Routing(
    root=Route(
        receiver="desk",
        group_by=("sector",),
        group_wait=timedelta(seconds=30),
        group_interval=minutes(5),
    ),
    receivers=(Receiver(name="desk", channels=("hook",)),),
)
HOOK_AND_LOG = single("desk", "hook", "log")
WARNING = replace(
    SHOCK, id="volume", name="Volume", severity=Severity.WARNING, fire_at=2.0, clear_at=1.0
)
INHIBITING = replace(
    DESK,
    inhibit=(
        InhibitRule(
            source=parse("severity=critical"), target=parse("severity=warning"), equal=("company",)
        ),
    ),
)


def everything(store: Store) -> list[object]:
    tables = store.tables
    with reading(store.engine) as connection:
        return [
            connection.execute(select(table).order_by(*table.primary_key)).all()
            for table in (tables.alerts, tables.transitions, tables.deliveries)
        ]


def listed(store: Store, **wanted: object) -> list[tuple[str, State]]:
    with reading(store.engine) as connection:
        page = alerts.list_alerts(
            connection, store.tables, wanted=alerts.AlertFilter(**wanted), limit=1000
        )
    return [(alert.key, alert.state) for alert in page.alerts]


def test_a_shock_becomes_an_alert_with_its_history_and_a_message_per_channel(store: Store) -> None:
    [step] = store.evaluate([shock(5, 0), shock(1, 0, key="globex")], routing=HOOK_AND_LOG)
    with reading(store.engine) as connection:
        [alert] = alerts.list_alerts(connection, store.tables).alerts
        assert alerts.transitions_of(connection, store.tables, alert_id=alert.id) == (step,)
        assert alerts.get(connection, store.tables, alert_id=alert.id) == alert
        assert alerts.counts(connection, store.tables) == {State.FIRING: 1}
    assert (alert.key, alert.state, alert.labels["sector"]) == ("acme", State.FIRING, "retail")
    assert alert.evidence == shock(5, 0).evidence
    messages = store.deliveries()
    assert [message.channel for message in messages] == ["hook", "log"]
    assert [message.alerts[0].id for message in messages] == [alert.id, alert.id]


def test_broken_characters_in_a_headline_stop_nothing(store: Store) -> None:
    broken = replace(shock(5, 0), evidence=(Evidence(text="zero \0 half \ud800 smile 😀"),))
    store.evaluate([broken])
    [message] = store.deliveries()
    assert message.alerts[0].evidence[0].text == "zero  half ? smile 😀"


def test_the_same_readings_again_change_nothing(store: Store) -> None:
    batches = [
        [shock(5, 0), shock(3, 0, key="globex")],
        [shock(1, 10), shock(6, 10, key="globex")],
        [shock(7, 20), shock(6, 20, key="globex")],
    ]
    for batch in batches:
        assert store.evaluate(batch)
    before = everything(store)
    for again in [*batches, list(chain.from_iterable(batches))]:
        assert store.evaluate(again, now=at(60)) == []
    assert everything(store) == before


def test_one_batch_or_many_give_the_same_alerts(store: Store) -> None:
    values = [5, 6, 1, 1, 7, 3, 1, 9]
    readings = [shock(value, minute * 10) for minute, value in enumerate(values)]
    together = store.evaluate(readings, now=at(100))
    assert [step.after for step in together] == [
        State.FIRING,
        State.RESOLVED,
        State.FIRING,
        State.RESOLVED,
        State.FIRING,
    ]
    assert [message.status for message in store.deliveries()] == [
        Notify.FIRING,
        Notify.RESOLVED,
        Notify.FIRING,
        Notify.RESOLVED,
        Notify.FIRING,
    ]
    assert store.evaluate(list(reversed(readings)), now=at(200)) == []
    assert len({step.alert_id for step in together}) == 3


def test_a_receiver_may_not_want_to_hear_of_the_end(store: Store) -> None:
    quiet = Routing(
        root=Route(receiver="desk"),
        receivers=(Receiver(name="desk", channels=("hook",), send_resolved=False),),
    )
    store.evaluate([shock(5, 0)], routing=quiet)
    store.evaluate([shock(1, 1)], routing=quiet)
    assert [message.status for message in store.deliveries()] == [Notify.FIRING]


def test_an_alert_that_never_fired_is_listed_on_request_only(store: Store) -> None:
    held = replace(SHOCK, hold=minutes(5))
    store.evaluate([shock(5, 0)], rules=[held])
    assert listed(store) == [("acme", State.PENDING)]
    store.evaluate([shock(1, 1)], rules=[held])
    assert listed(store) == []
    assert listed(store, states=frozenset(State)) == [("acme", State.INACTIVE)]
    assert store.deliveries() == []


def test_a_silenced_alert_is_recorded_and_told_when_the_silence_ends(store: Store) -> None:
    with transaction(store.engine) as connection:
        silence = silences.create(
            connection,
            store.tables,
            matchers=parse('company="ACME"'),
            starts_at=at(-5),
            ends_at=at(30),
            created_by="li",
            comment="known",
            now=at(-5),
        )
    steps = store.evaluate([shock(5, 0), shock(5, 0, key="globex")])
    assert {step.muted_by for step in steps} == {"", f"silence {silence.id}"}
    assert [message.alerts[0].key for message in store.deliveries()] == ["globex"]
    assert sorted(listed(store)) == [("acme", State.FIRING), ("globex", State.FIRING)]
    assert store.evaluate([shock(5, 29)]) == []
    [step] = store.evaluate([shock(5, 30)])
    assert (step.reason, step.notify) == (Reason.UNMUTED, Notify.FIRING)
    assert [message.alerts[0].key for message in store.deliveries()] == ["globex", "acme"]


def test_an_expired_silence_mutes_no_more(store: Store) -> None:
    with transaction(store.engine) as connection:
        silence = silences.create(
            connection,
            store.tables,
            matchers=parse("sector=retail"),
            starts_at=at(0),
            ends_at=at(600),
            created_by="li",
            comment="",
            now=at(0),
        )
        silences.expire(connection, store.tables, silence_id=silence.id, now=at(1))
    [step] = store.evaluate([shock(5, 2)])
    assert step.notify is Notify.FIRING


def test_a_critical_alert_keeps_back_the_warning_on_the_same_company(store: Store) -> None:
    readings = [
        shock(3, 0, rule=WARNING),
        shock(3, 0, key="globex", rule=WARNING),
        shock(5, 0),
    ]
    steps = store.evaluate(readings, rules=[SHOCK, WARNING], routing=INHIBITING)
    [critical] = [step for step in steps if step.alert_id.startswith(fingerprint("shock", "acme"))]
    told = [message.alerts[0] for message in store.deliveries()]
    assert sorted((alert.rule_id, alert.key) for alert in told) == [
        ("shock", "acme"),
        ("volume", "globex"),
    ]
    assert [step.muted_by for step in steps if step.muted_by] == [f"alert {critical.alert_id}"]
    later = [shock(3, 10, rule=WARNING), shock(1, 10)]
    steps = store.evaluate(later, rules=[SHOCK, WARNING], routing=INHIBITING)
    assert {step.reason for step in steps} == {Reason.UNMUTED, Reason.SETTLED}


@pytest.mark.parametrize("batch", [1, 3, 100])
def test_who_inhibits_whom_does_not_depend_on_the_batches(store: Store, batch: int) -> None:
    """The warning starts before the critical alert, once more during it, and again after it."""
    courses = [
        (SHOCK, [0, 5, 5, 1, 1, 1]),
        (WARNING, [3, 0, 3, 3, 0, 3]),
    ]
    readings = [
        shock(values[minute], minute, rule=rule) for minute in range(6) for rule, values in courses
    ]
    for start in range(0, len(readings), 2 * batch):
        some = readings[start : start + 2 * batch]
        store.evaluate(some, rules=[SHOCK, WARNING], routing=INHIBITING, now=at(60))
    told = [
        (message.alerts[0].rule_id, message.status, message.alerts[0].changed_at)
        for message in store.deliveries()
    ]
    assert sorted(told, key=lambda message: message[2]) == told
    assert sorted(told) == [
        ("shock", Notify.FIRING, at(1)),
        ("shock", Notify.RESOLVED, at(3)),
        ("volume", Notify.FIRING, at(0)),
        ("volume", Notify.FIRING, at(3)),
        ("volume", Notify.FIRING, at(5)),
        ("volume", Notify.RESOLVED, at(4)),
    ]


def test_a_group_waits_and_joins_then_keeps_its_interval(store: Store) -> None:
    store.evaluate([shock(5, 0), shock(5, 0, key="globex")], routing=GROUPED)
    store.evaluate([shock(5, 0.25, key="initech")], routing=GROUPED)
    [message] = store.deliveries()
    assert sorted(alert.key for alert in message.alerts) == ["acme", "globex", "initech"]
    assert message.due_at == at(0.5)
    assert message.group_labels == {"sector": "retail"}
    store.evaluate([shock(5, 1, key="umbrella")], routing=GROUPED)
    store.evaluate([shock(1, 2)], routing=GROUPED)
    [_, second] = store.deliveries()
    assert second.due_at == at(5.5)
    assert {alert.key: alert.state for alert in second.alerts} == {
        "umbrella": State.FIRING,
        "acme": State.RESOLVED,
    }


def test_a_reading_of_an_unknown_rule_writes_nothing(store: Store) -> None:
    with pytest.raises(BadInput, match="volume"):
        store.evaluate([shock(5, 0), shock(5, 0, rule=WARNING)])
    assert listed(store) == []


def test_what_is_rolled_back_leaves_no_alert_and_no_message(store: Store) -> None:
    def fail_after_evaluating() -> None:
        with transaction(store.engine) as connection:
            alerting.evaluate(
                connection,
                store.tables,
                rules=[SHOCK],
                readings=[shock(5, 0)],
                routing=DESK,
                now=at(0),
            )
            raise RuntimeError("the worker dies here")

    with pytest.raises(RuntimeError):
        fail_after_evaluating()
    assert everything(store) == [[], [], []]


def test_two_processes_at_once_tell_each_alert_once(store: Store, url: str) -> None:
    keys = [f"company-{number:02}" for number in range(40)]
    barrier = threading.Barrier(2)

    def work() -> int:
        own, told = Store(connect(url), store.tables), 0
        for minute, value in ((0, 5.0), (10, 1.0), (20, 6.0), (30, 7.0)):
            barrier.wait(timeout=60)
            steps = own.evaluate([shock(value, minute, key=key) for key in keys])
            told += sum(step.notify is not None for step in steps)
        own.engine.dispose()
        return told

    with ThreadPoolExecutor() as pool:
        told = [future.result() for future in [pool.submit(work) for _ in range(2)]]
    assert sum(told) == 3 * len(keys)
    messages = store.deliveries()
    assert len(messages) == 3 * len(keys)
    assert len({message.id for message in messages}) == len(messages)


def test_taking_an_alert(store: Store) -> None:
    store.evaluate([shock(5, 0)])
    [message] = store.deliveries()
    alert_id = message.alerts[0].id
    for by in ("li", "wang"):
        with transaction(store.engine) as connection:
            alert = alerting.acknowledge(
                connection, store.tables, alert_id=alert_id, by=by, now=at(1), note="mine"
            )
        assert (alert.state, alert.acknowledged_by) == (State.ACKNOWLEDGED, "li")
    store.evaluate([shock(5, 600)])
    assert len(store.deliveries()) == 1
    store.evaluate([shock(1, 601)])
    assert len(store.deliveries()) == 2
    with transaction(store.engine) as connection:
        with pytest.raises(Conflict):
            alerting.acknowledge(connection, store.tables, alert_id=alert_id, by="li", now=at(602))
        with pytest.raises(NotFound):
            alerting.acknowledge(connection, store.tables, alert_id="none", by="li", now=at(602))
        history = alerts.transitions_of(connection, store.tables, alert_id=alert_id)
    assert [step.after for step in history] == [
        State.FIRING,
        State.ACKNOWLEDGED,
        State.RESOLVED,
    ]
