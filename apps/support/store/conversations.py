"""SQL of conversations, predictions and feedback. Nothing here commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, func, insert, select, update

from apps.support import tables
from core.database import insert_ignore


@dataclass(frozen=True)
class StoredConversation:
    id: str
    status: str
    customer_fingerprint: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True)
class StoredMessage:
    sequence: int
    id: str
    conversation_id: str
    author: str
    text_sealed: str
    at: datetime


@dataclass(frozen=True)
class StoredPrediction:
    """`candidates` are objects with `article_id`, `question` and `confidence`."""

    message_id: str
    model_version: str
    language: str
    retriever: str
    action: str
    reason: str
    article_id: str | None
    confidence: float
    candidates: Sequence[Mapping[str, Any]]
    seconds: float
    at: datetime


def add_conversation(
    connection: Connection,
    *,
    conversation_id: str,
    customer_fingerprint: str | None,
    customer_sealed: str | None,
    now: datetime,
) -> bool:
    """False if there is one with this id."""
    row = {
        "id": conversation_id,
        "status": "bot",
        "customer_fingerprint": customer_fingerprint,
        "customer_sealed": customer_sealed,
        "created_at": now,
        "updated_at": now,
    }
    return insert_ignore(tables.conversations, [row], connection, ["id"]) == 1


def find_conversation(connection: Connection, conversation_id: str) -> StoredConversation | None:
    table = tables.conversations
    row = connection.execute(select(table).where(table.c.id == conversation_id)).first()
    if row is None:
        return None
    return StoredConversation(
        row.id, row.status, row.customer_fingerprint, row.created_at, row.updated_at
    )


def touch_conversation(
    connection: Connection, *, conversation_id: str, status: str, now: datetime
) -> None:
    connection.execute(
        update(tables.conversations)
        .where(tables.conversations.c.id == conversation_id)
        .values(status=status, updated_at=now)
    )


def add_message(
    connection: Connection,
    *,
    message_id: str,
    conversation_id: str,
    author: str,
    text_sealed: str,
    now: datetime,
) -> None:
    connection.execute(
        insert(tables.messages).values(
            id=message_id,
            conversation_id=conversation_id,
            author=author,
            text_sealed=text_sealed,
            at=now,
        )
    )


def list_messages(
    connection: Connection, *, conversation_id: str, after: int, limit: int
) -> list[StoredMessage]:
    """Oldest first."""
    table = tables.messages
    query = (
        select(table)
        .where(table.c.conversation_id == conversation_id, table.c.sequence > after)
        .order_by(table.c.sequence)
        .limit(limit)
    )
    return [_message(row) for row in connection.execute(query)]


def _message(row: Row[Any]) -> StoredMessage:
    return StoredMessage(
        row.sequence, row.id, row.conversation_id, row.author, row.text_sealed, row.at
    )


def add_prediction(connection: Connection, prediction: StoredPrediction) -> None:
    connection.execute(
        insert(tables.predictions).values(
            message_id=prediction.message_id,
            model_version=prediction.model_version,
            language=prediction.language,
            retriever=prediction.retriever,
            action=prediction.action,
            reason=prediction.reason,
            article_id=prediction.article_id,
            confidence=prediction.confidence,
            candidates=[dict(candidate) for candidate in prediction.candidates],
            seconds=prediction.seconds,
            at=prediction.at,
        )
    )


def has_question(connection: Connection, *, conversation_id: str, message_id: str) -> bool:
    """Whether the message is a customer's, was predicted for and stands in the conversation."""
    messages, predictions = tables.messages, tables.predictions
    query = (
        select(messages.c.id)
        .join(predictions, predictions.c.message_id == messages.c.id)
        .where(messages.c.id == message_id, messages.c.conversation_id == conversation_id)
    )
    return connection.execute(query).first() is not None


def last_answered(connection: Connection, conversation_id: str) -> StoredPrediction | None:
    """The newest prediction of a conversation that answered."""
    table, messages = tables.predictions, tables.messages
    row = connection.execute(
        select(table)
        .join(messages, messages.c.id == table.c.message_id)
        .where(messages.c.conversation_id == conversation_id, table.c.action == "answer")
        .order_by(messages.c.sequence.desc())
        .limit(1)
    ).first()
    return None if row is None else _prediction(row)


def list_handovers(
    connection: Connection, *, before: int | None, limit: int
) -> list[tuple[StoredMessage, StoredPrediction]]:
    """Newest first; `before` is the sequence of the last message of the page before."""
    predictions, messages = tables.predictions, tables.messages
    query = (
        select(messages, *[c for c in predictions.c if c.name != "at"])
        .join(predictions, predictions.c.message_id == messages.c.id)
        .where(predictions.c.action == "handover")
        .order_by(messages.c.sequence.desc())
        .limit(limit)
    )
    if before is not None:
        query = query.where(messages.c.sequence < before)
    return [(_message(row), _prediction(row)) for row in connection.execute(query)]


def handover_times(connection: Connection, *, since: datetime) -> list[datetime]:
    table = tables.predictions
    query = select(table.c.at).where(table.c.action == "handover", table.c.at >= since)
    return list(connection.execute(query.order_by(table.c.at)).scalars())


def first_prediction_at(connection: Connection) -> datetime | None:
    return connection.execute(select(func.min(tables.predictions.c.at))).scalar()


def _prediction(row: Row[Any]) -> StoredPrediction:
    return StoredPrediction(
        row.message_id,
        row.model_version,
        row.language,
        row.retriever,
        row.action,
        row.reason,
        row.article_id,
        row.confidence,
        row.candidates,
        row.seconds,
        row.at,
    )


def add_feedback(
    connection: Connection,
    *,
    message_id: str,
    kind: str,
    article_id: str | None,
    note_sealed: str,
    actor: str,
    now: datetime,
) -> None:
    connection.execute(
        insert(tables.feedback).values(
            message_id=message_id,
            kind=kind,
            article_id=article_id,
            note_sealed=note_sealed,
            actor=actor,
            at=now,
        )
    )
