"""`tripod support ...`"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from apps.support.answering import reply_json
from apps.support.articles import LANGUAGES
from apps.support.evaluation import Labelled, Metrics, measure, read_labelled
from apps.support.importing import COLUMNS, ImportReport, import_articles
from apps.support.runtime import Runtime, build
from apps.support.settings import SupportSettings
from core.commands import AsJson, Home, emit, group
from core.progress import track

app = group("Answer customers' questions from the shop's knowledge base.")

SHOWN_REJECTIONS = 20
Language = Annotated[
    str | None, typer.Option("--language", help="en or zh; without it, it is detected.")
]


@contextmanager
def _runtime(home: Path | None) -> Iterator[Runtime]:
    settings = SupportSettings() if home is None else SupportSettings(home=home)
    with build(settings) as runtime:
        yield runtime


@app.command("import")
def import_command(
    file: Annotated[str, typer.Argument(help=".csv, .tsv or .jsonl, each also .gz.")],
    language: Annotated[
        str | None, typer.Option("--language", help="Language of rows that do not say theirs.")
    ] = None,
    id_column: str = "id",
    question_column: str = "question",
    answer_column: str = "answer",
    language_column: str = "language",
    category_column: str = "category",
    variants_column: str = "variants",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Insert or replace articles. A bad row is refused and told; the others go in."""
    named = (
        id_column, question_column, answer_column, language_column, category_column,
        variants_column,
    )  # fmt: skip
    columns = dict(zip(COLUMNS, named, strict=True))
    with _runtime(home) as runtime:
        report = import_articles(
            runtime.engine, file, now=datetime.now(UTC), columns=columns, language=language
        )
    emit(report.as_json(), as_json=as_json, text=lambda: _import_text(report))


@app.command("ask")
def ask_command(
    text: Annotated[str, typer.Argument(help="The customer's message.")],
    language: Language = None,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Show what a customer who asks this is told. Nothing is stored; no server is needed."""
    with _runtime(home) as runtime:
        result = reply_json(runtime.support.reply(text, language=language))
    emit(result, as_json=as_json, text=lambda: _ask_text(result))


@app.command("evaluate")
def evaluate_command(
    file: Annotated[str, typer.Argument(help="Labelled questions; no article: out of scope.")],
    language: Language = None,
    split: Annotated[str, typer.Option(help="Only rows with this value in the column split.")] = "",
    question_column: str = "question",
    article_column: str = "article_id",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Measure answers to labelled questions, by the path that customers' questions take."""
    columns = {"question": question_column, "article_id": article_column}
    asked = read_labelled(file, columns=columns, split=split)
    with _runtime(home) as runtime:
        results = [
            (labelled, runtime.support.decide(labelled.question, language=language)[0])
            for labelled in track(asked, description="asking", total=len(asked))
        ]
        version = runtime.knowledge.model_version
    by_language = {
        code: asdict(measure(found))
        for code in LANGUAGES
        if (found := [pair for pair in results if _said(pair[0], pair[1].language) == code])
    }
    overall = measure(results)
    result = {**asdict(overall), "model_version": version, "languages": by_language}
    emit(result, as_json=as_json, text=lambda: _metrics_text(overall))


def _said(labelled: Labelled, found: str) -> str:
    return labelled.language or found


def _import_text(report: ImportReport) -> str:
    lines = [
        f"{report.added} added, {report.changed} changed, {report.unchanged} unchanged, "
        f"{len(report.rejected)} rejected"
    ]
    lines += [
        f"line {row.line} ({row.id}): {row.reason}" for row in report.rejected[:SHOWN_REJECTIONS]
    ]
    hidden = len(report.rejected) - SHOWN_REJECTIONS
    return "\n".join([*lines, f"and {hidden} more"] if hidden > 0 else lines)


def _ask_text(result: dict[str, object]) -> str:
    source, candidates = result["source"], result["candidates"]
    lines = [
        str(result["message"]),
        "",
        f"{result['action']} ({result['reason']}), confidence {result['confidence']}, "
        f"{result['retriever']} retrieval, language {result['language']}",
    ]
    if isinstance(source, dict):
        lines.append(f"source: {source['article_id']} ({source['question']})")
    elif isinstance(candidates, list) and candidates:
        lines.append("nearest articles:")
        lines += [
            f"  {found['confidence']:.2f}  {found['article_id']}: {found['question']}"
            for found in candidates
        ]
    return "\n".join(lines)


def _metrics_text(metrics: Metrics) -> str:
    return "\n".join(
        f"{name}: {'-' if value is None else value if isinstance(value, int) else f'{value:.4f}'}"
        for name, value in asdict(metrics).items()
    )
