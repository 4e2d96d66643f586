"""A FAISS index that belongs to one version of one encoder."""

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import faiss
import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactCorrupt, BadInput

INDEX = "index.faiss"
META = "index.json"


class VectorIndex:
    """Exact inner-product search over unit vectors with text ids.

    `encoder_version` is the model that made the vectors: a caller compares it with the version
    that made the query before it trusts a score.
    """

    def __init__(self, ids: Sequence[str], index: faiss.Index, *, encoder_version: str) -> None:
        self.ids = list(ids)
        self.encoder_version = encoder_version
        self._index = index

    @classmethod
    def build(
        cls, ids: Sequence[str], vectors: NDArray[np.float32], *, encoder_version: str
    ) -> Self:
        """`vectors` (ids, dimension), unit length. An id may stand for several vectors."""
        if len(ids) != len(vectors):
            raise BadInput(f"{len(ids)} ids for {len(vectors)} vectors", field="ids")
        dimension = vectors.shape[1] if vectors.ndim == 2 else 0
        index = faiss.IndexFlatIP(dimension)
        if len(ids):
            index.add(np.ascontiguousarray(vectors, dtype=np.float32))
        return cls(ids, index, encoder_version=encoder_version)

    def __len__(self) -> int:
        return len(self.ids)

    def search(
        self, queries: NDArray[np.float32], k: int
    ) -> tuple[list[list[str]], NDArray[np.float32]]:
        """Ids and inner products of the `k` nearest (fewer in a small index), best first."""
        k = min(k, len(self.ids))
        if k == 0 or len(queries) == 0:
            return [[] for _ in queries], np.zeros((len(queries), 0), dtype=np.float32)
        scores, rows = self._index.search(np.ascontiguousarray(queries, dtype=np.float32), k)
        return [[self.ids[row] for row in found] for found in rows], scores

    def save(self, folder: Path) -> None:
        """Write beside the place and rename, so that a crash leaves the old or the new index."""
        partial = folder.with_name(f".{folder.name}.partial")
        partial.mkdir(parents=True, exist_ok=True)
        faiss.write_index(self._index, str(partial / INDEX))
        meta = {"ids": self.ids, "encoder_version": self.encoder_version}
        (partial / META).write_text(json.dumps(meta, ensure_ascii=False), encoding="utf-8")
        folder.mkdir(parents=True, exist_ok=True)
        for name in (INDEX, META):
            os.replace(partial / name, folder / name)
        partial.rmdir()

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Raises `ArtefactCorrupt` where the files are missing, damaged or do not fit."""
        try:
            meta = json.loads((folder / META).read_text(encoding="utf-8"))
            index = faiss.read_index(str(folder / INDEX))
            ids, encoder_version = meta["ids"], meta["encoder_version"]
        except (OSError, ValueError, KeyError, RuntimeError) as error:
            raise ArtefactCorrupt(f"the index in {folder.name} cannot be read: {error}") from error
        if index.ntotal != len(ids):
            raise ArtefactCorrupt(
                f"the index in {folder.name} has {index.ntotal} vectors for {len(ids)} ids"
            )
        return cls(ids, index, encoder_version=encoder_version)
