"""Both retrievers, on vectors made by hand and on Chinese wordings."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from apps.support.articles import ArticleText
from apps.support.retrieval import DenseIndex, LexicalIndex, tokens
from apps.support.scoring import cosine_features, lead
from tests.apps.support.conftest import ARTICLES

CHINESE = {article.id: article.texts["zh"] for article in ARTICLES}


def test_an_article_scores_what_its_nearest_wording_scores() -> None:
    vectors = np.eye(4, dtype=np.float32)[[0, 1, 2, 0]]
    index = DenseIndex.build(["a", "a", "b", "c"], vectors, encoder_version="v1")
    query = np.array([0.6, 0.0, 0.8, 0.0], dtype=np.float32)
    hits = index.search(query, 3)
    assert hits[0].article_id == "b"
    assert np.isclose(hits[0].score, 0.8)
    assert {hit.article_id for hit in hits} == {"a", "b", "c"}


def test_an_article_with_many_wordings_hides_no_other() -> None:
    vectors = np.tile(np.array([[1.0, 0.0]], dtype=np.float32), (300, 1))
    vectors = np.vstack([vectors, np.array([[0.0, 1.0]], dtype=np.float32)])
    index = DenseIndex.build(["many"] * 300 + ["one"], vectors, encoder_version="v1")
    hits = index.search(np.array([1.0, 0.0], dtype=np.float32), 2)
    assert [hit.article_id for hit in hits] == ["many", "one"]


def test_an_empty_index_finds_nothing() -> None:
    nothing = DenseIndex.build([], np.zeros((0, 2), dtype=np.float32), encoder_version="v1")
    assert nothing.search(np.array([1.0, 0.0], dtype=np.float32), 3) == []
    assert LexicalIndex({}).search("退货", 3) == []


def test_characters_find_the_article() -> None:
    index = LexicalIndex(CHINESE)
    assert index.search("这个夹克我要退掉", 3)[0].article_id == "return-item"
    assert index.search("刷信用卡", 3)[0].article_id == "payment"


def test_a_question_without_a_known_character_finds_nothing() -> None:
    assert LexicalIndex(CHINESE).search("囧", 3) == []


def test_the_answer_counts_too_but_less() -> None:
    texts = {
        "asked": ArticleText("运费多少", "请看首页。"),
        "answered": ArticleText("怎么联系", "运费多少请看首页。"),
    }
    hits = LexicalIndex(texts).search("运费多少", 2)
    assert [hit.article_id for hit in hits] == ["asked", "answered"]
    assert hits[0].score > hits[1].score > 0


def test_tokens_are_characters_pairs_and_whole_latin_words() -> None:
    assert tokens("退货 XL?") == ["退", "货", "退货", "xl"]


@given(st.text(max_size=80))
def test_any_text_can_be_looked_up(text: str) -> None:
    hits = LexicalIndex(CHINESE).search(text, 3)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(np.isfinite(scores))


def test_lead_is_over_the_best_other() -> None:
    assert lead(np.array([0.9, 0.5, 0.2])).tolist() == [0.4, -0.4, -0.7]
    assert lead(np.array([0.9])).tolist() == [0.9]
    assert cosine_features([]).shape == (0, 2)
