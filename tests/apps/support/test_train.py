"""Training: what is held back, and the real model on the sample shop."""

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps.support.decision import Action
from apps.support.evaluation import Labelled, measure
from apps.support.fitting import NEVER, fit_scoring
from apps.support.importing import merged_rows
from apps.support.retrieval import DenseIndex
from apps.support.runtime import build
from apps.support.samples import DATA, read_questions, sample_rows
from apps.support.service import load_samples
from apps.support.settings import SupportSettings
from apps.support.train import divide, train
from core.models.registry import Registry
from core.models.text_model import TextModel
from tests.apps.support.conftest import ARTICLES

JACKETS = {
    "en": "I want to send back the jacket I bought last week",
    "zh": "我想退掉上周买的夹克",
}


def test_what_is_held_back_is_not_trained_on() -> None:
    articles = merged_rows(sample_rows())
    parts = divide(articles, [f"message {n}" for n in range(8)])
    trained = {text for texts in parts.train.values() for text in texts}
    held_back = {text for texts in parts.held_back.values() for text in texts}
    assert not trained & held_back
    assert not set(parts.outside_train) & set(parts.outside_held_back)
    assert all(len(texts) == 2 for texts in parts.held_back.values())
    assert all(articles[key].texts["en"].question in texts for key, texts in parts.train.items())
    in_pairs = {text for pair in parts.pairs() for text in (pair.anchor, pair.positive)}
    assert in_pairs <= trained
    assert Counter(question.article_id for question in parts.asked())[""] == 2


def test_with_too_few_questions_nothing_is_ever_answered(support_registry: Path) -> None:
    registry = Registry(support_registry)
    version = registry.current("support")
    assert version is not None
    model = TextModel.load(registry.open(version).path)
    texts = list(ARTICLES[0].texts["en"].wordings)
    index = DenseIndex.build(["a"] * len(texts), model.encode(texts), encoder_version=version)
    scoring = fit_scoring(model, index, english=[], chinese={}, chinese_outside=[])
    assert scoring.bands == {"en": NEVER, "zh": NEVER}


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
