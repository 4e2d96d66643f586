"""The settings that are tried for every model, the usual choice first."""

from collections.abc import Sequence
from itertools import product

import numpy as np
from numpy.typing import NDArray

from apps.recommend.models.item_knn import ItemKnn
from apps.recommend.models.linear import Ease, NextItemLinear
from apps.recommend.models.next_item_knn import NextItemKnn
from apps.recommend.models.popularity import Popular, RecentPopular, Trend
from apps.recommend.models.ranker import Ranker
from apps.recommend.models.text import ItemText

Grid = Sequence[Ranker]

BLENDED = (
    "near_item_knn",
    "next_item_knn",
    "next_item_linear",
    "ease",
    "recent_ease",
    "item_knn",
    "trend",
    "item_text",
)


def baselines() -> dict[str, Grid]:
    """The settings of each baseline that needs numpy and scipy only."""
    return {
        "popular": [Popular()],
        "recent_popular": [RecentPopular(days) for days in (7.0, 14.0, 30.0, 3.0, 1.0, 90.0)],
        "item_knn": [
            ItemKnn(neighbours=neighbours, shrink=shrink)
            for neighbours, shrink in product((100, 50, 20, 400), (10.0, 0.0))
        ],
        "next_item_knn": [
            NextItemKnn(spread=spread, half_life=half_life, popularity_damping=damping)
            for spread, half_life, damping in product((5.0, 10.0, 2.0), (3.0, 1.0, 8.0), (0.5, 0.0))
        ],
        "ease": [Ease(penalty) for penalty in (300.0, 100.0, 1000.0, 50.0, 500.0, 200.0)],
        "recent_ease": [
            Ease(penalty, half_life=half_life)
            for penalty, half_life in product((500.0, 200.0, 1000.0), (5.0, 10.0, 20.0))
        ],
    }


def parts(vectors: NDArray[np.float32] | None) -> dict[str, Grid]:
    """What our blend has beside the baselines; `vectors` (n_items, d) where items have texts."""
    grids: dict[str, Grid] = {
        "near_item_knn": [
            NextItemKnn(spread=spread, half_life=half_life, both_ways=True)
            for spread, half_life in product((5.0, 2.0, 10.0), (3.0, 1.0, 5.0))
        ],
        "next_item_linear": [
            NextItemLinear(past=past, future=future)
            for past, future in product((8.0, 4.0), (1.0, 2.0))
        ],
        "trend": [Trend()],
    }
    if vectors is not None:
        grids["item_text"] = [ItemText(vectors, half_life=half_life) for half_life in (5.0, 2.0)]
    return grids
