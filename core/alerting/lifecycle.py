"""The life of an alert as a pure function: pending, firing, acknowledged, recovering, resolved.

All durations are measured between readings, in the rule's own clock: a stopped worker, a late
batch or a wall clock that jumps neither fires nor resolves anything by itself.
"""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from core.alerting.alert import (
    ACTIVE,
    CLOSED,
    Alert,
    Notify,
    Reason,
    State,
    Transition,
    alert_id,
    fingerprint,
)
from core.alerting.rule import Evidence, Reading, Rule, condition
from core.errors import Conflict

EVIDENCE_LIMIT = 20
SLOT = re.compile(r"\{(\w+)\}")


def advance(
    alert: Alert | None, reading: Reading, rule: Rule, now: datetime, *, muted_by: str = ""
) -> tuple[Alert | None, Transition | None]:
    """The alert after `reading`, and the step that it made, if any.

    `alert` is the latest of its fingerprint, open or closed; None if there never was one. A
    closed one is followed by a new episode. A reading from the future counts as of `now`; one
    that is not newer than the last changes nothing. `muted_by` (a silence or an inhibition)
    keeps back what people would be told, and the next reading after it ends tells it.
    """
    at = min(reading.at, now)
    if alert is not None and at <= alert.read_at:
        return alert, None
    if alert is None or alert.state in CLOSED:
        if not condition(rule, reading.value, was_on=False):
            return alert, None
        return _open(alert, reading, rule, at, muted_by)
    seen = replace(
        alert, value=reading.value, read_at=at, labels=labels_of(rule, reading), muted_by=muted_by
    )
    was_on = alert.state is not State.RECOVERING
    is_on = condition(rule, reading.value, was_on=was_on)
    if alert.state is State.PENDING:
        return _pending(seen, reading, rule, at, is_on)
    if is_on and not was_on:
        return _breached_again(seen, rule, at)
    if is_on:
        return _remind(seen, rule, at)
    return _recover(seen, reading, rule, at)


def acknowledge(
    alert: Alert, *, by: str, now: datetime, note: str = ""
) -> tuple[Alert, Transition | None]:
    """Somebody takes the alert: it is not told again until it is resolved.

    Again by the same or another person changes nothing. Raises Conflict unless it is active.
    """
    if alert.state not in ACTIVE:
        raise Conflict(f"alert {alert.id} is {alert.state.value}, so it cannot be acknowledged")
    if alert.acknowledged_at is not None:
        return alert, None
    taken = replace(alert, acknowledged_at=now, acknowledged_by=by, note=note)
    after = State.ACKNOWLEDGED if alert.state is State.FIRING else alert.state
    return _step(taken, after, Reason.ACKNOWLEDGED, now, actor=by)


def labels_of(rule: Rule, reading: Reading) -> Mapping[str, str]:
    """The labels for routing: those of the reading over those of the rule, then the fixed ones."""
    return {
        **rule.labels,
        **reading.labels,
        "alertname": rule.name,
        "severity": rule.severity.value,
        "rule": rule.id,
        "key": reading.key,
    }


def _open(
    last: Alert | None, reading: Reading, rule: Rule, at: datetime, muted_by: str
) -> tuple[Alert, Transition]:
    name = fingerprint(rule.id, reading.key)
    episode = 1 if last is None else last.episode + 1
    alert = Alert(
        id=alert_id(name, episode),
        fingerprint=name,
        episode=episode,
        rule_id=rule.id,
        key=reading.key,
        state=State.INACTIVE,
        severity=rule.severity,
        labels=labels_of(rule, reading),
        annotations=_annotations(rule, reading),
        evidence=reading.evidence[:EVIDENCE_LIMIT],
        value=reading.value,
        threshold=rule.fire_at,
        reason=Reason.BREACHED,
        started_at=at,
        read_at=at,
        changed_at=at,
        muted_by=muted_by,
    )
    if rule.hold:
        return _step(alert, State.PENDING, Reason.BREACHED, at)
    return _fire(alert, Reason.BREACHED, at)


