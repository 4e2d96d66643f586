"""Finding articles by vectors: a question finds the nearest wording, whatever its language."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.models.vectors import VectorIndex

NEIGHBOURS = 64


@dataclass(frozen=True)
class Hit:
    """`score` is the cosine of the article's nearest wording."""

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
