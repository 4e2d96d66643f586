"""`tripod monitor score`, `detect` and `backtest`: on files, without the monitor's database."""

import math
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer

from apps.monitor.cli import settings_of
from apps.monitor.companies import Dictionary, read_companies
from apps.monitor.documents import COLUMNS, REQUIRED
from apps.monitor.events import read_price_events, read_shocks
from apps.monitor.ingest import Report
from apps.monitor.replay import judged, replay
from apps.monitor.scoring import score_texts
from apps.monitor.settings import MonitorSettings
from apps.monitor.streams import judge
from core.commands import AsJson, Home, emit, group
from core.errors import BadInput
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel
from core.progress import track
from core.rows import Row, parse_time, read_rows, write_rows

CHUNK = 512

score_app = group("Score texts.")
detect_app = group("Find anomalies in a series.")
backtest_app = group("Judge alerts by events.")


@score_app.command("score")
def score_command(
    input_file: Annotated[Path, typer.Option("--input", help="A file with a column text.")],
    output_file: Annotated[Path, typer.Option("--output", help="A .jsonl, .csv or .tsv file.")],
    text_column: Annotated[str, typer.Option(help="The column with the text.")] = "text",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Score texts: sentiment, topic, and the watched companies that each text names."""
    settings = settings_of(home)
    model = model_of(settings)
    dictionary = Dictionary(read_companies(settings.companies))
    rows = list(read_rows(input_file, required=("text",), columns={"text": text_column}))
    started = time.perf_counter()
    n = write_rows(
        output_file,
        track(
            _scored(rows, model, dictionary),
            description="monitor: scoring",
            total=len(rows),
        ),
    )
    rate = round(n / (time.perf_counter() - started), 1)
    emit(
        {"n": n, "texts_per_second": rate, "model_version": model.version},
        as_json=as_json,
        text=f"{n} texts scored, {rate} per second",
    )


@detect_app.command("detect")
def detect_command(
    series: Annotated[Path, typer.Argument(help="Columns timestamp and value.")],
    output_file: Annotated[Path, typer.Option("--output", help="Where the scores go.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Judge each value of a series by the values before it."""
    found = list(judge(_points(series)))
    write_rows(
        output_file,
        (
            {
                "timestamp": each.timestamp.isoformat().replace("+00:00", "Z"),
                "value": each.value,
                "anomaly_score": each.anomaly_score,
                "alert": int(each.alert),
            }
            for each in found
        ),
    )
    alerts = sum(each.alert for each in found)
    emit(
        {"n": len(found), "alerts": alerts},
        as_json=as_json,
        text=f"{len(found)} values, {alerts} alerts",
    )


@backtest_app.command("backtest")
def backtest_command(
    documents: Annotated[Path, typer.Option(help="Documents as for ingest.")],
    prices: Annotated[Path | None, typer.Option(help="timestamp, company, close.")] = None,
    events: Annotated[Path | None, typer.Option(help="A JSON list of known events.")] = None,
    companies: Annotated[Path | None, typer.Option(help="Watched companies.")] = None,
    before_hours: Annotated[
        float | None,
        typer.Option(min=0, help="How early an alert may be (default: 24 for prices, else 0)."),
    ] = None,
    after_hours: Annotated[float, typer.Option(min=0, help="How late, after the end.")] = 0.0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Replay documents and judge the alerts by sharp price moves or known events."""
    if (prices is None) == (events is None):
        raise BadInput("give either --prices or --events", remedy="one of the two")
    settings = settings_of(home)
    dictionary = Dictionary(read_companies(companies or settings.companies))
    watched = tuple(dictionary.companies.values())
    known = (
        read_shocks(events) if events else read_price_events(prices or Path(), companies=watched)
    )
    report = Report()
    raised, start, end = replay(
        track(_documents(documents, report), description="monitor: replay"),
        model=model_of(settings),
        dictionary=dictionary,
        batch=settings.batch,
        report=report,
    )
    early = (24.0 if prices else 0.0) if before_hours is None else before_hours
    result = judged(
        raised,
        known,
        companies=sorted(dictionary.companies),
        start=start,
        end=end,
        before=timedelta(hours=early),
        after=timedelta(hours=after_hours),
    )
    emit({"documents": report.read, "rejected": report.rejected} | result, as_json=as_json)


def model_of(settings: MonitorSettings) -> TextModel:
    """The model in use. Raises `Unavailable` where none is."""
    served = Served(Registry(settings.home / "registry"), "monitor", load=TextModel.load)
    return served.started().current


def _scored(
    rows: list[Row], model: TextModel, dictionary: Dictionary
) -> Iterator[dict[str, object]]:
    for start in range(0, len(rows), CHUNK):
        texts = [row.text("text") for row in rows[start : start + CHUNK]]
        scores = score_texts(texts, model=model)
        for text, score in zip(texts, scores, strict=True):
            yield {
                "text": text,
                "sentiment": score.sentiment,
                "score": score.score,
                "probabilities": dict(score.probabilities),
                "topic": score.topic,
                "companies": [
                    {
                        "id": mention.company_id,
                        "relevance": mention.relevance,
                        "sentiment": score.sentiment,
                        "score": score.score,
                    }
                    for mention in dictionary.find(text)
                ],
                "reason": score.reason,
            }


def _points(path: Path) -> Iterator[tuple[datetime, float]]:
    for row in read_rows(path, required=("timestamp", "value")):
        try:
            at, value = series_time(row.values["timestamp"]), float(row.text("value"))
        except ValueError as error:
            raise BadInput(str(error), file=str(path), line=row.line) from error
        if not math.isfinite(value):
            raise BadInput(f"{value} is no value", file=str(path), line=row.line, column="value")
        yield at, value


def series_time(value: object) -> datetime:
    """As `parse_time`; a series that names no zone is taken to be in UTC throughout."""
    try:
        return parse_time(value)
    except ValueError:
        return parse_time(f"{str(value).strip()}Z")


def _documents(path: Path, report: Report) -> Iterator[tuple[int, Mapping[str, object]]]:
    def reject(error: BadInput) -> None:
        report.reject(error.line or 0, error.message)

    for row in read_rows(path, required=REQUIRED, reject=reject):
        yield row.line, {name: row.values.get(name) for name in COLUMNS}
