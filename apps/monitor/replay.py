"""A backtest: documents through the whole pipeline in a database of its own, then judged."""

import tempfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from apps.monitor import store
from apps.monitor.backtest import (
    Event,
    Matching,
    Raised,
    at_random,
    intervals,
    lead_minutes,
    match,
    quantiles,
)
from apps.monitor.companies import Dictionary
from apps.monitor.ingest import Report, ingest
from apps.monitor.pipeline import Pipeline
from apps.monitor.rules import RULES, routing
from apps.monitor.tables import ALERTING
from core.alerting.alert import State
from core.alerting.store.alerts import AlertFilter, list_alerts
from core.database import connect, reading, upgrade
from core.models.text_model import TextModel

MIGRATIONS = Path(__file__).parent / "migrations"
PAGE = 1000


def replay(
    rows: Iterable[tuple[int, Mapping[str, object]]],
    *,
    model: TextModel,
    dictionary: Dictionary,
    batch: int,
    report: Report,
) -> tuple[list[Raised], datetime, datetime]:
    """Take all rows as `ingest` does and give the alerts that fired, and the span of event time.

    Nothing of it reaches the home folder, and nobody is told.
    """
    with tempfile.TemporaryDirectory() as folder:
        engine = connect(f"sqlite:///{folder}/backtest.db")
        try:
            upgrade(engine, MIGRATIONS)
            pipeline = Pipeline(
                engine,
                dictionary=dictionary,
                model=lambda: model,
                routing=lambda connection: routing(()),
                feed="backtest",
            )
            ingest(pipeline, rows, batch=batch, clock=lambda: datetime.now(UTC), report=report)
            with reading(engine) as connection:
                span = store.span(connection)
                cursor: str | None = None
                raised: list[Raised] = []
                while True:
                    page = list_alerts(
                        connection,
                        ALERTING,
                        wanted=AlertFilter(states=frozenset(State) - {State.PENDING}),
                        limit=PAGE,
                        cursor=cursor,
                    )
                    raised += [
                        Raised(alert.key, alert.fired_at, alert.rule_id)
                        for alert in page.alerts
                        if alert.fired_at is not None
                    ]
                    cursor = page.cursor
                    if cursor is None:
                        break
        finally:
            engine.dispose()
    return sorted(raised, key=lambda alert: (alert.at, alert.company, alert.rule)), *span


def judged(
    alerts: Sequence[Raised],
    events: Sequence[Event],
    *,
    companies: Sequence[str],
    start: datetime,
    end: datetime,
    before: timedelta,
    after: timedelta,
) -> dict[str, object]:
    """The figures of `tripod monitor backtest`, with baselines judged in the same way."""

    def judge(raised: Sequence[Raised]) -> Matching:
        return match(inside, raised, before=before, after=after)

    inside = [event for event in events if start <= event.start <= end]
    found = judge(alerts)
    volume = judge([alert for alert in alerts if alert.rule == RULES["volume"].id])
    days = max((end - start) / timedelta(days=1), 1 / 24)
    return {
        "events": len(inside),
        "alerts": len(alerts),
        "false_alerts": len(found.false),
        "precision": _rounded(found.precision),
        "recall": _rounded(found.recall),
        "lead_time_minutes": quantiles(lead_minutes(found)),
        "alerts_per_company_day": round(len(alerts) / (len(companies) * days), 5),
        "false_alerts_per_week": round(len(found.false) / days * 7, 3),
        "baselines": {
            "volume_only": {
                "precision": _rounded(volume.precision),
                "recall": _rounded(volume.recall),
                "lead_time_minutes": quantiles(lead_minutes(volume)),
            },
            "random": at_random(judge, len(alerts), companies=companies, start=start, end=end),
        },
        "intervals": intervals(found, companies),
        "found": [
            {"company": event.company, "kind": event.kind, "rule": alert.rule}
            for event, alert in found.hits
        ],
        "missed": [{"company": event.company, "kind": event.kind} for event in found.missed],
    }


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
