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


@dataclass(frozen=True)
class Printed:
    """One document as the stories know it; `companies` are those of its headline."""

    id: str
    at: datetime
    fingerprint: Fingerprint
    companies: frozenset[str]


@dataclass(frozen=True)
class Placement:
    """`story_id` is the id of the story's earliest document, which alone counts.

    `absorbed` are the ids that other stories had until this document joined them.
    """

    story_id: str
    absorbed: tuple[str, ...]


class Stories:
    """The stories of the last days. Two documents belong to one story if their headlines name the
    same companies, resemble each other and were published within `WINDOW`, or if a chain of such
    documents joins them; so the stories do not depend on the order of arrival.
    """

    def __init__(self) -> None:
        self._index = MinHashLSH(threshold=RESEMBLANCE - 0.1, num_perm=PERMUTATIONS)
        self._printed: dict[str, Printed] = {}
        self._story: dict[str, str] = {}
        self._members: dict[str, list[str]] = {}

    def restore(self, document: Printed, *, story_id: str) -> None:
        """Take back a document whose story is known."""
        self._remember(document)
        self._story[document.id] = story_id
        self._members.setdefault(story_id, []).append(document.id)

    def place(self, document: Printed) -> Placement:
        """Find the story of a new document, joining stories that it belongs to at once."""
        joined = sorted({self._story[other] for other in self._resembling(document)})
        members = [document.id]
        for story_id in joined:
            members += self._members.pop(story_id)
        self._remember(document)
        first = min(members, key=lambda name: (self._printed[name].at, name))
        # A story may be older than what is remembered of it.
        kept = [story_id for story_id in joined if story_id not in self._printed]
        story_id = kept[0] if kept else first
        for name in members:
            self._story[name] = story_id
        self._members[story_id] = members
        return Placement(story_id, tuple(other for other in joined if other != story_id))

    def forget(self, *, before: datetime) -> None:
        """Drop documents published before a time."""
        for name in [key for key, printed in self._printed.items() if printed.at < before]:
            del self._printed[name]
            self._index.remove(name)
            story_id = self._story.pop(name)
            self._members[story_id].remove(name)
            if not self._members[story_id]:
                del self._members[story_id]

    def _remember(self, document: Printed) -> None:
        self._printed[document.id] = document
        self._index.insert(document.id, _minhash(document.fingerprint), check_duplication=False)

    def _resembling(self, document: Printed) -> list[str]:
        near = (self._printed[name] for name in self._index.query(_minhash(document.fingerprint)))
        return [
            other.id
            for other in near
            if other.companies == document.companies
            and abs(other.at - document.at) <= WINDOW
            and _same(other.fingerprint, document.fingerprint)
        ]


def _same(left: Fingerprint, right: Fingerprint) -> bool:
    return left.exact == right.exact or (
        resemblance(left.signature, right.signature) >= RESEMBLANCE
    )


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
