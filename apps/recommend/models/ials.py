"""iALS (Hu, Koren and Volinsky 2008) from the library `implicit`: a peer to measure against.

Only the evaluation imports this module, since the library is not needed to serve.
"""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from implicit.cpu.als import AlternatingLeastSquares
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from apps.recommend.models.interactions import Histories, Interactions, Matrix
from apps.recommend.models.ranker import Scores


class _Factors(Protocol):
    item_factors: Scores

    def recalculate_user(self, userid: object, user_items: Matrix) -> Scores: ...


@dataclass(frozen=True)
class IalsScorer:
    """Item factors; a user's factors are solved from the history."""

    model: _Factors

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items)."""
        n_items = len(self.model.item_factors)
        taken = histories.recency(half_life=None, last=None, n_items=n_items)
        taken.data[:] = 1.0
        with threadpool_limits(limits=1, user_api="blas"):
            users = self.model.recalculate_user(np.arange(len(histories)), taken)
        return users @ self.model.item_factors.T


@dataclass(frozen=True)
class Ials:
    """Settings, with the names and meaning that the library gives them."""

    factors: int = 64
    regularization: float = 1.0
    alpha: float = 10.0
    iterations: int = 15
    seed: int = 0

    def fit(self, interactions: Interactions) -> IalsScorer:
        """Alternate least squares."""
        with threadpool_limits(limits=1, user_api="blas"):
            model = AlternatingLeastSquares(
                factors=self.factors,
                regularization=self.regularization,
                alpha=self.alpha,
                iterations=self.iterations,
                random_state=self.seed,
            )
            model.fit(interactions.matrix(), show_progress=False)
        return IalsScorer(model)
