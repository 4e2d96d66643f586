from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import ArtefactCorrupt
from core.models.batching import cut_batches, pad
from core.models.vectors import VectorIndex


@given(st.lists(st.integers(1, 300), max_size=80), st.integers(1, 600))
def test_batches_hold_every_row_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = cut_batches(lengths, budget=budget)
    assert sorted(row for batch in batches for row in batch) == list(range(len(lengths)))
    for batch in batches:
        assert len(batch) == 1 or len(batch) * max(lengths[row] for row in batch) <= budget


def test_padding_is_masked() -> None:
    ids, mask = pad([[5, 6, 7], [8]], pad_id=0)
    assert ids.tolist() == [[5, 6, 7], [8, 0, 0]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def unit(rows: int, *, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    vectors = np.random.default_rng(seed).normal(size=(rows, 16)).astype(np.float32)
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), dtype=np.float32)


def test_search_finds_what_brute_force_finds() -> None:
    vectors, queries = unit(200, seed=1), unit(10, seed=2)
    index = VectorIndex.build([f"a{n}" for n in range(200)], vectors, encoder_version="v1")
    ids, scores = index.search(queries, 5)
    expected = np.argsort(-(queries @ vectors.T), axis=1)[:, :5]
    assert ids == [[f"a{n}" for n in row] for row in expected]
    assert np.allclose(scores, np.sort(queries @ vectors.T, axis=1)[:, ::-1][:, :5], atol=1e-5)


def test_empty_and_small_indexes_answer() -> None:
    empty = VectorIndex.build([], np.zeros((0, 16), np.float32), encoder_version="v1")
    assert empty.search(unit(2, seed=1), 3)[0] == [[], []]
    one = VectorIndex.build(["x"], unit(1, seed=1), encoder_version="v1")
    assert one.search(unit(1, seed=1), 3)[0] == [["x"]]


def test_saved_and_loaded_again(tmp_path: Path) -> None:
    index = VectorIndex.build(["x", "y"], unit(2, seed=1), encoder_version="v7")
    index.save(tmp_path / "index")
    index.save(tmp_path / "index")
    loaded = VectorIndex.load(tmp_path / "index")
    assert (loaded.ids, loaded.encoder_version) == (["x", "y"], "v7")
    assert loaded.search(unit(2, seed=1), 1)[0] == [["x"], ["y"]]


def test_a_damaged_index_is_refused(tmp_path: Path) -> None:
    VectorIndex.build(["x"], unit(1, seed=1), encoder_version="v1").save(tmp_path / "index")
    (tmp_path / "index" / "index.faiss").write_bytes(b"broken")
    with pytest.raises(ArtefactCorrupt):
        VectorIndex.load(tmp_path / "index")
