"""From measurements to readings and alerts, with the headlines behind each frozen as it fires."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from apps.monitor import evidence, rules
from apps.monitor.companies import Company
from apps.monitor.detect import Measurement
from apps.monitor.history import Headline
from apps.monitor.tables import ALERTING
from core.alerting.alert import State, fingerprint
from core.alerting.engine import evaluate
from core.alerting.routing import Routing
from core.alerting.rule import Evidence, Reading

TOLD_HEADLINES = 10


def raise_alerts(
    connection: Connection,
    measurements: Sequence[Measurement],
    *,
    companies: Mapping[str, Company],
    headlines: Mapping[str, Headline],
    routing: Routing,
    now: datetime,
) -> tuple[str, ...]:
    """Give the measurements to the alert lifecycle; the ids of the alerts that fired."""
    if not measurements:
        return ()
    measured = {
        (fingerprint(rules.RULES[each.kind].id, each.company_id), min(each.at, now)): each
        for each in measurements
    }
    steps = evaluate(
        connection,
        ALERTING,
        rules=tuple(rules.RULES.values()),
        readings=[
            reading_of(each, company=companies.get(each.company_id), headlines=headlines)
            for each in measurements
        ],
        routing=routing,
        now=now,
    )
    fired = []
    for step in steps:
        if step.after is State.FIRING and step.before in (State.INACTIVE, State.PENDING):
            cause = measured[(step.alert_id.rsplit("-", 1)[0], step.at)]
            behind = [(headlines[story.document_id], story.relevance) for story in cause.stories]
            evidence.freeze(connection, alert_id=step.alert_id, headlines=behind)
            fired.append(step.alert_id)
    return tuple(fired)


def reading_of(
    measured: Measurement, *, company: Company | None, headlines: Mapping[str, Headline]
) -> Reading:
    """The measurement as the rule of its kind reads it."""
    rule = rules.RULES[measured.kind]
    shown: tuple[Evidence, ...] = ()
    notes: dict[str, str] = {}
    if measured.value >= rule.fire_at:
        told = [headlines[story.document_id] for story in measured.stories[:TOLD_HEADLINES]]
        shown = tuple(
            Evidence(text=each.title, source=each.source, url=each.url, at=each.published_at)
            for each in told
        )
        versions = sorted({each.model_version for each in told})
        notes = rules.annotations(measured, model_version=", ".join(versions))
    return Reading(
        rule_id=rule.id,
        key=measured.company_id,
        value=round(measured.value, 6),
        at=measured.at,
        labels=labels_of(measured.company_id, company),
        annotations=notes,
        evidence=shown,
    )


def labels_of(company_id: str, company: Company | None) -> dict[str, str]:
    """What routing, silences and summaries know of a company."""
    if company is None:
        return {"company": company_id, "name": company_id, "name_zh": company_id}
    return {
        "company": company_id,
        "name": company.name_en,
        "name_zh": company.name_zh or company.name_en,
        "sector": company.sector,
    }
