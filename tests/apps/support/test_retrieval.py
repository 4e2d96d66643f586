"""The index, on vectors made by hand."""

import numpy as np

from apps.support.retrieval import DenseIndex
from apps.support.scoring import cosine_features, lead


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


def test_lead_is_over_the_best_other() -> None:
    assert lead(np.array([0.9, 0.5, 0.2])).tolist() == [0.4, -0.4, -0.7]
    assert lead(np.array([0.9])).tolist() == [0.9]
    assert cosine_features([]).shape == (0, 2)
