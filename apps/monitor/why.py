"""Why an alert fired, or why none did: what each rule measured, and from which headlines."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from apps.monitor import history, rules
from apps.monitor.detect import LONGEST, Measurement
from apps.monitor.history import Headline
from apps.monitor.memory import Memory, load_watch
from apps.monitor.series import MICRO, Contribution
from apps.monitor.tables import ALERTING
from core.alerting.alert import ACTIVE
from core.alerting.store.alerts import AlertFilter, list_alerts

SHOWN = 20


@dataclass(frozen=True)
class Finding:
    """What one rule makes of a moment; `stories` are (contribution, headline), heaviest first."""

    measurement: Measurement
    threshold: float
    fires: bool
    reason: str
    stories: tuple[tuple[Contribution, Headline], ...]


@dataclass(frozen=True)
class Why:
    """`active` are ids of alerts of the company that are open now; `unscored` headlines of the last
    day counted for volume alone."""

    company_id: str
    at: datetime
    findings: tuple[Finding, ...]
    unscored: int
    active: tuple[str, ...]


def explain(connection: Connection, company_id: str, *, at: datetime) -> Why:
    """Measure a company at a time as the pipeline does, from what is stored now.

    Documents that came later than `at` but were published before it are in; an alert's own frozen
    headlines say what was known when it fired.
    """
    memory = Memory(loaded_from=at, loaded_until=at + timedelta(seconds=1))
    load_watch(connection, memory, at=at)
    measured = memory.watch.measure(company_id, at=at)
    recent = history.contributions(
        connection, start=at - LONGEST, end=at + timedelta(seconds=1), company_id=company_id
    )
    alerts = list_alerts(
        connection, ALERTING, wanted=AlertFilter(states=ACTIVE, key=company_id)
    ).alerts
    return Why(
        company_id=company_id,
        at=at,
        findings=tuple(_finding(each, memory) for each in measured),
        unscored=sum(1 for each in recent if each.score is None),
        active=tuple(alert.id for alert in alerts),
    )


def to_json(why: Why) -> dict[str, object]:
    """The shape of `tripod monitor why --json` and of the API."""
    return {
        "company": why.company_id,
        "at": _time(why.at),
        "fires": any(finding.fires for finding in why.findings),
        "active_alerts": list(why.active),
        "unscored_documents": why.unscored,
        "rule_version": rules.VERSION,
        "rules": [_finding_json(finding) for finding in why.findings],
    }


def _finding(measured: Measurement, memory: Memory) -> Finding:
    rule = rules.RULES[measured.kind]
    fires = measured.value >= rule.fire_at
    return Finding(
        measurement=measured,
        threshold=rule.fire_at,
        fires=fires,
        reason=_reason(measured, rule.fire_at),
        stories=tuple(
            (story, memory.headlines[story.document_id]) for story in measured.stories[:SHOWN]
        ),
    )


def _reason(measured: Measurement, threshold: float) -> str:
    hours = f"{measured.window / timedelta(hours=1):g}"
    what = "stories" if measured.kind == "volume" else f"{measured.kind} mass"
    if measured.value == 0:
        return f"nothing unusual: {measured.seen:.2f} {what} in {hours} h"
    odds = f"{measured.seen:.2f} {what} in {hours} h where {measured.expected:.2f} are usual"
    side = "at or over" if measured.value >= threshold else "under"
    return (
        f"{odds}: a chance of 1 in 10^{measured.value:.1f}, {side} the threshold 10^{threshold:g}"
    )


def _finding_json(finding: Finding) -> dict[str, object]:
    measured = finding.measurement
    return {
        "rule": rules.RULES[measured.kind].id,
        "value": round(measured.value, 4),
        "threshold": finding.threshold,
        "fires": finding.fires,
        "reason": finding.reason,
        "window_hours": measured.window / timedelta(hours=1),
        "seen": round(measured.seen, 4),
        "expected": round(measured.expected, 4),
        "headlines": [_story_json(story, headline) for story, headline in finding.stories],
    }


def _story_json(story: Contribution, headline: Headline) -> dict[str, object]:
    return {
        "document_id": headline.document_id,
        "published_at": _time(headline.published_at),
        "source": headline.source,
        "title": headline.title,
        "url": headline.url,
        "sentiment": headline.sentiment,
        "score": headline.score,
        "topic": headline.topic,
        "relevance": story.relevance,
        "weight": round(abs(story.mass) / MICRO, 4),
        "model_version": headline.model_version,
        "reason": headline.reason,
    }


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
