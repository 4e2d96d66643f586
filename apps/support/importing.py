"""Articles from a table: a bad row is refused with its reason, the others go in."""

import json
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from apps.support import tables
from apps.support.articles import LANGUAGES, Article, ArticleText, check_article
from apps.support.store import knowledge as store
from apps.support.store import orders as order_store
from core.database import reading, transaction
from core.errors import BadInput
from core.language import UNDETERMINED, detect
from core.rows import Row, read_rows
from core.web.store import record

COLUMNS = ("id", "question", "answer", "language", "category", "variants")
REQUIRED = ("id", "question", "answer")
CATEGORY = "general"


@dataclass(frozen=True)
class Rejected:
    """A row that did not go in; `reason` says what is wrong and what to do."""

    line: int
    id: str
    reason: str


@dataclass
class ImportReport:
    """Counts of rows; one row is one article in one language."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: list[Rejected] = field(default_factory=list)

    def as_json(self) -> dict[str, object]:
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "rejected": len(self.rejected),
            "rejections": [
                {"line": row.line, "id": row.id, "reason": row.reason} for row in self.rejected
            ],
        }


@dataclass(frozen=True)
class ArticleRow:
    line: int
    id: str
    category: str
    language: str
    text: ArticleText


def import_articles(
    engine: Engine,
    path: str | Path,
    *,
    now: datetime,
    columns: Mapping[str, str] | None = None,
    language: str | None = None,
    actor: str = "import",
) -> ImportReport:
    """Insert or replace the articles of a file, all of the good rows in one transaction.

    `columns` maps our column names to the file's; `language` is that of rows which do not say
    theirs (without it, it is detected from the question). Raises `BadInput` with file, line,
    column and remedy where the file itself cannot be read; then nothing is stored.
    """
    if language is not None and language not in LANGUAGES:
        raise BadInput(f"{language!r} is not served", remedy=f"use one of: {', '.join(LANGUAGES)}")
    report = ImportReport()
    rows = list(_rows(read_rows(path, columns=columns, required=REQUIRED), language, report))
    put_rows(engine, rows, report=report, now=now, actor=actor)
    report.rejected.sort(key=lambda rejected: rejected.line)
    return report


def put_rows(
    engine: Engine, rows: list[ArticleRow], *, report: ImportReport, now: datetime, actor: str
) -> None:
    """Store rows; those that could not be found or sent are added to `report.rejected`."""
    with reading(engine) as connection:
        policies = {policy.name for policy in order_store.load_policies(connection)}
    accepted = [row for row in rows if _accepted(row, policies, report)]
    with transaction(engine) as connection:
        known = store.load_articles(connection, ids=sorted({row.id for row in accepted}))
        articles = dict(known)
        for row in accepted:
            before = articles.get(row.id)
            after = _merged(before, row)
            if before is None or row.language not in before.texts:
                report.added += 1
            elif after == before:
                report.unchanged += 1
            else:
                report.changed += 1
            articles[row.id] = after
        changed = [article for key, article in articles.items() if article != known.get(key)]
        for article in changed:
            store.put_article(connection, article, now=now)
        if changed:
            store.bump_knowledge(connection)
            record(
                connection,
                tables.ACCESS,
                actor=actor,
                action="article.import",
                subject="articles",
                now=now,
                detail={"added": report.added, "changed": report.changed},
            )


def _rows(rows: Iterator[Row], language: str | None, report: ImportReport) -> Iterator[ArticleRow]:
    seen: dict[tuple[str, str], int] = {}
    for row in rows:
        try:
            parsed = _article_row(row, language)
            first = seen.setdefault((parsed.id, parsed.language), row.line)
            if first != row.line:
                raise BadInput(f"the same article and language stand in line {first}")
        except BadInput as error:
            report.rejected.append(Rejected(row.line, row.text("id"), str(error)))
            continue
        yield parsed


def _article_row(row: Row, default: str | None) -> ArticleRow:
    question = row.text("question")
    language = row.text("language") or default or detect(question, languages=LANGUAGES)
    if language == UNDETERMINED:
        raise BadInput(
            "the language of the question cannot be told",
            field="language",
            remedy=f"fill in the column language: {', '.join(LANGUAGES)}",
        )
    text = ArticleText(question, row.text("answer"), _variants(row, question))
    return ArticleRow(row.line, row.text("id"), row.text("category") or CATEGORY, language, text)


def _variants(row: Row, question: str) -> tuple[str, ...]:
    """A list, a list written as JSON, or texts between bars."""
    given = row.values.get("variants")
    if isinstance(given, str) and given.lstrip().startswith("["):
        try:
            given = json.loads(given)
        except json.JSONDecodeError as error:
            raise BadInput(
                f"the variants are no JSON list: {error}",
                field="variants",
                remedy='write ["first", "second"] or first|second',
            ) from error
    if isinstance(given, list):
        texts = [str(text).strip() for text in given]
    else:
        texts = [text.strip() for text in row.text("variants").split("|")]
    return tuple(dict.fromkeys(text for text in texts if text and text != question))


def _accepted(row: ArticleRow, policies: Set[str], report: ImportReport) -> bool:
    article = Article(row.id, row.category, {row.language: row.text})
    try:
        check_article(article, policies=policies)
    except BadInput as error:
        report.rejected.append(Rejected(row.line, row.id, str(error)))
        return False
    return True


def merged_rows(rows: list[ArticleRow]) -> dict[str, Article]:
    """Articles by id, each with the texts of all its rows."""
    articles: dict[str, Article] = {}
    for row in rows:
        articles[row.id] = _merged(articles.get(row.id), row)
    return articles


def _merged(before: Article | None, row: ArticleRow) -> Article:
    if before is None:
        return Article(row.id, row.category, {row.language: row.text})
    return replace(before, category=row.category, texts={**before.texts, row.language: row.text})
