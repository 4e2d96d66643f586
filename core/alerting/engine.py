"""From readings to alerts, transitions and outgoing messages, in the caller's transaction.

    tables = alert_tables(metadata)                                   # in tables.py
    rule = Rule(
        id="sentiment_shock", name="Sentiment shock", severity=Severity.CRITICAL,
        fire_at=4.0, clear_at=2.0, settle=timedelta(hours=1), repeat=timedelta(hours=24),
        summary={"en": "News on {company} turned sharply ({value} standard deviations)",
                 "zh": "{company} 的新闻情绪急剧变化（{value} 个标准差）"},
    )
    reading = Reading(
        rule_id=rule.id, key="acme", value=5.3, at=stream_time, labels={"company": "ACME"},
        evidence=(Evidence(text="ACME recalls ...", source="wire", url="", at=stream_time),),
    )
    routing = single("desk", "log", "webhook")                        # receiver, its channels
    with transaction(engine) as connection:
        transitions = evaluate(
            connection, tables, rules=[rule], readings=[reading], routing=routing, now=utc_now
        )
    notifiers = {"log": LogNotifier(), "webhook": WebhookNotifier(url=url, secrets=(secret,))}
    worker = DeliveryWorker(engine, tables, notifiers=notifiers)
    worker.run_once(utc_now)  # or run_until(stop)

`now` is the wall clock: silences, group waits and deliveries go by it. Hold, settle and repeat go
by `Reading.at`, so a replay of old documents gives the alerts that it would have given live.
Give a reading for every key that a rule looks at, healthy ones too: an alert ends by them.
`core.alerting.store.alerts` lists alerts, `core.alerting.wire` and `core.alerting.text` show them.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection

from core.alerting import lifecycle
from core.alerting.alert import ACTIVE, Alert, Transition, fingerprint
from core.alerting.grouping import messages
from core.alerting.routing import InhibitRule, Routing
from core.alerting.rule import Reading, Rule
from core.alerting.silences import Silence, inhibited_by, silenced_by
from core.alerting.store import alerts as store
from core.alerting.store import outbox, silences
from core.alerting.tables import AlertTables
from core.errors import BadInput, Conflict

ATTEMPTS = 5


@dataclass(frozen=True)
class _Mutes:
    """`active` has the labels of the active alerts by id, for the time of each reading."""

    silences: Sequence[Silence]
    inhibit: Sequence[InhibitRule]
    active: Mapping[datetime, Mapping[str, Mapping[str, str]]]
    now: datetime

    def reason(self, labels: Mapping[str, str], at: datetime) -> str:
        silence = silenced_by(self.silences, labels, self.now)
        if silence is not None:
            return f"silence {silence.id}"
        source = inhibited_by(self.inhibit, labels, self.active.get(at, {}))
        return "" if source is None else f"alert {source}"


@dataclass(frozen=True)
class _Course:
    """What the readings of one key did: each step with the alert as it was right after it."""

    before: Alert | None
    after: Alert | None
    steps: tuple[tuple[Alert, Transition], ...]

    def episodes(self) -> list[Alert]:
        last = {alert.id: alert for alert, _ in self.steps}
        if self.after is not None and self.after != self.before:
            last[self.after.id] = self.after
        return sorted(last.values(), key=lambda alert: alert.episode)


def evaluate(
    connection: Connection,
    tables: AlertTables,
    *,
    rules: Collection[Rule],
    readings: Collection[Reading],
    routing: Routing,
    now: datetime,
) -> list[Transition]:
    """Advance every alert by its readings; write alerts, transitions and messages.

    All of it stands in the caller's transaction, which must be one that may write. The same
    readings again change nothing. Two processes may evaluate at once: who comes second sees what
    the first one wrote. Returns the transitions in the order of keys and times. Raises BadInput
    for a reading of an unknown rule, and Conflict if other processes win again and again.
    """
    by_id = {rule.id: rule for rule in rules}
    by_key = _by_fingerprint(readings, by_id)
    last = store.latest(connection, tables, fingerprints=by_key)
    active: dict[datetime, Mapping[str, Mapping[str, str]]] = {}
    if routing.inhibit:
        standing = store.active_labels(connection, tables)
        active = _active_by_time(standing, readings, by_id, last, now)
    silenced = silences.active(connection, tables, now=now)
    mutes = _Mutes(silenced, routing.inhibit, active, now)
    steps = _save(connection, tables, by_key, by_id, last, mutes)
    outbox.enqueue(connection, tables, drafts=_drafts(steps, routing), now=now)
    return [transition for _, transition in steps]


def acknowledge(
    connection: Connection,
    tables: AlertTables,
    *,
    alert_id: str,
    by: str,
    now: datetime,
    note: str = "",
) -> Alert:
    """Take an alert, so that it is not told again. Raises NotFound, or Conflict if it is closed."""
    for _ in range(ATTEMPTS):
        alert = store.get(connection, tables, alert_id=alert_id)
        taken, step = lifecycle.acknowledge(alert, by=by, now=now, note=note)
        if step is None:
            return alert
        if store.update(connection, tables, alerts=[taken]):
            store.add_transitions(connection, tables, transitions=[step], now=now)
            return replace(taken, version=taken.version + 1)
    raise Conflict(f"alert {alert_id} changes too fast; try again")


def _by_fingerprint(
    readings: Collection[Reading], rules: Mapping[str, Rule]
) -> dict[str, list[Reading]]:
    grouped: dict[str, list[Reading]] = defaultdict(list)
    for reading in sorted(readings, key=lambda reading: reading.at):
        if reading.rule_id not in rules:
            raise BadInput(f"a reading names the rule {reading.rule_id!r}, which does not exist")
        grouped[fingerprint(reading.rule_id, reading.key)].append(reading)
    return dict(grouped)


def _course(alert: Alert | None, readings: Iterable[Reading], rule: Rule, mutes: _Mutes) -> _Course:
    steps: list[tuple[Alert, Transition]] = []
    current = alert
    for reading in readings:
        muted_by = mutes.reason(lifecycle.labels_of(rule, reading), reading.at)
        current, step = lifecycle.advance(current, reading, rule, mutes.now, muted_by=muted_by)
        if current is not None and step is not None:
            steps.append((current, step))
    return _Course(alert, current, tuple(steps))


def _active_by_time(
    standing: Mapping[str, Mapping[str, str]],
    readings: Collection[Reading],
    rules: Mapping[str, Rule],
    last: Mapping[str, Alert],
    now: datetime,
) -> dict[datetime, Mapping[str, Mapping[str, str]]]:
    """Who can inhibit at the time of each reading, whatever batch the readings come in.

    Muting changes no state, so that the states are known before it is known who is muted.
    """
    active, alerts = dict(standing), dict(last)
    by_time: dict[datetime, Mapping[str, Mapping[str, str]]] = {}
    in_order = sorted(readings, key=lambda reading: reading.at)
    for at, together in groupby(in_order, key=lambda reading: reading.at):
        for reading in together:
            name = fingerprint(reading.rule_id, reading.key)
            alert, step = lifecycle.advance(alerts.get(name), reading, rules[reading.rule_id], now)
            if alert is None:
                continue
            alerts[name] = alert
            if step is not None and alert.state in ACTIVE:
                active = {**active, alert.id: alert.labels}
            elif step is not None:
                active = {other: active[other] for other in active if other != alert.id}
        by_time[at] = active
    return by_time


def _save(
    connection: Connection,
    tables: AlertTables,
    by_key: Mapping[str, Sequence[Reading]],
    rules: Mapping[str, Rule],
    last: Mapping[str, Alert],
    mutes: _Mutes,
) -> list[tuple[Alert, Transition]]:
    """Write the course of every key; where another process was first, go on from what it wrote."""
    done: dict[str, _Course] = {}
    left = sorted(by_key)
    for _ in range(ATTEMPTS):
        courses = {
            name: _course(last.get(name), by_key[name], rules[by_key[name][0].rule_id], mutes)
            for name in left
        }
        lost = _write(connection, tables, courses, mutes.now)
        done |= {name: course for name, course in courses.items() if name not in lost}
        if not lost:
            return [step for name in sorted(done) for step in done[name].steps]
        left = sorted(lost)
        last = store.latest(connection, tables, fingerprints=left)
    raise Conflict(f"{len(left)} alerts change too fast; try again")


def _write(
    connection: Connection, tables: AlertTables, courses: Mapping[str, _Course], now: datetime
) -> set[str]:
    """The keys that another process advanced first; nothing is written for them."""
    episodes = [alert for course in courses.values() for alert in course.episodes()]
    first = {course.episodes()[0].id for course in courses.values() if course.episodes()}
    fresh = [alert for alert in episodes if alert.version == 0 and alert.id in first]
    known = [alert for alert in episodes if alert.version > 0]
    follow = [alert for alert in episodes if alert.version == 0 and alert.id not in first]
    written = store.insert(connection, tables, alerts=fresh)
    written |= store.update(connection, tables, alerts=known)
    lost = {alert.fingerprint for alert in [*fresh, *known] if alert.id not in written}
    follow = [alert for alert in follow if alert.fingerprint not in lost]
    if len(store.insert(connection, tables, alerts=follow)) < len(follow):
        raise Conflict("an alert was opened by another process meanwhile; try again")
    steps = [
        step for name, course in courses.items() if name not in lost for _, step in course.steps
    ]
    store.add_transitions(connection, tables, transitions=steps, now=now)
    return lost


def _drafts(steps: Sequence[tuple[Alert, Transition]], routing: Routing) -> list[outbox.Draft]:
    return [
        outbox.Draft(destination=destination, channel=channel, alerts=alerts)
        for destination, alerts in messages(steps, routing)
        for channel in destination.receiver.channels
    ]
