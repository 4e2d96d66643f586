"""Alerts and what belongs to them as JSON values, there and back.

Times are RFC 3339 in UTC. The forms are those of the HTTP APIs, of `--json`, and of the outbox.
"""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from core.alerting.alert import Alert, Reason, State, Transition
from core.alerting.message import Delivery
from core.alerting.rule import Evidence, Severity
from core.alerting.silences import Silence

ALERT_TIMES = frozenset(
    {
        "started_at",
        "read_at",
        "changed_at",
        "fired_at",
        "recovering_since",
        "closed_at",
        "notified_at",
        "acknowledged_at",
    }
)
Json = dict[str, Any]


def alert_json(alert: Alert) -> Json:
    """Every field of the alert by its own name."""
    plain = {field.name: getattr(alert, field.name) for field in fields(alert)}
    times = {name: time_json(plain[name]) for name in ALERT_TIMES}
    return {
        **plain,
        **times,
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "evidence": evidence_json(alert.evidence),
        "state": alert.state.value,
        "severity": alert.severity.value,
        "reason": alert.reason.value,
    }


def alert_from_json(value: Mapping[str, Any]) -> Alert:
    times = {name: time_from_json(value[name]) for name in ALERT_TIMES}
    return Alert(
        **{
            **value,
            **times,
            "evidence": evidence_from_json(value["evidence"]),
            "state": State(value["state"]),
            "severity": Severity(value["severity"]),
            "reason": Reason(value["reason"]),
        }
    )


def transition_json(transition: Transition) -> Json:
    return {
        "alert_id": transition.alert_id,
        "number": transition.number,
        "before": transition.before.value,
        "after": transition.after.value,
        "reason": transition.reason.value,
        "at": time_json(transition.at),
        "value": transition.value,
        "notify": None if transition.notify is None else transition.notify.value,
        "muted_by": transition.muted_by,
        "actor": transition.actor,
    }


def silence_json(silence: Silence, now: datetime) -> Json:
    return {
        "id": silence.id,
        "matchers": [str(matcher) for matcher in silence.matchers],
        "starts_at": time_json(silence.starts_at),
        "ends_at": time_json(silence.ends_at),
        "created_at": time_json(silence.created_at),
        "created_by": silence.created_by,
        "comment": silence.comment,
        "state": silence.state(now).value,
    }


def delivery_json(delivery: Delivery) -> Json:
    return {
        "id": delivery.id,
        "receiver": delivery.receiver,
        "channel": delivery.channel,
        "status": delivery.status.value,
        "state": delivery.state.value,
        "alerts": [alert.id for alert in delivery.alerts],
        "created_at": time_json(delivery.created_at),
        "due_at": time_json(delivery.due_at),
        "attempts": delivery.attempts,
        "attempted_at": time_json(delivery.attempted_at),
        "sent_at": time_json(delivery.sent_at),
        "error": delivery.error,
    }


def evidence_json(evidence: Sequence[Evidence]) -> list[Json]:
    return [
        {
            "text": _storable(item.text),
            "source": _storable(item.source),
            "url": _storable(item.url),
            "at": time_json(item.at),
        }
        for item in evidence
    ]


def evidence_from_json(values: Sequence[Mapping[str, Any]]) -> tuple[Evidence, ...]:
    return tuple(Evidence(**{**value, "at": time_from_json(value["at"])}) for value in values)


def time_json(value: datetime | None) -> str | None:
    return None if value is None else value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def time_from_json(value: str | None) -> datetime | None:
    return None if value is None else datetime.fromisoformat(value)


def _storable(text: str) -> str:
    """PostgreSQL's JSONB takes neither a zero character nor half a surrogate pair."""
    return text.replace("\0", "").encode(errors="replace").decode()
