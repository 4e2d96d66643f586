"""Copies of a story: the same text after normalisation, or nearly the same shingles (MinHash).

Wire stories run in many papers with a word changed, a prefix added or the end cut off; a story
counts once, whoever prints it. Signatures follow Broder, "On the resemblance and containment of
documents" (1997); banding is datasketch's.
"""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from datasketch import LeanMinHash, MinHash, MinHashLSH
from numpy.typing import NDArray

PERMUTATIONS = 64
SEED = 1
SCHEME = "affine32"
LATIN_SHINGLE = 5
CJK_SHINGLE = 2
RESEMBLANCE = 0.72
WINDOW = timedelta(hours=72)
# What agencies put before and after a headline that is otherwise the same.
_DECORATION = re.compile(
    r"^(update \d+|corrected|refile|wrapup \d+|brief|rpt|更正|快讯|更新)\s*[-:—:]\s*"
    r"|\s+[-|–]\s*(sources?|[a-z ]{3,24})$"
)
_NOT_WORD = re.compile(r"[^\w%$]+")
_CJK = re.compile(r"[㐀-鿿]")


@dataclass(frozen=True)
class Fingerprint:
    """`exact` is the hash of the normalised headline, `signature` its MinHash (64 uint32)."""

    exact: str
    signature: NDArray[np.uint32]


def normalised(text: str) -> str:
    """Case, width, punctuation and agency prefixes removed."""
    lowered = unicodedata.normalize("NFKC", text).casefold().strip()
    return _NOT_WORD.sub(" ", _DECORATION.sub("", lowered)).strip()


def shingles(text: str) -> frozenset[str]:
    """Overlapping pieces of the normalised text: 5 characters of Latin, 2 of Chinese."""
    clean = normalised(text)
    size = CJK_SHINGLE if len(_CJK.findall(clean)) * 3 > len(clean) else LATIN_SHINGLE
    if len(clean) <= size:
        return frozenset({clean})
    return frozenset(clean[start : start + size] for start in range(len(clean) - size + 1))


def fingerprints(texts: Sequence[str]) -> list[Fingerprint]:
    """One fingerprint for each headline, in order."""
    pieces = [[piece.encode() for piece in shingles(text)] for text in texts]
    signatures = MinHash.bulk(pieces, num_perm=PERMUTATIONS, seed=SEED, scheme=SCHEME)
    return [
        Fingerprint(
            exact=hashlib.sha256(normalised(text).encode()).hexdigest(),
            signature=signature.hashvalues,
        )
        for text, signature in zip(texts, signatures, strict=True)
    ]


def resemblance(left: NDArray[np.uint32], right: NDArray[np.uint32]) -> float:
    """The estimated Jaccard resemblance of two signatures, 0 to 1."""
    return float(np.mean(left == right))


class Stories:
    """The stories of the last days, to ask whether a headline has been printed before.

    A headline belongs to the earliest story that resembles it within `WINDOW` of event time.
    """

    def __init__(self) -> None:
        self._index = MinHashLSH(threshold=RESEMBLANCE - 0.1, num_perm=PERMUTATIONS)
        self._exact: dict[str, str] = {}
        self._known: dict[str, tuple[datetime, Fingerprint]] = {}

    def add(self, story_id: str, fingerprint: Fingerprint, *, at: datetime) -> None:
        """Remember the first document of a story."""
        if story_id in self._known:
            return
        self._known[story_id] = (at, fingerprint)
        self._exact.setdefault(fingerprint.exact, story_id)
        self._index.insert(story_id, _minhash(fingerprint), check_duplication=False)

    def find(self, fingerprint: Fingerprint, *, at: datetime) -> tuple[str, float] | None:
        """The story that this headline repeats and how much it resembles it, or `None`."""
        same = self._exact.get(fingerprint.exact)
        if same is not None and self._near(same, at):
            return same, 1.0
        best: tuple[float, str] | None = None
        for story_id in self._index.query(_minhash(fingerprint)):
            if self._near(story_id, at):
                alike = resemblance(self._known[story_id][1].signature, fingerprint.signature)
                if alike >= RESEMBLANCE and (best is None or (-alike, story_id) < best):
                    best = (-alike, story_id)
        return (best[1], -best[0]) if best else None

    def forget(self, *, before: datetime) -> None:
        """Drop stories first printed before a time."""
        for story_id in [key for key, (at, _) in self._known.items() if at < before]:
            _, fingerprint = self._known.pop(story_id)
            self._index.remove(story_id)
            if self._exact.get(fingerprint.exact) == story_id:
                del self._exact[fingerprint.exact]

    def _near(self, story_id: str, at: datetime) -> bool:
        return abs(self._known[story_id][0] - at) <= WINDOW


def resembling_groups(texts: Sequence[str], *, threshold: float) -> list[int]:
    """For each text the number of its group; texts that resemble each other share a group."""
    found = fingerprints(texts)
    index = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=PERMUTATIONS)
    group = list(range(len(texts)))

    def root(place: int) -> int:
        while group[place] != place:
            group[place] = group[group[place]]
            place = group[place]
        return place

    for place, fingerprint in enumerate(found):
        for other in _places(index.query(_minhash(fingerprint))):
            if resemblance(found[other].signature, fingerprint.signature) >= threshold:
                group[root(place)] = root(other)
        index.insert(str(place), _minhash(fingerprint))
    return [root(place) for place in range(len(texts))]


def _places(keys: Iterable[str]) -> list[int]:
    return [int(key) for key in keys]


def _minhash(fingerprint: Fingerprint) -> LeanMinHash:
    return LeanMinHash(seed=SEED, hashvalues=fingerprint.signature, scheme=SCHEME)
