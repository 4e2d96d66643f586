from pathlib import Path

import numpy as np
import pytest

from core.models.base_model import base_model
from core.models.tokens import TextTokenizer
from core.training.plan import Plan
from tests.benchmarks.pairs import (
    SentencePair,
    Split,
    best_threshold,
    fit,
    measured,
    same_probabilities,
    split_connected,
    split_pairs,
)

CHAIN = [SentencePair("a", "b", True), SentencePair("B", "c", False), SentencePair("d", "c", True)]
OTHERS = [SentencePair(f"left {n}", f"right {n}", n % 2 == 0) for n in range(97)]
WORDS = ("refund", "parcel", "jacket", "profit", "music", "guidance")
SAME = [SentencePair(f"my {word}", f"the {word}", True) for word in WORDS]
DIFFERENT = [
    SentencePair(f"my {word}", f"the {other}", False)
    for word in WORDS
    for other in WORDS
    if other != word
][::5]


def sentences(pairs: list[SentencePair]) -> set[str]:
    return {text.lower() for pair in pairs for text in (pair.first, pair.second)}


@pytest.mark.parametrize("seed", range(5))
def test_connected_sentences_are_in_one_part(seed: int) -> None:
    first, second = split_connected(CHAIN + OTHERS, share=0.2, seed=seed)
    assert len(second) == 20
    assert sorted(first + second, key=repr) == sorted(CHAIN + OTHERS, key=repr)
    assert not sentences(first) & sentences(second)
    assert len({pair in second for pair in CHAIN}) == 1


def test_a_split_depends_on_the_seed_alone() -> None:
    assert split_pairs(OTHERS, seed=1) == split_pairs(OTHERS, seed=1)
    assert split_pairs(OTHERS, seed=1) != split_pairs(OTHERS, seed=2)


def test_what_is_held_out_comes_from_the_training_part() -> None:
    split = split_pairs(CHAIN + OTHERS)
    assert split.test == split_connected(CHAIN + OTHERS, share=0.2, seed=0)[1]
    assert (len(split.train), len(split.held_out), len(split.test)) == (76, 4, 20)


def test_the_threshold_gives_the_most_right_answers() -> None:
    scores = np.array([0.9, 0.8, 0.8, 0.4, 0.2])
    assert best_threshold(scores, np.array([1, 1, 1, 0, 0], dtype=bool)) == pytest.approx(0.6)
    assert best_threshold(scores, np.array([1, 1, 0, 0, 0], dtype=bool)) in (
        pytest.approx(0.85),
        pytest.approx(0.6),
    )
    assert best_threshold(scores, np.zeros(5, dtype=bool)) > 0.9
    assert best_threshold(scores, np.ones(5, dtype=bool)) < 0.2


def test_the_classifier_learns_which_sentences_say_the_same(tiny_base: Path) -> None:
    base = base_model(str(tiny_base))
    tokenizer = TextTokenizer(tiny_base / "tokenizer.json", max_length=16)
    plan = Plan(
        epochs=30, batch_size=4, learning_rate=3e-3, head_learning_rate=3e-3, train_embeddings=True
    )
    pairs = SAME + DIFFERENT
    found = same_probabilities(fit(base, tokenizer, pairs, plan=plan), pairs)
    assert found[: len(SAME)].min() > found[len(SAME) :].max()


def test_the_measured_part_is_the_test_part(tiny_base: Path) -> None:
    base = base_model(str(tiny_base))
    tokenizer = TextTokenizer(tiny_base / "tokenizer.json", max_length=16)
    split = Split(SAME + DIFFERENT, SAME + DIFFERENT, SAME[:2] + DIFFERENT[:2])
    found = measured(base, tokenizer, split, plan=Plan(epochs=1, batch_size=4))
    assert found["accuracy"] in (0.0, 0.25, 0.5, 0.75, 1.0)
    assert set(found) == {"accuracy", "accuracy_at_half", "f1", "auc", "threshold"}