def _pending(
    alert: Alert, reading: Reading, rule: Rule, at: datetime, is_on: bool
) -> tuple[Alert, Transition | None]:
    if not is_on:
        return _step(replace(alert, closed_at=at), State.INACTIVE, Reason.CLEARED_EARLY, at)
    if at - alert.started_at < rule.hold:
        return alert, None
    evidence: tuple[Evidence, ...] = reading.evidence[:EVIDENCE_LIMIT] or alert.evidence
    held = replace(alert, evidence=evidence, annotations=_annotations(rule, reading))
    return _fire(held, Reason.HELD, at)


def _fire(alert: Alert, reason: Reason, at: datetime) -> tuple[Alert, Transition]:
    told = replace(alert, fired_at=at, notified_at=None if alert.muted_by else at)
    return _step(told, State.FIRING, reason, at, notify=Notify.FIRING)


def _breached_again(alert: Alert, rule: Rule, at: datetime) -> tuple[Alert, Transition]:
    """Back to firing is not news: whoever was told of it was not told that it had ended."""
    after = State.FIRING if alert.acknowledged_at is None else State.ACKNOWLEDGED
    again = replace(alert, recovering_since=None)
    if after is State.FIRING and _reminder_due(again, rule, at) and not again.muted_by:
        told = replace(again, notified_at=at)
        return _step(told, after, Reason.BREACHED_AGAIN, at, notify=Notify.FIRING)
    return _step(again, after, Reason.BREACHED_AGAIN, at)


def _remind(alert: Alert, rule: Rule, at: datetime) -> tuple[Alert, Transition | None]:
    if alert.state is not State.FIRING or alert.muted_by or not _reminder_due(alert, rule, at):
        return alert, None
    reason = Reason.UNMUTED if alert.notified_at is None else Reason.REPEATED
    told = replace(alert, notified_at=at)
    return _step(told, State.FIRING, reason, at, notify=Notify.FIRING)


def _reminder_due(alert: Alert, rule: Rule, at: datetime) -> bool:
    return alert.notified_at is None or at - alert.notified_at >= rule.repeat


def _recover(
    alert: Alert, reading: Reading, rule: Rule, at: datetime
) -> tuple[Alert, Transition | None]:
    since = at if alert.recovering_since is None else alert.recovering_since
    if at - since >= rule.settle:
        resolved = replace(alert, recovering_since=since, closed_at=at)
        # Nobody who was never told of the alert is told of its end.
        notify = Notify.RESOLVED if alert.notified_at is not None else None
        return _step(resolved, State.RESOLVED, Reason.SETTLED, at, notify=notify)
    if alert.state is State.RECOVERING:
        return alert, None
    reason = Reason.WENT_QUIET if reading.value is None else Reason.CLEARED
    return _step(replace(alert, recovering_since=since), State.RECOVERING, reason, at)


def _step(
    alert: Alert,
    after: State,
    reason: Reason,
    at: datetime,
    *,
    notify: Notify | None = None,
    actor: str = "",
) -> tuple[Alert, Transition]:
    number = alert.transitions + 1
    kept_back = alert.muted_by if notify is not None else ""
    transition = Transition(
        alert_id=alert.id,
        number=number,
        before=alert.state,
        after=after,
        reason=reason,
        at=at,
        value=alert.value,
        notify=None if kept_back else notify,
        muted_by=kept_back,
        actor=actor,
    )
    return replace(alert, state=after, reason=reason, changed_at=at, transitions=number), transition


def _annotations(rule: Rule, reading: Reading) -> Mapping[str, str]:
    slots = {
        **labels_of(rule, reading),
        "value": "-" if reading.value is None else f"{reading.value:.4g}",
        "threshold": f"{rule.fire_at:.4g}",
    }
    summaries = {
        "summary" if language == "en" else f"summary_{language}": SLOT.sub(
            lambda slot: slots.get(slot[1], slot[0]), template
        )
        for language, template in rule.summary.items()
    }
    return {**summaries, **reading.annotations}
