from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer

from tests.benchmarks.untrained import top_1, unknown_share


@pytest.fixture
def tokenizer(tiny_base: Path) -> Tokenizer:
    """It knows ASCII alone."""
    return Tokenizer.from_file(str(tiny_base / "tokenizer.json"))


@pytest.mark.parametrize(
    ("texts", "share"),
    [
        (["return my jacket"], 0.0),
        (["退货 now"], 2 / 5),
        (["退货", "now"], 2 / 5),
        (["ｒｅｆｕｎｄ"], 0.0),
        ([" \n", ""], 0.0),
        (["refund " * 5000 + "退"], 1 / 30001),
    ],
)
def test_characters_are_unknown_not_tokens(
    tokenizer: Tokenizer, texts: list[str], share: float
) -> None:
    assert unknown_share(tokenizer, texts) == pytest.approx(share)


def test_every_character_of_an_unknown_word_counts(tokenizer: Tokenizer) -> None:
    assert unknown_share(tokenizer, ["жизнь my"]) == pytest.approx(5 / 7)


def test_top_1_counts_each_direction() -> None:
    english = np.eye(3, dtype=np.float32)
    chinese = np.array([[1, 0, 0], [0.9, 0.4, 0], [0, 0, 1]], dtype=np.float32)
    found = top_1(chinese, english)
    assert found == {"zh_to_en": pytest.approx(2 / 3), "en_to_zh": 1.0}
