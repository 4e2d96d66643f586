"""Decisions on questions of both languages, by a tiny model that was trained on the shop."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from apps.support.articles import LANGUAGES, Article
from apps.support.decision import Action, Bands, Reason, Retriever
from apps.support.retrieval import DenseIndex
from apps.support.runtime import Runtime
from apps.support.understanding import Snapshot, understand

OFFER_ALL = dict.fromkeys(LANGUAGES, Bands(1.01, 0.0))


@pytest.fixture
def snapshot(runtime: Runtime) -> Snapshot:
    return runtime.knowledge.current


def of_articles(snapshot: Snapshot, articles: Mapping[str, Article]) -> Snapshot:
    wordings = [
        (article.id, wording)
        for article in articles.values()
        for text in article.texts.values()
        for wording in text.wordings
    ]
    vectors = snapshot.model.encode([wording for _, wording in wordings])
    ids = [article_id for article_id, _ in wordings]
    index = DenseIndex.build(ids, vectors, encoder_version=snapshot.model.version)
    return replace(snapshot, articles=articles, dense=index)


def only(snapshot: Snapshot, language: str) -> Snapshot:
    """The same shop with its articles in one language."""
    articles = {
        key: replace(article, texts={language: article.texts[language]})
        for key, article in snapshot.articles.items()
    }
    return of_articles(snapshot, articles)


@pytest.mark.parametrize(
    ("text", "language", "article_id", "question"),
    [
        ("send back my jacket", "en", "return-item", "How do I return an item?"),
        ("夹克要退掉", "zh", "return-item", "怎么退货？"),
        ("where is my parcel", "en", "track-order", "Where is my order?"),
        ("包裹在哪里", "zh", "track-order", "我的订单到哪里了？"),
    ],
)
def test_both_languages_take_one_path(
    snapshot: Snapshot, text: str, language: str, article_id: str, question: str
) -> None:
    decision = understand(snapshot, text)
    assert (decision.action, decision.reason) == (Action.ANSWER, Reason.CONFIDENT)
    assert (decision.language, decision.retriever) == (language, Retriever.DENSE)
    assert (decision.article_id, decision.candidates[0].question) == (article_id, question)


@pytest.mark.parametrize(
    ("text", "stored", "question"),
    [
        ("我要退掉夹克", "en", "How do I return an item?"),
        ("send back my jacket", "zh", "怎么退货？"),
    ],
)
def test_a_question_finds_an_article_of_the_other_language(
    snapshot: Snapshot, text: str, stored: str, question: str
) -> None:
    decision = understand(only(snapshot, stored), text)
    assert decision.candidates[0].article_id == "return-item"
    assert decision.candidates[0].question == question
    assert (decision.action, decision.reason) == (Action.HANDOVER, Reason.NOT_TRANSLATED)
    assert decision.article_id is None


def test_what_is_offered_holds_an_article_in_the_customers_language(snapshot: Snapshot) -> None:
    unsure = replace(snapshot, scoring=replace(snapshot.scoring, bands=OFFER_ALL))
    decision = understand(only(unsure, "en"), "我要退掉夹克")
    assert (decision.action, decision.reason) == (Action.HANDOVER, Reason.NOT_TRANSLATED)
    mixed = {**only(unsure, "en").articles, "payment": snapshot.articles["payment"]}
    decision = understand(of_articles(unsure, mixed), "我要退掉夹克")
    assert (decision.action, decision.reason) == (Action.CHOOSE, Reason.SEVERAL_POSSIBLE)
    questions = {found.article_id: found.question for found in decision.candidates}
    assert questions["payment"] == "怎么付款？"
    assert questions["return-item"] == "How do I return an item?"


@pytest.mark.parametrize(
    ("text", "language", "found"),
    [
        ("Где мой заказ", None, "und"),
        ("ありがとうございます", None, "und"),
        ("Где мой заказ", "ru", "ru"),
        ("鼉龘", None, "zh"),
    ],
)
def test_what_the_model_cannot_read_is_handed_over(
    snapshot: Snapshot, text: str, language: str | None, found: str
) -> None:
    decision = understand(snapshot, text, language=language)
    assert (decision.action, decision.reason) == (Action.HANDOVER, Reason.LANGUAGE_NOT_SERVED)
    assert (decision.language, decision.retriever) == (found, Retriever.NONE)
    assert decision.candidates == ()


def test_a_language_that_is_not_served_has_candidates_for_staff(snapshot: Snapshot) -> None:
    decision = understand(snapshot, "Wie kann ich bezahlen?", language="de")
    assert (decision.action, decision.reason) == (Action.HANDOVER, Reason.LANGUAGE_NOT_SERVED)
    assert len(decision.candidates) == len(snapshot.articles)


def test_without_articles_everything_is_handed_over(snapshot: Snapshot) -> None:
    for text in ("send back my jacket", "夹克要退掉"):
        decision = understand(of_articles(snapshot, {}), text)
        assert (decision.action, decision.reason) == (Action.HANDOVER, Reason.NO_ARTICLES)
