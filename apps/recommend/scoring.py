"""Scores of all items for one history, and what each item of the history adds to them.

Every score is a sum over the history, so taking an item out of the history and scoring again is
cheap. That is how reasons are found: "because you watched X" is said only where the score falls
without X.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommend.events import Visit
from apps.recommend.live import Snapshot
from apps.recommend.models.interactions import Floats, Ints, Matrix
from apps.recommend.models.popularity import relative_heat
from apps.recommend.models.ranker import ItemToItem
from apps.recommend.ranker_model import RankerModel, TextPart, recency, rows_of

MAX_DELETIONS = 20
TEXT, TREND = "text", "trend"


@dataclass(frozen=True, eq=False)
class Part:
    """What one part of the blend says: `pairs` (visits, n) before recency weights."""

    pairs: NDArray[np.float32]
    factor: float
    half_life: float | None
    last: int | None

    def weights(self, worth: Floats, steps: Ints) -> Floats:
        """What each visit counts, for visits that lie `steps` back."""
        return self.factor * worth * recency(self.half_life, self.last, steps)


@dataclass(frozen=True, eq=False)
class Scored:
    """Scores of n items for the visits that could be used, oldest first.

    `by_part` has what each part adds, (n,) each; `total` is their sum.
    """

    visits: tuple[Visit, ...]
    total: Floats
    by_part: Mapping[str, Floats]
    parts: Mapping[str, Part]


@dataclass(frozen=True)
class Because:
    """The visit without which the score falls most, and by which share of the score's size."""

    visit: Visit
    drop: float


def usable(snapshot: Snapshot, visits: Sequence[Visit]) -> tuple[Visit, ...]:
    """The visits to items that the ranker or the catalogue knows."""
    return tuple(
        visit
        for visit in visits
        if visit.item_id in snapshot.ranker_columns or visit.item_id in snapshot.rows
    )


def score(snapshot: Snapshot, visits: Sequence[Visit], ranker: RankerModel) -> Scored:
    """Score all items of the snapshot for a history of usable visits, oldest first."""
    parts = _parts(snapshot, visits, ranker)
    worth = np.array([visit.worth for visit in visits])
    steps = np.arange(len(visits))[::-1]
    by_part = {name: part.weights(worth, steps) @ part.pairs for name, part in parts.items()}
    by_part[TREND] = ranker.trend_factor * relative_heat(snapshot.heat)
    total = np.sum(list(by_part.values()), axis=0)
    return Scored(visits=tuple(visits), total=total, by_part=by_part, parts=parts)


def because(scored: Scored, rows: Sequence[int]) -> list[Because | None]:
    """For each item row the visit whose deletion lowers its score most, None where none does.

    Only the latest `MAX_DELETIONS` visits are tried.
    """
    n = len(scored.visits)
    tried = np.arange(max(0, n - MAX_DELETIONS), n)
    if not len(tried) or not len(rows):
        return [None] * len(rows)
    worth = np.array([visit.worth for visit in scored.visits])
    # Without visit i everything older moves one step nearer.
    steps = np.arange(n)[::-1][None, :] - (np.arange(n)[None, :] < tried[:, None])
    kept = np.arange(n)[None, :] != tried[:, None]
    chosen = list(rows)
    without = np.tile(scored.by_part[TREND][chosen], (len(tried), 1))
    for part in scored.parts.values():
        without += (part.weights(worth, steps) * kept) @ part.pairs[:, chosen]
    drops = scored.total[chosen] - without
    best = np.argmax(drops, axis=0)
    sizes = np.abs(scored.total[chosen]) + 1e-9
    return [
        Because(scored.visits[tried[line]], float(drops[line, column] / sizes[column]))
        if drops[line, column] > 0
        else None
        for column, line in enumerate(best)
    ]


def _parts(snapshot: Snapshot, visits: Sequence[Visit], ranker: RankerModel) -> dict[str, Part]:
    columns = np.array([snapshot.ranker_columns.get(visit.item_id, -1) for visit in visits])
    mixtures = _history_mixtures(snapshot, visits, columns)
    parts = {
        name: Part(
            pairs=_to_catalogue(snapshot, _history_rows(part, columns, mixtures)),
            factor=ranker.factors[name],
            half_life=part.half_life,
            last=part.last,
        )
        for name, part in ranker.parts.items()
    }
    if ranker.text.factor:
        parts[TEXT] = _text_part(snapshot, visits, ranker.text)
    return parts


def _text_part(snapshot: Snapshot, visits: Sequence[Visit], text: TextPart) -> Part:
    vectors = np.zeros((len(visits), snapshot.vectors.shape[1]), dtype=np.float32)
    for line, visit in enumerate(visits):
        row = snapshot.rows.get(visit.item_id)
        if row is not None:
            vectors[line] = snapshot.vectors[row]
    return Part(vectors @ snapshot.vectors.T, text.factor, text.half_life, text.last)


def _history_mixtures(snapshot: Snapshot, visits: Sequence[Visit], columns: Ints) -> Matrix | None:
    """The visits as mixtures of the ranker's items; None where the ranker knows all of them."""
    if (columns >= 0).all():
        return None
    place = {int(row): line for line, row in enumerate(snapshot.new_rows)}
    known = len(snapshot.ranker_columns)
    lines = [
        sparse.csr_matrix(([1.0], ([0], [column])), shape=(1, known))
        if column >= 0
        else snapshot.mixtures[place[snapshot.rows[visit.item_id]]]
        for visit, column in zip(visits, columns, strict=True)
    ]
    return sparse.csr_matrix(sparse.vstack(lines))


def _history_rows(part: ItemToItem, columns: Ints, mixtures: Matrix | None) -> NDArray[np.float32]:
    """What each visit says of the ranker's items, (visits, ranker's items)."""
    if mixtures is None:
        return rows_of(part, columns)
    product = mixtures @ part.matrix
    dense = product.toarray() if sparse.issparse(product) else product
    return np.asarray(dense, dtype=np.float32)


def _to_catalogue(snapshot: Snapshot, pairs: NDArray[np.float32]) -> NDArray[np.float32]:
    """From (visits, ranker's items) to (visits, n): new items get their mixtures."""
    out = np.zeros((len(pairs), len(snapshot.items)), dtype=np.float32)
    known = snapshot.columns >= 0
    out[:, known] = pairs[:, snapshot.columns[known]]
    if len(snapshot.new_rows):
        out[:, snapshot.new_rows] = (snapshot.mixtures @ pairs.T).T
    return out
