"""Calibration: one for both languages, bands for each, and nothing from too few questions."""

from pathlib import Path

import pytest

from apps.support.articles import LANGUAGES
from apps.support.fitting import FEWEST, NEVER, Asked, fit_scoring
from apps.support.retrieval import DenseIndex
from apps.support.scoring import HeadView, confidences
from core.models.registry import Registry
from core.models.text_model import TextModel
from tests.apps.support.conftest import ARTICLES

WORDINGS = {
    language: [
        Asked(wording, article.id)
        for article in ARTICLES
        for wording in article.texts[language].wordings
    ]
    for language in LANGUAGES
}


@pytest.fixture
def model(support_registry: Path) -> TextModel:
    registry = Registry(support_registry)
    version = registry.current("support")
    assert version is not None
    return TextModel.load(registry.open(version).path)


@pytest.fixture
def index(model: TextModel) -> DenseIndex:
    every = [asked for wordings in WORDINGS.values() for asked in wordings]
    return DenseIndex.build(
        [asked.article_id for asked in every],
        model.encode([asked.text for asked in every]),
        encoder_version=model.version,
    )


def test_each_language_is_answered_by_what_is_known_of_it(
    model: TextModel, index: DenseIndex
) -> None:
    scoring = fit_scoring(model, index, asked=WORDINGS)
    for language in LANGUAGES:
        assert scoring.bands[language].answer < 1.0


@pytest.mark.parametrize(("many", "few"), [("en", "zh"), ("zh", "en")])
def test_a_language_with_too_few_questions_is_never_answered(
    model: TextModel, index: DenseIndex, many: str, few: str
) -> None:
    asked = {many: WORDINGS[many], few: WORDINGS[few][: FEWEST - 1]}
    bands = fit_scoring(model, index, asked=asked).bands
    assert bands[many].answer < 1.0
    assert bands[few] == NEVER


def test_without_questions_nothing_is_likely(model: TextModel, index: DenseIndex) -> None:
    scoring = fit_scoring(model, index, asked={})
    assert scoring.bands == dict.fromkeys(LANGUAGES, NEVER)
    hits = index.search(model.encode([WORDINGS["zh"][0].text])[0], 3)
    for head in (HeadView({}, 0.0), HeadView({hits[0].article_id: 1.0}, 0.0)):
        assert (confidences(scoring, hits, head) < 0.1).all()


def test_a_language_whose_questions_have_no_article_is_never_answered(
    model: TextModel, index: DenseIndex
) -> None:
    outside = [Asked(asked.text, "") for asked in WORDINGS["zh"]]
    bands = fit_scoring(model, index, asked={"en": WORDINGS["en"], "zh": outside}).bands
    assert bands["zh"].choose > 1.0


def test_questions_that_the_model_cannot_read_do_not_count(
    model: TextModel, index: DenseIndex
) -> None:
    unreadable = [Asked("ありがとうございます", "payment")] * FEWEST
    scoring = fit_scoring(model, index, asked={"zh": unreadable})
    assert scoring == fit_scoring(model, index, asked={})
