"""The libraries that we measure ourselves against; the only module that knows they are installed.

A serving installation has none of them, so only the evaluation imports this.
"""

from itertools import product

from apps.recommend.evaluation.grids import Grid
from apps.recommend.models.ials import Ials


def peers() -> dict[str, Grid]:
    """The settings of each peer."""
    return {
        "ials": [
            Ials(factors=factors, regularization=penalty, alpha=alpha)
            for factors, penalty, alpha in product(
                (64, 32, 16, 128), (1.0, 10.0, 0.01), (10.0, 1.0)
            )
        ]
    }
