"""Tokenization with the `tokenizers` library alone: no transformers import in a server."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.errors import ArtefactCorrupt
from core.models.normal_form import normal_form

# By language, first words of the Unicode names of its letters.
LATIN = ("LATIN", "FEMININE", "MASCULINE")
SCRIPTS = {"en": LATIN, "zh": ("CJK", "BOPOMOFO", "IDEOGRAPHIC", *LATIN)}
UNKNOWN = ("[UNK]", "<unk>")
PADDING = ("[PAD]", "<pad>")
# No token of a text that matters is longer: bounds the work that one huge text can ask for.
LONGEST_TOKEN_CHARACTERS = 32


@dataclass(frozen=True)
class Tokens:
    """Token ids of each text, special tokens included, and the share that cannot be read: unknown
    pieces, and letters of scripts that the tokenizer's languages do not use."""

    ids: list[list[int]]
    unknown_share: NDArray[np.float32]


class TextTokenizer:
    """`languages` are those that the model was taught, empty where that is not known."""

    def __init__(self, path: Path, *, max_length: int, languages: Sequence[str] = ()) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ArtefactCorrupt(f"the tokenizer cannot be read: {error}") from error
        self.max_length = max_length
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self.pad_id = self._first_id(PADDING) or 0
        unknown = self._first_id(UNKNOWN)
        self._unreadable = _foreign(self._tokenizer.get_vocab(), languages)
        if unknown is not None:
            self._unreadable |= {unknown}
        self._special_tokens = self._tokenizer.num_special_tokens_to_add(False)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        longest = self.max_length * LONGEST_TOKEN_CHARACTERS
        encodings = self._tokenizer.encode_batch_fast(
            [normal_form(text[:longest]) for text in texts]
        )
        ids = [encoding.ids for encoding in encodings]
        return Tokens(ids, np.array([self._unknown(row) for row in ids], dtype=np.float32))

    def _unknown(self, row: Sequence[int]) -> float:
        words = len(row) - self._special_tokens
        if words <= 0 or self._unreadable.isdisjoint(row):
            return 0.0
        return sum(number in self._unreadable for number in row) / words

    def _first_id(self, names: Sequence[str]) -> int | None:
        for name in names:
            found: int | None = self._tokenizer.token_to_id(name)
            if found is not None:
                return found
        return None


def _foreign(vocabulary: Mapping[str, int], languages: Sequence[str]) -> set[int]:
    """Ids of pieces with a letter of a script that none of the languages is written in.

    A vocabulary holds the letters of scripts that its model never learned to read.
    """
    scripts = {script for language in languages for script in SCRIPTS.get(language, ())}
    if not scripts or any(language not in SCRIPTS for language in languages):
        return set()
    return {
        number
        for piece, number in vocabulary.items()
        if not piece.isascii()
        and any(letter.isalpha() and _script(letter) not in scripts for letter in piece)
    }


@cache
def _script(letter: str) -> str:
    return unicodedata.name(letter, "?").split(" ", 1)[0]
