"""`tripod monitor`: take news in, look at alerts and at what is behind them."""

import getpass
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from apps.monitor import service, why
from apps.monitor.documents import COLUMNS, REQUIRED
from apps.monitor.ingest import Report, ingest
from apps.monitor.rules import RULES, VERSION
from apps.monitor.runtime import build
from apps.monitor.settings import MonitorSettings
from core.alerting.alert import ACTIVE
from core.alerting.store.alerts import SHOWN, AlertFilter
from core.alerting.wire import silence_json
from core.commands import AsJson, Home, emit, group
from core.database import reading
from core.errors import BadInput
from core.progress import bar, say
from core.rows import parse_time, read_rows

MORE = {
    "score": "apps.monitor.offline_cli:score_app",
    "detect": "apps.monitor.offline_cli:detect_app",
    "backtest": "apps.monitor.offline_cli:backtest_app",
    "channels": "apps.monitor.channels_cli:app",
}
SHOWN_REJECTIONS = 20
FILE_FEED = "file"

app = group("Financial news to explained alerts.", lazy=MORE)


def settings_of(home: Path | None) -> MonitorSettings:
    """Settings with the home folder of the command line, where one was given."""
    return MonitorSettings() if home is None else MonitorSettings(home=home)


@app.command("ingest")
def ingest_command(
    file: Annotated[str, typer.Argument(help="A .csv, .tsv or .jsonl file; - reads JSON lines.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take documents in: score them, update the series, raise alerts and deliver them.

    Columns: published_at and title, and if there are any id, source, body, url, language. Given
    again, a file stores only what was missing.
    """
    report = Report()
    with build(settings_of(home)) as runtime:
        with bar(description=f"monitor: {Path(file).name}", total=_rows_of(file)) as advance:
            ingest(
                runtime.pipeline(FILE_FEED),
                _rows(file, report),
                batch=runtime.settings.batch,
                clock=lambda: datetime.now(UTC),
                report=report,
                advance=advance,
            )
        runtime.deliverer.drain(lambda: datetime.now(UTC))
        waiting = runtime.status().queues["deliveries"]
    for rejection in report.rejections[:SHOWN_REJECTIONS]:
        say(f"line {rejection.line} rejected: {rejection.reason}")
    if waiting:
        say(f"{waiting} messages wait for their next attempt; a running server sends them")
    emit(report.to_json() | {"deliveries_waiting": waiting}, as_json=as_json, text=_told(report))


@app.command("alerts")
def alerts_command(
    company: Annotated[str | None, typer.Option(help="Only this company's.")] = None,
    active: Annotated[
        bool, typer.Option("--active", help="Only those that have not ended.")
    ] = False,
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 100,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """List alerts, newest first, each with the headlines behind it."""
    wanted = AlertFilter(states=ACTIVE if active else SHOWN, key=company)
    with build(settings_of(home)) as runtime:
        if company is not None:
            service.check_company(runtime, company)
        found, cursor = service.list_alerts(runtime, wanted=wanted, limit=limit, cursor=None)
    emit(
        {"alerts": found, "more": cursor is not None},
        as_json=as_json,
        text=lambda: "\n\n".join(map(_alert_text, found)) or "no alerts",
    )


@app.command("ack")
def ack_command(
    alert_id: Annotated[str, typer.Argument()],
    note: Annotated[str, typer.Option(help="What you found out.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Take an alert, so that it is not told again."""
    with build(settings_of(home)) as runtime:
        alert = service.acknowledge(
            runtime, alert_id, by=_person(), note=note, now=datetime.now(UTC)
        )
    emit(alert, as_json=as_json, text=f"{alert_id}: {alert['state']}")


@app.command("silence")
def silence_command(
    matchers: Annotated[str, typer.Argument(help='Such as: company="arden-pharma"')],
    hours: Annotated[float, typer.Option(help="How long.")] = 8.0,
    comment: Annotated[str, typer.Option(help="Why.")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Record matching alerts without telling anyone, for some hours from now."""
    now = datetime.now(UTC)
    with build(settings_of(home)) as runtime:
        made = service.silence(
            runtime, matchers, hours=hours, by=_person(), comment=comment, now=now
        )
    emit(silence_json(made, now), as_json=as_json, text=f"silence {made.id} until {made.ends_at}")


@app.command("why")
def why_command(
    company: Annotated[str, typer.Argument(help="The company's id.")],
    at: Annotated[str | None, typer.Option(help="A time, RFC 3339 (default: newest news).")] = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Say what each rule measures for a company at a time, and why it fires or does not."""
    with build(settings_of(home)) as runtime:
        service.check_company(runtime, company)
        moment = parsed_time(at) if at else service.newest(runtime, company)
        with reading(runtime.engine) as connection:
            explained = why.explain(connection, company, at=moment)
    emit(
        why.to_json(explained),
        as_json=as_json,
        text=lambda: "\n".join(
            f"{RULES[each.measurement.kind].id}: {each.reason}" for each in explained.findings
        ),
    )


@app.command("rules")
def rules_command(home: Home = None, as_json: AsJson = False) -> None:
    """List the alert rules."""
    found = [
        {
            "id": rule.id,
            "name": rule.name,
            "severity": rule.severity.value,
            "fire_at": rule.fire_at,
            "clear_at": rule.clear_at,
            "settle_hours": rule.settle.total_seconds() / 3600,
            "summary": dict(rule.summary),
        }
        for rule in RULES.values()
    ]
    emit(
        {"version": VERSION, "rules": found},
        as_json=as_json,
        text="\n".join(
            f"{each['id']} ({each['severity']}): fires at a chance of 1 in 10^{each['fire_at']}, "
            f"clears at 1 in 10^{each['clear_at']}"
            for each in found
        ),
    )


def parsed_time(text: str) -> datetime:
    """Raises `BadInput` for what is no time."""
    try:
        return parse_time(text)
    except ValueError as error:
        raise BadInput(str(error), field="at") from error


def _rows(file: str, report: Report) -> Iterator[tuple[int, Mapping[str, object]]]:
    def reject(error: BadInput) -> None:
        report.reject(error.line or 0, error.message)

    for row in read_rows(file, required=REQUIRED, reject=reject):
        yield row.line, {name: row.values.get(name) for name in COLUMNS}


def _rows_of(file: str) -> int | None:
    """How many rows a plain JSON lines file has; None where that cannot be said cheaply."""
    path = Path(file)
    if path.suffix != ".jsonl" or not path.is_file():
        return None
    with path.open("rb") as stream:
        return sum(block.count(b"\n") for block in iter(lambda: stream.read(1 << 20), b""))


def _person() -> str:
    return f"cli:{getpass.getuser()}"


def _told(report: Report) -> str:
    found = report.to_json()
    return (
        f"read {report.read}, stored {report.stored}, duplicates {report.duplicates} "
        f"(copies {found['copies']}, stored before {found['already_known']}), "
        f"rejected {report.rejected}, unscored {found['unscored']}, "
        f"alerts {len(report.outcome.fired)}; {found['documents_per_second']} documents per second"
    )


def _alert_text(alert: Mapping[str, object]) -> str:
    annotations, headlines = alert["annotations"], alert["headlines"]
    assert isinstance(annotations, dict)
    assert isinstance(headlines, list)
    lines = [
        f"{alert['started_at']}  [{alert['state']}, {alert['severity']}] "
        f"{annotations.get('summary', alert['key'])}",
        f"  id {alert['id']}; {annotations.get('seen')} in {annotations.get('window_hours')} h "
        f"where {annotations.get('expected')} is usual; model {annotations.get('model_version')}",
    ]
    lines += [
        f"  {each['published_at'][:16]}  "
        f"{'     ' if each['score'] is None else format(each['score'], '+.2f')}  "
        f"{each['title']} ({each['source']})"
        for each in headlines
    ]
    return "\n".join(lines)
