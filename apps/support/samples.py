"""The sample shop of `data/support`: articles, questions, orders and policies."""

import json
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Engine

from apps.support.answering import sealed
from apps.support.articles import LANGUAGES, ArticleText
from apps.support.importing import ArticleRow, ImportReport, put_rows
from apps.support.orders import Order, Policy, check_order, order_key
from apps.support.slots import ORDER_SLOTS, SlotType, format_value
from apps.support.store import knowledge as knowledge_store
from apps.support.store import orders as store
from core.crypto import Vault
from core.database import reading, transaction
from core.errors import BadInput
from core.rows import read_rows

DATA = Path(__file__).resolve().parents[2] / "data" / "support"
ACTOR = "samples"


@dataclass(frozen=True)
class LabelledQuestion:
    """A customer question; `article_id` is empty outside the knowledge base."""

    text: str
    article_id: str
    language: str
    split: str


def load_samples(engine: Engine, vault: Vault, *, now: datetime, data: Path = DATA) -> bool:
    """Fill a knowledge base that has never had an article; True where it did.

    What a person changed or removed since is left as it is.
    """
    with reading(engine) as connection:
        if knowledge_store.knowledge_version(connection) > 0:
            return False
    with transaction(engine) as connection:
        store.put_policies(connection, read_policies(data / "policies.json"))
        for order in read_orders(data / "orders.jsonl"):
            key = order_key(order.number)
            store.put_order(connection, sealed(order, key=key, vault=vault))
    report = ImportReport()
    put_rows(engine, sample_rows(data), report=report, now=now, actor=ACTOR)
    if report.rejected:
        first = report.rejected[0]
        raise BadInput(first.reason, file=str(data / "articles.jsonl"), line=first.line)
    return True


def sample_rows(data: Path = DATA) -> list[ArticleRow]:
    """Each article once for each language, with the training questions as its variants."""
    variants: dict[tuple[str, str], list[str]] = defaultdict(list)
    for question in read_questions(data / "questions.jsonl"):
        if question.article_id and question.split == "train":
            variants[question.article_id, question.language].append(question.text)
    return [
        ArticleRow(
            row.line,
            row.text("id"),
            row.text("category"),
            language,
            ArticleText(
                row.text(f"question_{language}"),
                row.text(f"answer_{language}"),
                tuple(variants[row.text("id"), language]),
            ),
        )
        for row in read_rows(data / "articles.jsonl", required=("id", "category"))
        for language in LANGUAGES
    ]


def read_questions(path: Path) -> list[LabelledQuestion]:
    columns = ("question", "article_id", "language", "split")
    return [
        LabelledQuestion(
            row.text("question"), row.text("article_id"), row.text("language"), row.text("split")
        )
        for row in read_rows(path, required=columns)
    ]


def read_orders(path: Path) -> list[Order]:
    """Raises `BadInput` with the line of an order that cannot be used."""
    orders = []
    for row in read_rows(path, required=("order_number", "customer_email", "status")):
        items = row.values.get("items")
        values = {
            name: row.text(column)
            for name, column in ((name, _column(name)) for name in ORDER_SLOTS)
            if name != "order_number" and row.text(column)
        }
        order = Order(
            row.text("order_number"),
            row.text("status"),
            row.text("customer_name"),
            row.text("customer_email"),
            tuple(str(item) for item in items) if isinstance(items, list) else (),
            values,
        )
        try:
            check_order(order)
        except BadInput as error:
            raise BadInput(str(error), file=str(path), line=row.line) from error
        orders.append(order)
    return orders


def _column(slot: str) -> str:
    return "total" if slot == "order_total" else slot


def read_policies(path: Path) -> list[Policy]:
    """Raises `BadInput` naming the policy whose value is not of its type."""
    policies = []
    for body in json.loads(path.read_text(encoding="utf-8")):
        kind = SlotType(body["type"])
        texts = {language: str(body[language]) for language in LANGUAGES}
        for language, text in texts.items():
            try:
                format_value(text, kind, language=language)
            except BadInput as error:
                raise BadInput(str(error), file=str(path), field=str(body["name"])) from error
        policies.append(Policy(str(body["name"]), kind, texts))
    return policies
