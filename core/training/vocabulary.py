"""New pieces for a WordPiece vocabulary: Chinese characters and words, and emoji.

A word stands in the tokenizer as an added token, which is found before the text is cut into
characters: the longest one from the left. Each piece's row starts as the mean of the rows of its
English glosses, so that a Chinese text looks to the untrained encoder like a word-for-word gloss
(a dictionary for an alignment, as in Artetxe et al. 2020, arXiv:1910.11856, which learns it).
"""

import json
import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import distribution
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tokenizers import Tokenizer

from core.models.normal_form import HAN

HAN_CHARACTER = re.compile(f"[{HAN}]")
HAN_WORD = re.compile(f"[{HAN}]{{2,4}}")
EMOJI_BLOCKS = ((0x2600, 0x27C0), (0x1F300, 0x1F700), (0x1F900, 0x1FB00))
# Words that a gloss is written with and that its headword does not mean.
GLOSS_WORDS = frozenset(
    "to a an of sth sb be in for and or with one by on fig lit used as from the".split()  # noqa: SIM905
)
FEWEST_USES = 5
# A word of the training text counts as much as this many of the general frequency list.
USE_WEIGHT = 20
SENSES_READ = 4
LATER_SENSE = 0.7
OWN_ENTRY_WEIGHT = 3.0
# Vectors of the base's own words are about this long.
ROW_LENGTH = 0.9

Dictionary = Mapping[str, Sequence[str]]


@dataclass(frozen=True)
class Pieces:
    """What is added to a vocabulary, in the order of the new ids."""

    characters: tuple[str, ...]
    words: tuple[str, ...]
    emoji: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.characters) + len(self.words) + len(self.emoji)

    @property
    def added(self) -> tuple[str, ...]:
        return self.words + self.emoji


def choose_pieces(
    dictionary: Dictionary,
    texts: Iterable[str],
    *,
    known: Iterable[str],
    characters: int,
    words: int,
) -> Pieces:
    """The most frequent `characters` and `words`, and every emoji that is not `known`.

    `texts` are the Chinese training texts; general frequencies come from jieba's word list.
    """
    already = set(known)
    general = word_frequencies()
    of_character: Counter[str] = Counter()
    for word, count in general.items():
        for character in HAN_CHARACTER.findall(word):
            of_character[character] += count
    for headword in dictionary:
        of_character.update(HAN_CHARACTER.findall(headword))
    candidates = [word for word in dictionary if HAN_WORD.fullmatch(word)]
    of_word = Counter({word: general.get(word, 0) for word in candidates})
    finder = Tokenizer.from_str(_finder(candidates))
    for text in texts:
        of_character.update(dict.fromkeys(HAN_CHARACTER.findall(text), USE_WEIGHT))
        for token in finder.encode(text).tokens:
            if token in of_word:
                of_word[token] += USE_WEIGHT
    ranked = sorted(of_character, key=lambda one: (-of_character[one], one))
    chosen = [word for word in candidates if of_word[word] >= FEWEST_USES]
    chosen.sort(key=lambda word: (-of_word[word], word))
    return Pieces(
        tuple(one for one in ranked if one not in already)[:characters],
        tuple(chosen[:words]),
        tuple(one for one in _emoji() if one not in already),
    )


def word_frequencies() -> dict[str, int]:
    """jieba's list of Chinese words with how often each was counted."""
    listed = distribution("jieba").locate_file("jieba/dict.txt")
    with open(str(listed), encoding="utf-8") as stream:
        return {word: int(count) for word, count, *_ in map(str.split, stream)}


def extended_tokenizer(base: str, pieces: Pieces) -> str:
    """The base's `tokenizer.json` with the new pieces behind its own."""
    body = json.loads(base)
    vocabulary = body["model"]["vocab"]
    first = len(vocabulary)
    vocabulary |= {one: first + place for place, one in enumerate(pieces.characters)}
    first += len(pieces.characters)
    body["added_tokens"] += [
        _added(first + place, piece) for place, piece in enumerate(pieces.added)
    ]
    body["truncation"] = body["padding"] = None
    return json.dumps(body, ensure_ascii=False)


def spellings(tokenizer: Path, pieces: Pieces) -> dict[int, list[int]]:
    """By the id of each new word, the ids of its characters, where all of them are pieces."""
    vocabulary = Tokenizer.from_file(str(tokenizer)).get_vocab()
    return {
        vocabulary[word]: [vocabulary[character] for character in word]
        for word in pieces.words
        if all(character in vocabulary for character in word)
    }


