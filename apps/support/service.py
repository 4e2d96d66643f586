"""What the support app does, each call in a transaction of its own."""

import json
import re
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from sqlalchemy import Connection, Engine

from apps.support import samples, tables
from apps.support.answering import (
    Question,
    Reply,
    candidate_json,
    compose,
    decide,
    take_apart,
)
from apps.support.articles import LANGUAGES, Article, check_article, has_words
from apps.support.decision import Action, Candidate, Decision, Reason, Retriever
from apps.support.knowledge import Knowledge
from apps.support.orders import EMAIL
from apps.support.store import conversations as conversation_store
from apps.support.store import knowledge as knowledge_store
from apps.support.store import orders as order_store
from apps.support.store.conversations import StoredConversation, StoredPrediction
from core.crypto import Vault
from core.database import reading, transaction
from core.errors import BadInput, Conflict, NotFound
from core.web.store import record

FEEDBACK_KINDS = ("accept", "reject", "edit", "article")
CONVERSATION_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,63}")
MAX_NOTE = 4_000


class Shop(Protocol):
    """What `load_samples` needs of a runtime."""

    @property
    def support(self) -> "Support": ...


def load_samples(runtime: Shop) -> bool:
    """Bring in the sample shop, unless there has ever been an article. True where it did."""
    support = runtime.support
    loaded = samples.load_samples(support.engine, support.vault, now=datetime.now(UTC))
    support.knowledge.refresh()
    return loaded


@dataclass(frozen=True)
class Asked:
    """A stored question: its reply, and where it stands."""

    reply: Reply
    conversation_id: str
    message_id: str


