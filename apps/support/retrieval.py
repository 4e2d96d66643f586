"""Finding articles: dense vectors for English, characters for Chinese.

The packaged encoder knows 244 Chinese characters, so Chinese questions are matched by single
characters and pairs of them with BM25 (Lù 2024, BM25S). Both give one score for each article.
"""

import logging
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
    """BM25 over characters and pairs of them: one document of questions for each article, one of
    its answer that counts less, and one for each message known to be `outside` all of them."""

    def __init__(self, texts: Mapping[str, ArticleText], *, outside: Sequence[str] = ()) -> None:
        self._ids = list(texts)
        self._questions = _Documents(
            [
                [token for wording in text.wordings for token in tokens(wording)]
                for text in texts.values()
            ]
        )
        self._answers = _Documents([tokens(text.answer) for text in texts.values()])
        self._outside = _Documents([tokens(text) for text in outside])

    def search(self, text: str, k: int) -> list[Hit]:
        """The `k` best articles; a score is BM25 over what a perfect match could reach."""
        asked = tokens(text)
        if not asked or not self._ids:
            return []
        scores = self._questions.scores(asked) + ANSWER_WEIGHT * self._answers.scores(asked)
        scores = scores / self._questions.most(asked)
        best = np.argsort(-scores, kind="stable")[:k]
        return [Hit(self._ids[row], float(scores[row])) for row in best if scores[row] > 0]

    def outside(self, text: str) -> float:
        """The same kind of score of the nearest message outside the knowledge base."""
        asked = tokens(text)
        if not asked or not len(self._outside):
            return 0.0
        return float(self._outside.scores(asked).max() / self._outside.most(asked))


class _Documents:
    def __init__(self, documents: Sequence[list[str]]) -> None:
        self._n = len(documents)
        self._frequency = Counter(token for document in documents for token in set(document))
        # The library sets its own logger to DEBUG when it is imported.
        logging.getLogger("bm25s").setLevel(logging.WARNING)
        self._index = bm25s.BM25(k1=1.2, b=0.75, method="lucene")
        # An empty collection cannot be indexed, and is never searched.
        self._index.index(list(documents) or [["empty"]], show_progress=False)

    def __len__(self) -> int:
        return self._n

    def scores(self, asked: list[str]) -> NDArray[np.float32]:
        """(documents,)"""
        return np.asarray(self._index.get_scores(asked))

    def most(self, asked: list[str]) -> float:
        """The sum of the weights of all tokens, known or not."""
        return sum(
            math.log(1 + (self._n - found + 0.5) / (found + 0.5))
            for found in (self._frequency[token] for token in asked)
        )


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