def initial_rows(
    pieces: Pieces, dictionary: Dictionary, *, base: str, rows: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Embedding rows (pieces, d) from the glosses' rows; `base` is the base's `tokenizer.json`."""
    glosses = _Glosses(base, rows, dictionary)
    general = word_frequencies()
    # A character also means something of each word it is part of, more of the frequent ones.
    shares: dict[str, list[tuple[float, NDArray[np.float32]]]] = defaultdict(list)
    for headword in dictionary:
        if HAN_WORD.fullmatch(headword) and (vector := glosses.of(headword)) is not None:
            weight = (math.log1p(general.get(headword, 0)) + 0.1) / len(headword)
            for character in headword:
                shares[character].append((weight, vector))
    fallback = rows.mean(axis=0)
    made = [_character_row(glosses.of(one), shares[one], fallback) for one in pieces.characters]
    made += [_or(glosses.of(word), fallback) for word in pieces.words]
    made += [_or(glosses.vector([emoji_name(one)]), fallback) for one in pieces.emoji]
    stacked = np.array(made, dtype=np.float32)
    lengths = np.linalg.norm(stacked, axis=1, keepdims=True)
    return np.asarray(stacked / np.maximum(lengths, 1e-3) * ROW_LENGTH, dtype=np.float32)


def emoji_name(character: str) -> str:
    return unicodedata.name(character).lower()


class _Glosses:
    """The mean row of a headword's English senses, the first ones weighing most."""

    def __init__(self, base: str, rows: NDArray[np.float32], dictionary: Dictionary) -> None:
        self._tokenizer = Tokenizer.from_str(base)
        self._tokenizer.no_truncation()
        self._tokenizer.no_padding()
        self._rows = rows
        self._dictionary = dictionary
        self._known: dict[str, NDArray[np.float32] | None] = {}

    def of(self, headword: str) -> NDArray[np.float32] | None:
        if headword not in self._known:
            self._known[headword] = self.vector(self._dictionary.get(headword, ()))
        return self._known[headword]

    def vector(self, senses: Sequence[str]) -> NDArray[np.float32] | None:
        total, weights = np.zeros(self._rows.shape[1]), 0.0
        for place, sense in enumerate(senses[:SENSES_READ]):
            found = self._tokenizer.encode(sense, add_special_tokens=False)
            ids = [
                number
                for number, token in zip(found.ids, found.tokens, strict=True)
                if token not in GLOSS_WORDS
            ]
            if ids:
                weight = 1 / (1 + LATER_SENSE * place)
                total += weight * self._rows[ids].mean(axis=0)
                weights += weight
        return np.asarray(total / weights, dtype=np.float32) if weights else None


def _character_row(
    own: NDArray[np.float32] | None,
    shares: Sequence[tuple[float, NDArray[np.float32]]],
    fallback: NDArray[np.float32],
) -> NDArray[np.float32]:
    parts = list(shares)
    if own is not None:
        average = sum(weight for weight, _ in parts) / len(parts) if parts else 1.0
        parts.append((OWN_ENTRY_WEIGHT * average * max(1.0, len(parts) / 6), own))
    if not parts:
        return fallback
    total = sum(weight for weight, _ in parts)
    summed = sum((weight * vector for weight, vector in parts), np.zeros_like(fallback))
    return np.asarray(summed / total, dtype=np.float32)


def _or(vector: NDArray[np.float32] | None, fallback: NDArray[np.float32]) -> NDArray[np.float32]:
    return fallback if vector is None else vector


def _emoji() -> list[str]:
    every = [chr(code) for first, end in EMOJI_BLOCKS for code in range(first, end)]
    return [one for one in every if unicodedata.name(one, "") and not _is_skin_tone(one)]


def _is_skin_tone(character: str) -> bool:
    return 0x1F3FB <= ord(character) <= 0x1F3FF


def _added(number: int, piece: str) -> dict[str, object]:
    return {
        "id": number,
        "content": piece,
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": False,
    }


def _finder(words: Sequence[str]) -> str:
    """A tokenizer that finds these words only."""
    body = {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [_added(place + 1, word) for place, word in enumerate(words)],
        "normalizer": None,
        "pre_tokenizer": None,
        "post_processor": None,
        "decoder": None,
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0}, "unk_token": "[UNK]"},
    }
    return json.dumps(body, ensure_ascii=False)
