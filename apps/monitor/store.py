"""SQL of the monitor's documents, stories and series. Nothing here commits."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Row, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from apps.monitor.companies import Mention
from apps.monitor.documents import Document
from apps.monitor.scoring import Score
from apps.monitor.series import Bucket
from apps.monitor.tables import BUCKETS, DOCUMENT_COMPANIES, DOCUMENTS, FEEDS, PREDICTIONS
from core.database import insert_ignore

CHUNK = 500
EPOCH = datetime.fromtimestamp(0, UTC)
SERIES_FEED = "series"


@dataclass(frozen=True)
class Counts:
    """Totals since the beginning; `copies` and `unscored` are among `documents`."""

    documents: int
    copies: int
    unscored: int
    newest: datetime | None


def take_turn(connection: Connection) -> int:
    """Wait until no other writer changes documents and series; the number of this turn.

    A writer whose turn follows its own last one knows that nobody else has written.
    """
    row = {"name": SERIES_FEED, "revision": 0, "documents": 0}
    insert_ignore(FEEDS, [row], connection, ["name"])
    statement = update(FEEDS).where(FEEDS.c.name == SERIES_FEED)
    turn = connection.execute(
        statement.values(revision=FEEDS.c.revision + 1).returning(FEEDS.c.revision)
    )
    return int(turn.scalar_one())


def record_feed(
    connection: Connection, *, name: str, watermark: datetime, documents: int, now: datetime
) -> None:
    """A feed has brought documents up to an event time."""
    insert_ignore(FEEDS, [{"name": name, "revision": 0, "documents": 0}], connection, ["name"])
    known = connection.execute(select(FEEDS.c.watermark).where(FEEDS.c.name == name)).scalar_one()
    connection.execute(
        update(FEEDS)
        .where(FEEDS.c.name == name)
        .values(
            watermark=watermark if known is None else max(known, watermark),
            documents=FEEDS.c.documents + documents,
            received_at=now,
        )
    )


def watermark(connection: Connection, *, name: str) -> datetime | None:
    """The newest event time that a feed has brought."""
    found: datetime | None = connection.execute(
        select(FEEDS.c.watermark).where(FEEDS.c.name == name)
    ).scalar_one_or_none()
    return found


def span(connection: Connection) -> tuple[datetime, datetime]:
    """The first and the last event time; the epoch twice where there is no document."""
    first, last = connection.execute(
        select(func.min(DOCUMENTS.c.published_at), func.max(DOCUMENTS.c.published_at))
    ).one()
    return first or EPOCH, last or EPOCH


def newest(connection: Connection) -> datetime | None:
    """The newest event time of all documents."""
    found: datetime | None = connection.execute(
        select(func.max(DOCUMENTS.c.published_at))
    ).scalar_one()
    return found


def feeds(connection: Connection) -> list[Row[Any]]:
    """Every feed with its watermark, number of documents and last arrival."""
    return list(
        connection.execute(select(FEEDS).where(FEEDS.c.name != SERIES_FEED).order_by(FEEDS.c.name))
    )


def known_ids(connection: Connection, ids: Collection[str]) -> set[str]:
    """Those of `ids` that are stored."""
    found: set[str] = set()
    for chunk in _chunks(sorted(ids)):
        found.update(
            connection.execute(select(DOCUMENTS.c.id).where(DOCUMENTS.c.id.in_(chunk))).scalars()
        )
    return found


def add_documents(
    connection: Connection, documents: Sequence[tuple[Document, str]], *, now: datetime
) -> None:
    """Store (document, story id) pairs."""
    if documents:
        connection.execute(
            DOCUMENTS.insert(),
            [
                {
                    "id": document.id,
                    "published_at": document.published_at,
                    "received_at": now,
                    "source": document.source,
                    "title": document.title,
                    "body": document.body,
                    "url": document.url,
                    "language": document.language,
                    "story_id": story_id,
                }
                for document, story_id in documents
            ],
        )


def add_predictions(
    connection: Connection, scores: Iterable[tuple[str, Score]], *, now: datetime
) -> None:
    """Store what a model version said of each (document id, score)."""
    rows = [
        {
            "document_id": document_id,
            "model_version": score.model_version,
            "sentiment": score.sentiment,
            "score": score.score,
            "probabilities": dict(score.probabilities),
            "topic": score.topic,
            "unknown_share": score.unknown_share,
            "reason": score.reason,
            "predicted_at": now,
        }
        for document_id, score in scores
    ]
    if rows:
        connection.execute(PREDICTIONS.insert(), rows)


def add_mentions(
    connection: Connection, mentions: Iterable[tuple[Document, Mention, Score]]
) -> None:
    """Store which companies a document is about, each with the document's sentiment."""
    rows = [
        {
            "document_id": document.id,
            "company_id": mention.company_id,
            "relevance": mention.relevance,
            "sentiment": score.sentiment,
            "score": score.score,
            "published_at": document.published_at,
        }
        for document, mention, score in mentions
    ]
    if rows:
        connection.execute(DOCUMENT_COMPANIES.insert(), rows)


def move_story(connection: Connection, *, old: str, new: str) -> None:
    """Every document of a story belongs to another one from now on."""
    connection.execute(update(DOCUMENTS).where(DOCUMENTS.c.story_id == old).values(story_id=new))


def add_to_buckets(connection: Connection, deltas: Mapping[tuple[str, datetime], Bucket]) -> None:
    """Add to the hours of the series, making those that do not exist."""
    rows = [
        {
            "company_id": company_id,
            "start": start,
            "volume": delta.volume,
            "scored": delta.scored,
            "weight": delta.weight,
            "total": delta.total,
            "negative": delta.negative,
            "positive": delta.positive,
        }
        for (company_id, start), delta in sorted(deltas.items())
    ]
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for chunk in _chunks(rows):
        statement = insert(BUCKETS).values(list(chunk))
        sums = {
            column.name: column + statement.excluded[column.name]
            for column in BUCKETS.c
            if not column.primary_key
        }
        connection.execute(
            statement.on_conflict_do_update(index_elements=["company_id", "start"], set_=sums)
        )


def counts(connection: Connection) -> Counts:
    """Totals over all documents."""
    documents, copies, newest = connection.execute(
        select(
            func.count(),
            func.count().filter(DOCUMENTS.c.story_id != DOCUMENTS.c.id),
            func.max(DOCUMENTS.c.published_at),
        )
    ).one()
    unscored = connection.execute(
        select(func.count()).select_from(PREDICTIONS).where(PREDICTIONS.c.score.is_(None))
    ).scalar_one()
    return Counts(documents, copies, unscored, newest)


def volumes(connection: Connection) -> dict[str, int]:
    """Number of stories by company."""
    query = select(BUCKETS.c.company_id, func.sum(BUCKETS.c.volume)).group_by(BUCKETS.c.company_id)
    return {company_id: int(volume) for company_id, volume in connection.execute(query)}


def _chunks(values: Sequence[Any]) -> Iterable[Sequence[Any]]:
    return (values[start : start + CHUNK] for start in range(0, len(values), CHUNK))
