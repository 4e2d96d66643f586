"""Finding articles: dense vectors for English, characters for Chinese.

The packaged encoder knows 244 Chinese characters, so Chinese questions are matched by single
characters and pairs of them with BM25 (Lù 2024, BM25S). Both give one score for each article.
"""

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import bm25s
import numpy as np
from numpy.typing import NDArray

from apps.support.articles import ArticleText
from core.models.vectors import VectorIndex

# The answer counts half: it holds words of the topic that no customer would use.
ANSWER_WEIGHT = 0.5
NEIGHBOURS = 64
RUNS = re.compile(r"[a-z0-9]+|[^\Wa-z0-9_]+")


@dataclass(frozen=True)
class Hit:
    """`score` is the best cosine (dense), or the share of the question that is matched."""

    article_id: str
    score: float


class DenseIndex:
    """One vector for every wording; an article scores what its nearest wording scores."""

    def __init__(self, index: VectorIndex) -> None:
        self.encoder_version = index.encoder_version
        self._index = index

    @classmethod
    def build(
        cls, article_ids: Sequence[str], vectors: NDArray[np.float32], *, encoder_version: str
    ) -> Self:
        """`vectors` (n, dimension) unit length, `article_ids` (n) with repetitions."""
        return cls(VectorIndex.build(article_ids, vectors, encoder_version=encoder_version))

    def search(self, vector: NDArray[np.float32], k: int) -> list[Hit]:
        """The `k` nearest articles to one vector (dimension,), best first."""
        neighbours = NEIGHBOURS
        while True:
            ids, scores = self._index.search(vector[None, :], neighbours)
            best: dict[str, float] = {}
            for article_id, score in zip(ids[0], scores[0], strict=True):
                best.setdefault(article_id, float(score))
            if len(best) >= k or neighbours >= len(self._index):
                return [Hit(article_id, score) for article_id, score in best.items()][:k]
            neighbours *= 4


class LexicalIndex:
    """BM25 over characters and pairs of them: one document of questions for each article, and one
    of its answer that counts less."""

    def __init__(self, texts: Mapping[str, ArticleText]) -> None:
        self._ids = list(texts)
        questions = [
            [token for wording in text.wordings for token in tokens(wording)]
            for text in texts.values()
        ]
        self._questions = _bm25(questions)
        self._answers = _bm25([tokens(text.answer) for text in texts.values()])
        self._frequency = Counter(token for document in questions for token in set(document))

    def search(self, text: str, k: int) -> list[Hit]:
        """The `k` best articles; a score is BM25 over what a perfect match could reach."""
        asked = tokens(text)
        if not asked or not self._ids:
            return []
        scores = self._questions.get_scores(asked) + ANSWER_WEIGHT * self._answers.get_scores(asked)
        scores = scores / sum(self._weight(token) for token in asked)
        best = np.argsort(-scores, kind="stable")[:k]
        return [Hit(self._ids[row], float(scores[row])) for row in best if scores[row] > 0]

    def _weight(self, token: str) -> float:
        n, found = len(self._ids), self._frequency[token]
        return math.log(1 + (n - found + 0.5) / (found + 0.5))


def tokens(text: str) -> list[str]:
    """Characters and pairs of neighbouring ones; Latin words and numbers whole, in lower case."""
    found: list[str] = []
    for run in RUNS.findall(text.lower()):
        if run.isascii():
            found.append(run)
        else:
            found += list(run)
            found += [run[i : i + 2] for i in range(len(run) - 1)]
    return found


def _bm25(documents: Sequence[list[str]]) -> bm25s.BM25:
    index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
    # An empty collection cannot be indexed, and is never searched.
    index.index(list(documents) or [["empty"]], show_progress=False)
    return index