@dataclass(frozen=True)
class Support:
    """The parts that the app's calls need; safe to use from several threads."""

    engine: Engine
    knowledge: Knowledge
    vault: Vault
    order_pattern: re.Pattern[str]
    max_text_bytes: int

    def question(self, text: str) -> Question:
        """Raises `TooLarge`."""
        return take_apart(text, pattern=self.order_pattern, max_bytes=self.max_text_bytes)

    def decide(self, text: str, *, language: str | None = None) -> tuple[Decision, str]:
        """What would be done with a message, and by which model version; nothing is stored."""
        snapshot = self.knowledge.current
        decision = decide(snapshot, self.question(text), language=language)
        return decision, snapshot.model.version

    def reply(self, text: str, *, language: str | None = None) -> Reply:
        """The reply to a message by itself; nothing is stored."""
        question, snapshot = self.question(text), self.knowledge.current
        decision = decide(snapshot, question, language=language)
        with reading(self.engine) as connection:
            return compose(
                connection,
                snapshot,
                decision,
                identification=question.identification,
                vault=self.vault,
            )

    def ask(
        self,
        text: str,
        *,
        now: datetime,
        conversation_id: str | None = None,
        language: str | None = None,
    ) -> Asked:
        """Reply within a conversation (a new one without an id) and store it all.

        Raises `NotFound` for a conversation that does not exist, and `TooLarge`.
        """
        started = time.perf_counter()
        question, snapshot = self.question(text), self.knowledge.current
        decision = decide(snapshot, question, language=language)
        with transaction(self.engine) as connection:
            conversation = self._conversation(connection, conversation_id, now=now)
            decision = _follow_up(connection, conversation, question, decision)
            known = conversation.customer_fingerprint
            reply = compose(
                connection,
                snapshot,
                decision,
                identification=question.identification,
                vault=self.vault,
                customers=() if known is None else (known,),
            )
            seconds = time.perf_counter() - started
            message_id = self._store(connection, conversation, text, reply, seconds, now=now)
        return Asked(reply, conversation.id, message_id)

    def start_conversation(
        self,
        *,
        now: datetime,
        conversation_id: str | None = None,
        customer_email: str | None = None,
    ) -> StoredConversation:
        """Open a conversation; who calls this vouches that the customer owns the address."""
        with transaction(self.engine) as connection:
            return self._open(
                connection, conversation_id or uuid.uuid4().hex, customer_email, now=now
            )

    def put_article(self, article: Article, *, actor: str, now: datetime) -> bool:
        """Insert or replace an article, findable when this returns. True if it is new."""
        with transaction(self.engine) as connection:
            policies = {policy.name for policy in order_store.load_policies(connection)}
            check_article(article, policies=policies)
            new = knowledge_store.find_article(connection, article.id) is None
            knowledge_store.put_article(connection, article, now=now)
            knowledge_store.bump_knowledge(connection)
            self._record(connection, actor, "article.put", article.id, now=now)
        self.knowledge.refresh()
        return new

    def delete_article(self, article_id: str, *, actor: str, now: datetime) -> None:
        """Raises `NotFound`. The article is no longer found when this returns."""
        with transaction(self.engine) as connection:
            if not knowledge_store.delete_article(connection, article_id):
                raise NotFound(f"there is no article {article_id}")
            knowledge_store.bump_knowledge(connection)
            self._record(connection, actor, "article.delete", article_id, now=now)
        self.knowledge.refresh()

    def add_feedback(
        self,
        conversation_id: str,
        message_id: str,
        *,
        kind: str,
        article_id: str | None,
        note: str,
        actor: str,
        now: datetime,
    ) -> None:
        """Store what an agent says of a reply; `article` names the one it should have been."""
        if kind not in FEEDBACK_KINDS:
            allowed = ", ".join(FEEDBACK_KINDS)
            raise BadInput(f"unknown kind {kind!r}", field="kind", remedy=f"use one of: {allowed}")
        if kind == "article" and article_id is None:
            raise BadInput("which article should it have been?", field="article_id")
        with transaction(self.engine) as connection:
            if not conversation_store.has_question(
                connection, conversation_id=conversation_id, message_id=message_id
            ):
                raise NotFound(f"conversation {conversation_id} has no question {message_id}")
            if article_id is not None and not knowledge_store.load_articles(
                connection, ids=[article_id]
            ):
                raise NotFound(f"there is no article {article_id}")
            conversation_store.add_feedback(
                connection,
                message_id=message_id,
                kind=kind,
                article_id=article_id,
                note_sealed=self.vault.seal(note[:MAX_NOTE]),
                actor=actor,
                now=now,
            )

    def _conversation(
        self, connection: Connection, conversation_id: str | None, *, now: datetime
    ) -> StoredConversation:
        if conversation_id is None:
            return self._open(connection, uuid.uuid4().hex, None, now=now)
        found = conversation_store.find_conversation(connection, conversation_id)
        if found is None:
            raise NotFound(f"there is no conversation {conversation_id}")
        return found

    def _open(
        self, connection: Connection, conversation_id: str, email: str | None, *, now: datetime
    ) -> StoredConversation:
        if CONVERSATION_ID.fullmatch(conversation_id) is None:
            raise BadInput(
                f"{conversation_id[:40]!r} cannot be a conversation's id",
                field="id",
                remedy="use up to 64 letters, digits, dots, colons, dashes and underscores",
            )
        if email is not None and EMAIL.fullmatch(email) is None:
            raise BadInput("this is no e-mail address", field="customer_email")
        fingerprint = None if email is None else self.vault.fingerprint(email.lower())
        sealed = None if email is None else self.vault.seal(json.dumps({"email": email}))
        if not conversation_store.add_conversation(
            connection,
            conversation_id=conversation_id,
            customer_fingerprint=fingerprint,
            customer_sealed=sealed,
            now=now,
        ):
            raise Conflict(f"there is a conversation {conversation_id} already")
        return StoredConversation(conversation_id, "bot", fingerprint, now, now)

    def _store(
        self,
        connection: Connection,
        conversation: StoredConversation,
        text: str,
        reply: Reply,
        seconds: float,
        *,
        now: datetime,
    ) -> str:
        message_id = uuid.uuid4().hex
        clean = text.encode("utf-8", "replace").decode("utf-8")
        for identity, author, words in (
            (message_id, "customer", clean),
            (uuid.uuid4().hex, "bot", reply.message),
        ):
            conversation_store.add_message(
                connection,
                message_id=identity,
                conversation_id=conversation.id,
                author=author,
                text_sealed=self.vault.seal(words),
                now=now,
            )
        conversation_store.add_prediction(
            connection, _prediction(message_id, reply, seconds=seconds, now=now)
        )
        handed_over = reply.decision.action is Action.HANDOVER
        conversation_store.touch_conversation(
            connection,
            conversation_id=conversation.id,
            status="pending" if handed_over else conversation.status,
            now=now,
        )
        return message_id

    def _record(
        self, connection: Connection, actor: str, action: str, subject: str, *, now: datetime
    ) -> None:
        record(connection, tables.ACCESS, actor=actor, action=action, subject=subject, now=now)


def _follow_up(
    connection: Connection, conversation: StoredConversation, question: Question, decision: Decision
) -> Decision:
    """A message that is only an order number or an address belongs to the last answer."""
    if has_words(question.asked) or not (
        question.identification.order_keys or question.identification.emails
    ):
        return decision
    last = conversation_store.last_answered(connection, conversation.id)
    if last is None or last.language not in LANGUAGES:
        return decision
    return Decision(
        Action.ANSWER,
        Reason.IDENTIFIED,
        last.language,
        Retriever.NONE,
        tuple(_candidate(stored) for stored in last.candidates),
    )


def _prediction(
    message_id: str, reply: Reply, *, seconds: float, now: datetime
) -> StoredPrediction:
    decision = reply.decision
    return StoredPrediction(
        message_id,
        reply.model_version,
        decision.language,
        decision.retriever.value,
        decision.action.value,
        decision.reason.value,
        decision.article_id,
        decision.confidence,
        [candidate_json(candidate) for candidate in reply.candidates],
        seconds,
        now,
    )


def _candidate(stored: Mapping[str, object]) -> Candidate:
    return Candidate(
        str(stored["article_id"]), str(stored["question"]), float(str(stored["confidence"]))
    )
