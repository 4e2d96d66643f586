import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.models.text_model import TextModel


def test_one_pass_gives_embedding_and_every_head(tiny_text_model: TextModel) -> None:
    analysis = tiny_text_model.analyse(["return my jacket", "profit rises"])
    assert analysis.embeddings.shape == (2, tiny_text_model.dimension)
    assert np.allclose(np.linalg.norm(analysis.embeddings, axis=1), 1.0, atol=1e-4)
    assert set(analysis.probabilities) == {"topic", "sentiment"}
    assert np.allclose(analysis.probabilities["topic"].sum(axis=1), 1.0, atol=1e-4)


def test_it_learned_what_it_was_taught(tiny_text_model: TextModel) -> None:
    found = tiny_text_model.analyse(["return my jacket", "gift card price"]).probabilities["topic"]
    labels = tiny_text_model.labels("topic")
    assert [labels[row.argmax()] for row in found] == ["returns", "payment"]


def test_no_texts_give_empty_arrays(tiny_text_model: TextModel) -> None:
    analysis = tiny_text_model.analyse([])
    assert analysis.embeddings.shape == (0, tiny_text_model.dimension)
    assert analysis.probabilities["topic"].shape == (0, 2)


def test_the_order_of_texts_does_not_matter(tiny_text_model: TextModel) -> None:
    texts = [f"{'return my order ' * n}jacket" for n in range(1, 30)]
    forward = tiny_text_model.encode(texts)
    backward = tiny_text_model.encode(texts[::-1])[::-1]
    assert np.abs(forward - backward).max() < 0.05


@pytest.mark.parametrize("text", ["", " ", "\ud800", "\x00", "退货" * 10, "x" * 5_000_000, "🧥"])
def test_odd_texts_get_a_vector(tiny_text_model: TextModel, text: str) -> None:
    vectors = tiny_text_model.encode([text, "return my jacket"])
    assert np.isfinite(vectors).all()


def test_unknown_share_tells_foreign_script(tiny_text_model: TextModel) -> None:
    share = tiny_text_model.analyse(["退货 退款", "return my jacket", ""]).unknown_share
    assert share.tolist() == [1.0, 0.0, 0.0]


def test_what_cannot_be_read_gets_no_label(tiny_text_model: TextModel) -> None:
    analysis = tiny_text_model.analyse(["退货 退款", "return my 夹克", "return my order"])
    assert analysis.refused.tolist() == [True, True, False]
    assert not analysis.probabilities["topic"][0].any()
    assert analysis.probabilities["topic"][2].sum() > 0.99
    assert np.isfinite(analysis.embeddings).all()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text(max_size=60), min_size=1, max_size=8))
def test_any_text_is_scored(tiny_text_model: TextModel, texts: list[str]) -> None:
    analysis = tiny_text_model.analyse(texts)
    assert len(analysis) == len(texts)
    assert np.isfinite(analysis.probabilities["sentiment"]).all()


def test_stored_samples_replay(tiny_text_model: TextModel) -> None:
    assert len(tiny_text_model.manifest.samples) > 0
    tiny_text_model.verify()
