"""The trained ranker as an artefact: arrays and JSON, no pickle."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from apps.recommend.models.interactions import Floats
from apps.recommend.models.ranker import ItemToItem
from core.errors import ArtefactCorrupt
from core.models.manifest import Manifest

ARRAYS = "parts.npz"
DESCRIPTION = "ranker.json"
SAMPLE_HISTORY = 5
SAMPLE_TOP = 10


@dataclass(frozen=True)
class TextPart:
    """How much nearness of texts counts, per unit of summed cosine."""

    factor: float
    half_life: float
    last: int


@dataclass(eq=False)
class RankerModel:
    """Item-to-item parts over `item_ids`, each with the factor that brings it to one scale.

    `trend_factor` multiplies an item's heat, as a multiple of the average item's.
    """

    version: str
    item_ids: tuple[str, ...]
    parts: Mapping[str, ItemToItem]
    factors: Mapping[str, float]
    text: TextPart
    trend_factor: float
    encoder_version: str
    trained_at: datetime
    sample: tuple[tuple[int, ...], tuple[int, ...]] = ((), ())

    def history_scores(self, columns: Sequence[int]) -> Floats:
        """Scores of all items for a history of item columns, oldest first, by the parts alone."""
        total = np.zeros(len(self.item_ids))
        for name, part in self.parts.items():
            steps = np.arange(len(columns))[::-1]
            weights = recency(part.half_life, part.last, steps)
            total += self.factors[name] * (weights @ rows_of(part, np.asarray(columns)))
        return total

    def verify(self) -> None:
        """Replay the stored sample; raises ArtefactCorrupt where the ranking differs."""
        history, expected = self.sample
        if not history:
            return
        scores = self.history_scores(history)
        kept = np.sort(scores[list(expected)])[::-1]
        best = np.sort(scores)[::-1][: len(expected)]
        if not np.allclose(kept, best, rtol=1e-3, atol=1e-3):
            raise ArtefactCorrupt(f"ranker {self.version} no longer ranks as when it was made")

    def with_sample(self) -> Self:
        """With a short history and its best items, for `verify` to replay."""
        history = tuple(range(min(SAMPLE_HISTORY, len(self.item_ids))))
        best = np.argsort(-self.history_scores(history), kind="stable")[:SAMPLE_TOP]
        return replace(self, sample=(history, tuple(int(row) for row in best)))

    def save(self, folder: Path) -> None:
        """Write the two files into a staged folder."""
        arrays: dict[str, NDArray[np.generic]] = {}
        described = {}
        for name, part in self.parts.items():
            described[name] = {"half_life": part.half_life, "last": part.last}
            if sparse.issparse(part.matrix):
                arrays[f"{name}.data"] = part.matrix.data
                arrays[f"{name}.indices"] = part.matrix.indices
                arrays[f"{name}.indptr"] = part.matrix.indptr
            else:
                arrays[f"{name}.dense"] = np.asarray(part.matrix)
        body = {
            "item_ids": self.item_ids,
            "parts": described,
            "factors": self.factors,
            "text": vars(self.text),
            "trend_factor": self.trend_factor,
            "encoder_version": self.encoder_version,
            "trained_at": self.trained_at.isoformat(),
            "sample": self.sample,
        }
        (folder / DESCRIPTION).write_text(json.dumps(body, ensure_ascii=False), encoding="utf-8")
        with (folder / ARRAYS).open("wb") as stream:
            np.savez_compressed(stream, **arrays)  # type: ignore[arg-type]

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load an artefact folder that `Registry.open` has verified."""
        try:
            body = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
            with np.load(path / ARRAYS, allow_pickle=False) as arrays:
                parts = {
                    name: ItemToItem(
                        _matrix(arrays, name, n=len(body["item_ids"])),
                        half_life=described["half_life"],
                        last=described["last"],
                    )
                    for name, described in body["parts"].items()
                }
            history, best = body["sample"]
            return cls(
                version=Manifest.read(path).version,
                item_ids=tuple(body["item_ids"]),
                parts=parts,
                factors=body["factors"],
                text=TextPart(**body["text"]),
                trend_factor=body["trend_factor"],
                encoder_version=body["encoder_version"],
                trained_at=datetime.fromisoformat(body["trained_at"]),
                sample=(tuple(history), tuple(best)),
            )
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ArtefactCorrupt(f"the ranker in {path.name} cannot be read: {error}") from error


def recency(half_life: float | None, last: int | None, steps: NDArray[np.int64]) -> Floats:
    """The weight of events `steps` back: halved every `half_life`, nothing beyond `last`."""
    weights = np.ones(steps.shape) if half_life is None else 0.5 ** (steps / half_life)
    return weights if last is None else np.where(steps < last, weights, 0.0)


def rows_of(part: ItemToItem, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Rows of a part's matrix as a dense array (rows, n_items)."""
    chosen = part.matrix[rows]
    dense = chosen.toarray() if sparse.issparse(chosen) else chosen
    return np.asarray(dense, dtype=np.float32)


def _matrix(
    arrays: Mapping[str, NDArray[np.float32]], name: str, *, n: int
) -> NDArray[np.float32] | sparse.csr_matrix:
    if f"{name}.dense" in arrays:
        return arrays[f"{name}.dense"]
    triple = tuple(arrays[f"{name}.{kind}"] for kind in ("data", "indices", "indptr"))
    return sparse.csr_matrix(triple, shape=(n, n))
