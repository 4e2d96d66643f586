from pathlib import Path

import pytest
from tokenizers import Tokenizer

from core.models.tokens import TextTokenizer
from core.training.vocabulary import Pieces, extended_tokenizer

PIECES = Pieces(("退", "货", "我", "想"), ("退货", "我想"), ("😡",))


@pytest.fixture(scope="module")
def extended(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokens") / "tokenizer.json"
    base = (tiny_base / "tokenizer.json").read_text(encoding="utf-8")
    path.write_text(extended_tokenizer(base, PIECES), encoding="utf-8")
    return path


def pieces(path: Path, text: str) -> list[str]:
    tokenizer = Tokenizer.from_file(str(path))
    (ids,) = TextTokenizer(path, max_length=64)([text]).ids
    return [str(tokenizer.id_to_token(number)) for number in ids[1:-1]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("我想退货", ["我想", "退货"]),
        ("退我货", ["退", "我", "货"]),
        ("退貨😡😡", ["退货", "😡"]),
        ("return退货broken", ["return", "退货", "broken"]),
        ("broken😡late", ["broken", "😡", "late"]),
        ("ＲＥＴＵＲＮ　退货", ["return", "退货"]),
        ("return my jacket", ["return", "my", "jacket"]),
    ],
)
def test_words_are_found_before_characters(extended: Path, text: str, expected: list[str]) -> None:
    assert pieces(extended, text) == expected


def test_the_base_keeps_its_ids(extended: Path, tiny_base: Path) -> None:
    text = ["return my jacket, please!"]
    before = TextTokenizer(tiny_base / "tokenizer.json", max_length=64)(text).ids
    assert TextTokenizer(extended, max_length=64)(text).ids == before


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("我想退货", 0.0),
        ("return my jacket", 0.0),
        ("鳯", 1.0),
        ("return 鳯 鳯 鳯", 0.75),
        ("", 0.0),
    ],
)
def test_unknown_pieces_are_counted(extended: Path, text: str, share: float) -> None:
    assert TextTokenizer(extended, max_length=64)([text]).unknown_share.tolist() == [share]


def test_letters_of_scripts_that_were_not_taught_count_as_unknown(
    extended: Path, tmp_path: Path
) -> None:
    body = extended.read_text(encoding="utf-8").replace('"😡"', '"ж"').replace('"货"', '"あ"')
    path = tmp_path / "tokenizer.json"
    path.write_text(body, encoding="utf-8")
    texts = ["жж", "あ return", "return"]
    taught = TextTokenizer(path, max_length=64, languages=("en", "zh"))
    assert taught(texts).unknown_share.tolist() == [1.0, 0.5, 0.0]
    for languages in ((), ("en", "ru")):
        unsure = TextTokenizer(path, max_length=64, languages=languages)
        assert unsure(texts).unknown_share.tolist() == [0.0, 0.0, 0.0]
