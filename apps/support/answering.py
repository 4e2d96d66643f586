"""From a customer's message to the reply that is sent."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection

from apps.support import slots
from apps.support.articles import Article, has_words
from apps.support.decision import SHOWN, Action, Candidate, Decision, Reason
from apps.support.orders import EMAIL, Identification, Order, identify, order_slots, policy_slots
from apps.support.replies import reply_text
from apps.support.store import orders as store
from apps.support.understanding import Snapshot, understand
from core.crypto import Vault
from core.errors import TooLarge

SHOWN_LENGTH = 200


@dataclass(frozen=True)
class Source:
    """The approved article that an answer comes from."""

    article_id: str
    category: str
    question: str


@dataclass(frozen=True)
class Reply:
    """`answer` is the filled template, None unless the action is to answer; `message` is what the
    customer reads in any case. `slots` names those that were filled."""

    decision: Decision
    message: str
    model_version: str
    answer: str | None = None
    source: Source | None = None
    slots: tuple[str, ...] = ()

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        return self.decision.candidates[:SHOWN]


@dataclass(frozen=True)
class Question:
    """A message taken apart: `asked` is what is looked up, without numbers and addresses; empty
    where there is nothing else."""

    asked: str
    identification: Identification


def take_apart(text: str, *, pattern: re.Pattern[str], max_bytes: int) -> Question:
    """Raises `TooLarge` for a message of more than `max_bytes` in UTF-8."""
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > max_bytes:
        raise TooLarge(f"the message has {size:,} bytes, more than {max_bytes:,}: shorten it")
    # A lone surrogate is no character: it could neither be encoded nor stored.
    clean = text.encode("utf-8", "replace").decode("utf-8")
    found = identify(clean, pattern=pattern)
    return Question(found.asked if has_words(found.rest) else found.rest, found)


def decide(snapshot: Snapshot, question: Question, *, language: str | None) -> Decision:
    return understand(snapshot, question.asked, language=language)


def compose(
    connection: Connection,
    snapshot: Snapshot,
    decision: Decision,
    *,
    identification: Identification,
    vault: Vault,
    customers: Sequence[str] = (),
) -> Reply:
    """The reply to a decision. `customers` are fingerprints of who is known to be asking."""
    article = snapshot.articles.get(decision.article_id or "")
    if article is None or decision.language not in article.texts:
        return _without_answer(snapshot, decision)
    values = slot_values(
        connection,
        language=decision.language,
        identification=identification,
        vault=vault,
        customers=customers,
    )
    text = article.texts[decision.language]
    rendered = slots.render(slots.parse(text.answer), values)
    if rendered.missing:
        lacking = replace(decision, action=Action.HANDOVER, reason=Reason.SLOT_MISSING)
        return _without_answer(snapshot, lacking)
    return Reply(
        decision,
        rendered.text,
        snapshot.model.version,
        answer=rendered.text,
        source=_source(article, decision.language),
        slots=rendered.filled,
    )


def slot_values(
    connection: Connection,
    *,
    language: str,
    identification: Identification,
    vault: Vault,
    customers: Sequence[str],
) -> Mapping[str, str]:
    """Formatted values: the shop's own, and those of the first order that belongs to the asker."""
    values = policy_slots(store.load_policies(connection), language=language)
    known = [*customers, *(vault.fingerprint(email) for email in identification.emails)]
    for key in identification.order_keys if known else ():
        found = store.find_order(connection, order_key=key, customer_fingerprints=known)
        if found is not None:
            return {**values, **order_slots(opened(found, vault), language=language)}
    return values


def sealed(order: Order, *, key: str, vault: Vault) -> store.StoredOrder:
    customer = json.dumps({"name": order.customer_name, "email": order.customer_email})
    return store.StoredOrder(
        key,
        order.number,
        order.status,
        vault.fingerprint(order.customer_email.lower()),
        vault.seal(customer),
        order.items,
        order.values,
    )


def opened(order: store.StoredOrder, vault: Vault) -> Order:
    customer = json.loads(vault.unseal(order.customer_sealed))
    return Order(
        order.number,
        order.status,
        customer["name"],
        customer["email"],
        order.items,
        order.slot_values,
    )


def shown_to_staff(text: str) -> str:
    """One line of a customer's message for a list or an alert, e-mail addresses masked."""
    masked = EMAIL.sub("[e-mail]", " ".join(text.split()))
    return masked if len(masked) <= SHOWN_LENGTH else f"{masked[:SHOWN_LENGTH]}…"


def _without_answer(snapshot: Snapshot, decision: Decision) -> Reply:
    action = Action.HANDOVER if decision.action is Action.ANSWER else decision.action
    return Reply(
        replace(decision, action=action),
        reply_text(action, decision.language),
        snapshot.model.version,
    )


def _source(article: Article, language: str) -> Source:
    return Source(article.id, article.category, article.texts[language].question)


def candidate_json(candidate: Candidate) -> dict[str, object]:
    return {
        "article_id": candidate.article_id,
        "question": candidate.question,
        "confidence": round(candidate.confidence, 4),
    }


def reply_json(reply: Reply) -> dict[str, object]:
    """The shape that `tripod support ask --json` prints and the API gives."""
    decision, source = reply.decision, reply.source
    return {
        "action": decision.action.value,
        "reason": decision.reason.value,
        "language": decision.language,
        "answer": reply.answer,
        "message": reply.message,
        "confidence": round(decision.confidence, 4),
        "candidates": [candidate_json(candidate) for candidate in reply.candidates],
        "source": None
        if source is None
        else {
            "article_id": source.article_id,
            "category": source.category,
            "question": source.question,
        },
        "slots": list(reply.slots),
        "retriever": decision.retriever.value,
        "model_version": reply.model_version,
    }
