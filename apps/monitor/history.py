"""SQL that reads documents, stories and series back. Nothing here writes."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from apps.monitor.companies import HEADLINE_LATER
from apps.monitor.documents import SHOWN_BODY
from apps.monitor.series import Bucket, Contribution
from apps.monitor.tables import BUCKETS, DOCUMENT_COMPANIES, DOCUMENTS, PREDICTIONS

CHUNK = 500


@dataclass(frozen=True)
class Headline:
    """A document as people see it beside an alert; `score` is None where it was not scored."""

    document_id: str
    title: str
    source: str
    url: str
    published_at: datetime
    sentiment: str | None
    score: float | None
    topic: str | None
    model_version: str
    reason: str = ""


@dataclass(frozen=True)
class StoredDocument:
    """What duplicate detection needs of a document; `companies` are those of its headline."""

    id: str
    published_at: datetime
    title: str
    body: str
    story_id: str
    companies: frozenset[str]


def buckets(
    connection: Connection,
    *,
    start: datetime,
    end: datetime,
    company_id: str | None = None,
) -> list[tuple[str, datetime, Bucket]]:
    """(company, start, bucket) of the hours from `start` to before `end`, by time."""
    query = select(BUCKETS).where(BUCKETS.c.start >= start, BUCKETS.c.start < end)
    if company_id is not None:
        query = query.where(BUCKETS.c.company_id == company_id)
    rows = connection.execute(query.order_by(BUCKETS.c.start, BUCKETS.c.company_id))
    return [
        (
            row.company_id,
            row.start,
            Bucket(row.volume, row.scored, row.weight, row.total, row.negative, row.positive),
        )
        for row in rows
    ]


def contributions(
    connection: Connection,
    *,
    start: datetime | None = None,
    end: datetime | None = None,
    company_id: str | None = None,
    document_ids: Collection[str] | None = None,
) -> list[Contribution]:
    """What the first documents of stories add to series, by time; copies are left out."""
    table = DOCUMENT_COMPANIES
    query = (
        select(table)
        .join(DOCUMENTS, DOCUMENTS.c.id == table.c.document_id)
        .where(DOCUMENTS.c.story_id == DOCUMENTS.c.id)
        .order_by(table.c.published_at, table.c.document_id)
    )
    if start is not None:
        query = query.where(table.c.published_at >= start)
    if end is not None:
        query = query.where(table.c.published_at < end)
    if company_id is not None:
        query = query.where(table.c.company_id == company_id)
    if document_ids is not None:
        query = query.where(table.c.document_id.in_(sorted(document_ids)))
    return [
        Contribution(row.document_id, row.company_id, row.published_at, row.relevance, row.score)
        for row in connection.execute(query)
    ]


def documents_between(
    connection: Connection, *, start: datetime, end: datetime
) -> list[StoredDocument]:
    """Documents with the companies of their headlines, by time."""
    named: dict[str, set[str]] = {}
    table = DOCUMENT_COMPANIES
    for row in connection.execute(
        select(table.c.document_id, table.c.company_id).where(
            table.c.published_at >= start,
            table.c.published_at < end,
            table.c.relevance >= HEADLINE_LATER,
        )
    ):
        named.setdefault(row.document_id, set()).add(row.company_id)
    query = (
        select(DOCUMENTS)
        .where(DOCUMENTS.c.published_at >= start, DOCUMENTS.c.published_at < end)
        .order_by(DOCUMENTS.c.published_at, DOCUMENTS.c.id)
    )
    return [
        StoredDocument(
            row.id,
            row.published_at,
            row.title,
            row.body,
            row.story_id,
            frozenset(named.get(row.id, ())),
        )
        for row in connection.execute(query)
    ]


def headlines(connection: Connection, ids: Collection[str]) -> dict[str, Headline]:
    """Documents by id with what the newest prediction says of them."""
    found: dict[str, Headline] = {}
    names = sorted(ids)
    for start in range(0, len(names), CHUNK):
        chunk = names[start : start + CHUNK]
        query = (
            select(DOCUMENTS, PREDICTIONS)
            .join(PREDICTIONS, PREDICTIONS.c.document_id == DOCUMENTS.c.id)
            .where(DOCUMENTS.c.id.in_(chunk))
            .order_by(PREDICTIONS.c.predicted_at)
        )
        for row in connection.execute(query):
            found[row.id] = Headline(
                document_id=row.id,
                title=row.title or row.body[:SHOWN_BODY],
                source=row.source,
                url=row.url,
                published_at=row.published_at,
                sentiment=row.sentiment,
                score=row.score,
                topic=row.topic,
                model_version=row.model_version,
                reason=row.reason,
            )
    return found
