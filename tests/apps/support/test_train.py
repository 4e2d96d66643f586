"""Training: what is held back, and the real model on the sample shop."""

from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.support.articles import LANGUAGES
from apps.support.decision import Action
from apps.support.evaluation import Labelled, measure
from apps.support.fitting import Asked
from apps.support.importing import merged_rows
from apps.support.runtime import build
from apps.support.samples import DATA, read_questions, sample_rows
from apps.support.service import load_samples
from apps.support.settings import SupportSettings
from apps.support.train import divide, train, translation_pairs, wording_pairs
from core.training.examples import TextPair
from tests.apps.support.conftest import ARTICLES

JACKETS = {
    "en": "I want to send back the jacket I bought last week",
    "zh": "我想退掉上周买的夹克",
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_held_back_is_not_trained_on(language: str) -> None:
    articles = merged_rows(sample_rows())
    parts = divide(articles, [f"message {n}" for n in range(8)], language=language)
    trained = {question.text for question in parts.train}
    assert not trained & {question.text for question in parts.held_back}
    counts = Counter(question.article_id for question in parts.held_back)
    assert counts == {**dict.fromkeys(articles, 2), "": 2}
    for article in articles.values():
        assert Asked(article.texts[language].question, article.id) in parts.train
    in_pairs = {
        text for pair in wording_pairs(parts.train) for text in (pair.anchor, pair.positive)
    }
    assert in_pairs <= trained


def test_an_article_links_its_questions_across_languages() -> None:
    first, *others = ARTICLES
    english = replace(first, texts={"en": first.texts["en"]})
    pairs = translation_pairs([english, *others])
    assert pairs == [
        TextPair("Where is my order?", "我的订单到哪里了？", "track-order"),
        TextPair("How can I pay?", "怎么付款？", "payment"),
    ]
    parts = divide({english.id: english}, [], language="zh")
    assert parts.train == parts.held_back == ()


@pytest.mark.slow
def test_the_real_model_on_the_sample_shop(tmp_path: Path) -> None:
    settings = SupportSettings(home=tmp_path)
    manifest = train(settings, now=datetime.now(UTC))
    with build(settings) as runtime:
        assert load_samples(runtime)
        assert runtime.knowledge.model_version == manifest.version
        for language, text in JACKETS.items():
            reply = runtime.support.reply(text)
            assert reply.decision.language == language
            assert reply.source is not None, text
            assert reply.source.article_id == "return-item"
            assert "30" in reply.message
        outside = runtime.support.reply("What will the weather be like in Oslo on Sunday?")
        assert outside.decision.action is Action.HANDOVER
        assert len(outside.candidates) == 3
        results = [
            (Labelled(q.text, q.article_id, q.language), runtime.support.decide(q.text)[0])
            for q in read_questions(DATA / "questions.jsonl")
            if q.split == "held_out"
        ]
    english = measure(pair for pair in results if pair[0].language == "en")
    chinese = measure(pair for pair in results if pair[0].language == "zh")
    assert english.recall_at_1 is not None
    assert english.recall_at_1 >= 0.62
    assert english.recall_at_3 is not None
    assert english.recall_at_3 >= 0.80
    assert chinese.recall_at_3 is not None
    assert chinese.recall_at_3 >= 0.75
    assert english.false_answer_rate is not None
    assert english.false_answer_rate <= 0.08
