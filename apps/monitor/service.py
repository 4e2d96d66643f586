"""What people do with the monitor: look at alerts and series, acknowledge, silence, samples."""

from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from apps.monitor import evidence, history, store
from apps.monitor.ingest import Report, ingest
from apps.monitor.runtime import Runtime
from apps.monitor.series import Bucket, resampled
from apps.monitor.tables import ACCESS, ALERTING
from core.alerting import engine
from core.alerting.alert import Alert
from core.alerting.matchers import parse
from core.alerting.silences import Silence
from core.alerting.store import alerts as alert_store
from core.alerting.store import silences
from core.alerting.store.alerts import AlertFilter, AlertPage
from core.alerting.wire import alert_json
from core.database import reading, transaction
from core.errors import BadInput, NotFound
from core.progress import bar
from core.rows import read_rows
from core.web.store import record

SAMPLE_FEED = "samples"
DEFAULT_SPAN = timedelta(days=30)
STEPS = {"1h": timedelta(hours=1), "6h": timedelta(hours=6), "1d": timedelta(days=1)}


def load_samples(runtime: Runtime) -> Report:
    """Bring in the sample stream; what is stored already is passed over."""
    path = runtime.settings.samples / "stream.jsonl.gz"
    rows = ((row.line, row.values) for row in read_rows(path, required=("published_at", "title")))
    with bar(description="monitor: sample stream", total=None) as advance:
        return ingest(
            runtime.pipeline(SAMPLE_FEED),
            rows,
            batch=runtime.settings.batch,
            clock=lambda: datetime.now(UTC),
            advance=advance,
        )


def list_alerts(
    runtime: Runtime, *, wanted: AlertFilter, limit: int, cursor: str | None
) -> tuple[list[dict[str, object]], str | None]:
    """Alerts with the headlines behind each, newest first, and the cursor of the next page."""
    with reading(runtime.engine) as connection:
        page = alert_store.list_alerts(
            connection, ALERTING, wanted=wanted, limit=limit, cursor=cursor
        )
        return _with_headlines(connection, page), page.cursor


def show_alert(runtime: Runtime, alert_id: str) -> dict[str, object]:
    """One alert with its headlines. Raises NotFound."""
    with reading(runtime.engine) as connection:
        alert = alert_store.get(connection, ALERTING, alert_id=alert_id)
        return _with_headlines(connection, AlertPage((alert,), None))[0]


def acknowledge(
    runtime: Runtime, alert_id: str, *, by: str, note: str, now: datetime
) -> dict[str, object]:
    """Take an alert. Raises NotFound, or Conflict where it has ended."""
    with transaction(runtime.engine) as connection:
        alert = engine.acknowledge(
            connection, ALERTING, alert_id=alert_id, by=by, now=now, note=note
        )
        _audit(connection, by, "alert.acknowledge", alert_id, {"note": note}, now)
        return _with_headlines(connection, AlertPage((alert,), None))[0]


def silence(
    runtime: Runtime, matchers: str, *, hours: float, by: str, comment: str, now: datetime
) -> Silence:
    """Keep alerts that match (`company="x", severity="warning"`) from being told for a time."""
    if not hours > 0:
        raise BadInput("a silence must last longer than zero hours", field="hours")
    with transaction(runtime.engine) as connection:
        made = silences.create(
            connection,
            ALERTING,
            matchers=parse(matchers),
            starts_at=now,
            ends_at=now + timedelta(hours=hours),
            created_by=by,
            comment=comment,
            now=now,
        )
        _audit(connection, by, "silence.add", made.id, {"matchers": matchers}, now)
        return made


def company_series(
    runtime: Runtime,
    company_id: str,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    step: str = "1h",
) -> list[tuple[datetime, Bucket]]:
    """The series of a company; by default the last 30 days that have documents.

    Hours without documents are left out. Raises NotFound for a company that is not watched.
    """
    check_company(runtime, company_id)
    if step not in STEPS:
        raise BadInput(f"no step {step!r}", field="step", remedy=f"one of {', '.join(STEPS)}")
    with reading(runtime.engine) as connection:
        last = end or (store.newest(connection) or datetime.now(UTC)) + timedelta(hours=1)
        first = start or last - DEFAULT_SPAN
        found = history.buckets(connection, start=first, end=last, company_id=company_id)
    return resampled(((at, bucket) for _, at, bucket in found), step=STEPS[step])


def newest(runtime: Runtime, company_id: str) -> datetime:
    """The end of the last hour with news of a company, or now."""
    series = company_series(runtime, company_id)
    return series[-1][0] + STEPS["1h"] if series else datetime.now(UTC)


def check_company(runtime: Runtime, company_id: str) -> None:
    """Raises NotFound for a company that is not watched."""
    if company_id not in runtime.dictionary.companies:
        raise NotFound(f"no company {company_id!r} is watched")


def _with_headlines(connection: Connection, page: AlertPage) -> list[dict[str, object]]:
    behind = evidence.behind(connection, [alert.id for alert in page.alerts])
    return [_shown(alert) | {"headlines": behind[alert.id]} for alert in page.alerts]


def _shown(alert: Alert) -> dict[str, object]:
    """Without the evidence as messages carry it: the frozen headlines say more."""
    return {name: value for name, value in alert_json(alert).items() if name != "evidence"}


def _audit(
    connection: Connection,
    actor: str,
    action: str,
    subject: str,
    detail: dict[str, object],
    now: datetime,
) -> None:
    record(connection, ACCESS, actor=actor, action=action, subject=subject, detail=detail, now=now)
