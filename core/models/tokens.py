"""Tokenization with the `tokenizers` library alone: no transformers import in a server."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.errors import ArtefactCorrupt

UNKNOWN = ("[UNK]", "<unk>")
PADDING = ("[PAD]", "<pad>")
# No token of a text that matters is longer: bounds the work that one huge text can ask for.
LONGEST_TOKEN_CHARACTERS = 32


@dataclass(frozen=True)
class Tokens:
    """Token ids of each text, special tokens included, and the share of unknown ones."""

    ids: list[list[int]]
    unknown_share: NDArray[np.float32]


class TextTokenizer:
    def __init__(self, path: Path, *, max_length: int) -> None:
        try:
            self._tokenizer = Tokenizer.from_file(str(path))
        except Exception as error:  # the library raises bare Exception
            raise ArtefactCorrupt(f"the tokenizer cannot be read: {error}") from error
        self.max_length = max_length
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(max_length)
        self.pad_id = self._first_id(PADDING) or 0
        self._unknown_id = self._first_id(UNKNOWN)
        self._special_tokens = self._tokenizer.num_special_tokens_to_add(False)

    def __call__(self, texts: Sequence[str]) -> Tokens:
        longest = self.max_length * LONGEST_TOKEN_CHARACTERS
        encodings = self._tokenizer.encode_batch_fast([_clean(text[:longest]) for text in texts])
        ids = [encoding.ids for encoding in encodings]
        return Tokens(ids, np.array([self._unknown(row) for row in ids], dtype=np.float32))

    def _unknown(self, row: Sequence[int]) -> float:
        words = len(row) - self._special_tokens
        if self._unknown_id is None or words <= 0:
            return 0.0
        return row.count(self._unknown_id) / words

    def _first_id(self, names: Sequence[str]) -> int | None:
        for name in names:
            found: int | None = self._tokenizer.token_to_id(name)
            if found is not None:
                return found
        return None


def _clean(text: str) -> str:
    """Lone surrogates, which no UTF-8 has, become question marks."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
