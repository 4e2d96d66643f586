"""What is stored comes back, on both databases."""

from dataclasses import replace

from sqlalchemy import Engine

from apps.support.articles import Article, ArticleText
from apps.support.orders import Policy
from apps.support.runtime import MIGRATIONS
from apps.support.slots import SlotType
from apps.support.store import conversations, knowledge, orders
from core.database import reading, transaction, upgrade
from tests.apps.support.conftest import ARTICLES, NOW

ORDER = orders.StoredOrder("LH1", "LH-1", "shipped", "f" * 64, "sealed", ("tent",), {"a": "b"})


def test_articles_are_replaced_whole(engine: Engine) -> None:
    upgrade(engine, MIGRATIONS)
    first = ARTICLES[0]
    second = Article(first.id, "other", {"en": ArticleText("Why?", "Because.", ("how come",))})
    with transaction(engine) as connection:
        knowledge.put_article(connection, first, now=NOW)
        knowledge.put_article(connection, second, now=NOW)
        knowledge.bump_knowledge(connection)
    with reading(engine) as connection:
        found = knowledge.find_article(connection, first.id)
        assert found == replace(second, updated_at=NOW)
        assert knowledge.knowledge_version(connection) == 1
        assert knowledge.list_article_ids(connection, after=None, limit=5) == [first.id]
    with transaction(engine) as connection:
        assert knowledge.delete_article(connection, first.id)
        assert not knowledge.delete_article(connection, first.id)
        assert knowledge.load_articles(connection) == {}


def test_vectors_belong_to_one_encoder(engine: Engine) -> None:
    upgrade(engine, MIGRATIONS)
    with transaction(engine) as connection:
        knowledge.add_vectors(connection, encoder_version="v1", vectors={"a": b"1"})
        knowledge.add_vectors(connection, encoder_version="v1", vectors={"a": b"2", "b": b"3"})
        found = knowledge.find_vectors(connection, encoder_version="v1", text_sha256=["a", "b"])
        assert found == {"a": b"1", "b": b"3"}
        assert not knowledge.find_vectors(connection, encoder_version="v2", text_sha256=["a"])
        assert knowledge.drop_vectors(connection, keep=["v2"]) == 2


def test_an_order_is_only_found_for_its_customer(engine: Engine) -> None:
    upgrade(engine, MIGRATIONS)
    with transaction(engine) as connection:
        orders.put_order(connection, ORDER)
        orders.put_order(connection, replace(ORDER, status="delivered"))
        own = orders.find_order(
            connection, order_key="LH1", customer_fingerprints=["x", ORDER.customer_fingerprint]
        )
        other = orders.find_order(connection, order_key="LH1", customer_fingerprints=["x"])
        nobody = orders.find_order(connection, order_key="LH1", customer_fingerprints=[])
    assert own == replace(ORDER, status="delivered")
    assert other is None
    assert nobody is None


def test_policies_are_replaced(engine: Engine) -> None:
    upgrade(engine, MIGRATIONS)
    policy = Policy("days", SlotType.INTEGER, {"en": "30"})
    with transaction(engine) as connection:
        orders.put_policies(connection, [policy])
        orders.put_policies(connection, [replace(policy, texts={"en": "60"})])
        assert orders.load_policies(connection) == [replace(policy, texts={"en": "60"})]


def test_a_conversation_is_opened_once(engine: Engine) -> None:
    upgrade(engine, MIGRATIONS)
    with transaction(engine) as connection:
        opened = [
            conversations.add_conversation(
                connection,
                conversation_id="c",
                customer_fingerprint=None,
                customer_sealed=None,
                now=NOW,
            )
            for _ in range(2)
        ]
        assert opened == [True, False]
        conversations.touch_conversation(connection, conversation_id="c", status="pending", now=NOW)
        found = conversations.find_conversation(connection, "c")
        assert found is not None
        assert found.status == "pending"
        assert conversations.first_prediction_at(connection) is None
