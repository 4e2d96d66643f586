from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from core.training.vocabulary import (
    ROW_LENGTH,
    Pieces,
    choose_pieces,
    extended_tokenizer,
    initial_rows,
    spellings,
    word_frequencies,
)

DICTIONARY = {
    "退": ["to retreat", "to return"],
    "货": ["goods"],
    "退货": ["to return goods"],
    "我": ["I"],
    "的": ["of"],
    "公司": ["company"],
    "鸡毛蒜皮的小事": ["trifle"],
}


def test_frequent_pieces_come_first() -> None:
    texts = ["我的退货", "退货"]
    found = choose_pieces(DICTIONARY, texts, known=["的"], characters=3, words=5)
    assert "的" not in found.characters
    assert len(found.characters) == 3
    assert found.words == ("公司", "退货")
    assert "😡" in found.emoji
    assert "🏽" not in found.emoji


def test_use_in_the_training_text_counts() -> None:
    words = {"退货": ["return"], "一律": ["all"]}
    rare_first = choose_pieces(words, ["退货"] * 500, known=(), characters=0, words=1)
    assert rare_first.words == ("退货",)


def test_the_frequency_list_is_the_dictionary_of_jieba() -> None:
    assert word_frequencies()["公司"] > 1000


def test_a_word_is_spelled_where_its_characters_are_pieces(tiny_base: Path, tmp_path: Path) -> None:
    pieces = Pieces(("退", "货"), ("退货", "退款"), ())
    path = tmp_path / "tokenizer.json"
    base = (tiny_base / "tokenizer.json").read_text(encoding="utf-8")
    path.write_text(extended_tokenizer(base, pieces), encoding="utf-8")
    number = Tokenizer.from_file(str(path)).token_to_id
    assert spellings(path, pieces) == {number("退货"): [number("退"), number("货")]}


def test_a_row_starts_as_what_its_glosses_say(tiny_base: Path) -> None:
    base = (tiny_base / "tokenizer.json").read_text(encoding="utf-8")
    tokenizer = Tokenizer.from_str(base)
    rows = np.random.default_rng(0).normal(size=(tokenizer.get_vocab_size(), 8)).astype("f4")
    dictionary = {"退货": ["to return"], "公司": ["company"], "货": ["order"]}
    pieces = choose_pieces(dictionary, [], known=(), characters=4, words=4)
    made = initial_rows(pieces, dictionary, base=base, rows=rows)
    assert made.shape == (len(pieces), 8)
    assert np.allclose(np.linalg.norm(made, axis=1), ROW_LENGTH, atol=1e-3)
    at = len(pieces.characters) + pieces.words.index("公司")
    expected = rows[tokenizer.token_to_id("company")]
    cosine = made[at] @ expected / np.linalg.norm(made[at]) / np.linalg.norm(expected)
    assert cosine > 0.99
