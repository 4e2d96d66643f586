"""The base models that a benchmark sets side by side, both as they serve."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.models.registry import Registry
from core.models.text_model import TextModel
from core.training.base_artefact import base_artefact

OURS, ORIGINAL = "tripod", "original"

Runs = dict[str, dict[str, object]]
Vectors = NDArray[np.float32]


@dataclass(frozen=True)
class System:
    """A base model under test; `registry` is its own."""

    name: str
    base: str
    registry: Registry

    @cached_property
    def folder(self) -> Path:
        return self.registry.open(base_artefact(self.registry, self.base)).path

    @cached_property
    def model(self) -> TextModel:
        return TextModel.load(self.folder)

    def cosines(self, first: Sequence[str], second: Sequence[str]) -> Vectors:
        u, v = self.model.encode(first), self.model.encode(second)
        return np.asarray((u * v).sum(axis=1))
