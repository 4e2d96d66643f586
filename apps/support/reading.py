"""What people and programs look up: articles, messages, hand-overs."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Engine

from apps.support.articles import Article
from apps.support.store import conversations as conversation_store
from apps.support.store import knowledge as knowledge_store
from apps.support.store.conversations import StoredConversation, StoredPrediction
from core.crypto import Vault
from core.database import reading
from core.errors import NotFound


@dataclass(frozen=True)
class Message:
    sequence: int
    id: str
    conversation_id: str
    author: str
    text: str
    at: datetime


@dataclass(frozen=True)
class Handover:
    message: Message
    prediction: StoredPrediction


def find_article(engine: Engine, article_id: str) -> Article:
    """Raises `NotFound`."""
    with reading(engine) as connection:
        found = knowledge_store.find_article(connection, article_id)
    if found is None:
        raise NotFound(f"there is no article {article_id}")
    return found


def list_articles(
    engine: Engine, *, after: str | None, limit: int, category: str | None = None
) -> list[Article]:
    """In the order of their ids."""
    with reading(engine) as connection:
        ids = knowledge_store.list_article_ids(
            connection, after=after, limit=limit, category=category
        )
        return list(knowledge_store.load_articles(connection, ids=ids).values())


def count_articles(engine: Engine) -> int:
    with reading(engine) as connection:
        return knowledge_store.count_articles(connection)


def find_conversation(engine: Engine, conversation_id: str) -> StoredConversation:
    """Raises `NotFound`."""
    with reading(engine) as connection:
        found = conversation_store.find_conversation(connection, conversation_id)
    if found is None:
        raise NotFound(f"there is no conversation {conversation_id}")
    return found


def list_messages(
    engine: Engine, vault: Vault, *, conversation_id: str, after: int, limit: int
) -> list[Message]:
    """Oldest first. Raises `NotFound` for a conversation that does not exist."""
    find_conversation(engine, conversation_id)
    with reading(engine) as connection:
        stored = conversation_store.list_messages(
            connection, conversation_id=conversation_id, after=after, limit=limit
        )
    return [_message(message, vault) for message in stored]


def list_handovers(
    engine: Engine, vault: Vault, *, before: int | None, limit: int
) -> list[Handover]:
    """Newest first."""
    with reading(engine) as connection:
        stored = conversation_store.list_handovers(connection, before=before, limit=limit)
    return [Handover(_message(message, vault), prediction) for message, prediction in stored]


def _message(stored: conversation_store.StoredMessage, vault: Vault) -> Message:
    return Message(
        stored.sequence,
        stored.id,
        stored.conversation_id,
        stored.author,
        vault.unseal(stored.text_sealed),
        stored.at,
    )
