"""The teacher's vectors of many texts, computed once and kept in a folder in parts."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.models.batching import TokenIds, cut_batches
from core.models.tokens import TextTokenizer
from core.progress import bar
from core.training.batches import to_tensors
from core.training.encoder import HeadedEncoder
from core.training.precision import half_precision

PART = 8192
BATCH_TOKENS = 8192


@dataclass(frozen=True)
class Teacher:
    """The encoder to learn from, with its own tokenizer."""

    model: HeadedEncoder
    tokenizer: TextTokenizer


def teacher_vectors(
    teacher: Teacher, texts: Sequence[str], *, folder: Path, device: torch.device
) -> Tensor:
    """Pooled vectors (texts, d), not normalised. A part that stands in `folder` is not made
    again."""
    folder.mkdir(parents=True, exist_ok=True)
    ids = teacher.tokenizer(texts).ids
    pad_id = teacher.tokenizer.pad_id
    parts = []
    with bar(description="teacher vectors", total=len(ids)) as advance:
        for start in range(0, len(ids), PART):
            chosen = ids[start : start + PART]
            digest = hashlib.sha256(repr(chosen).encode()).hexdigest()[:16]
            path = folder / f"{start // PART:04}-{digest}.npy"
            if not path.is_file():
                made = pooled_vectors(teacher.model, chosen, pad_id=pad_id, device=device)
                _keep(path, made.numpy())
            parts.append(np.load(path))
            advance(len(chosen))
    return torch.from_numpy(np.concatenate(parts))


def pooled_vectors(
    model: HeadedEncoder, ids: Sequence[TokenIds], *, pad_id: int, device: torch.device
) -> Tensor:
    """Pooled vectors (texts, d) on the CPU, in the precision of the training steps."""
    model.eval()
    found = torch.empty(len(ids), model.dimension)
    with torch.inference_mode(), half_precision(device):
        for rows in cut_batches([len(row) for row in ids], budget=BATCH_TOKENS):
            tokens, mask = to_tensors([ids[row] for row in rows], pad_id=pad_id)
            pooled = model.pooled(tokens.to(device), mask.to(device))
            found[rows] = pooled.float().cpu()
    return found


def _keep(path: Path, vectors: NDArray[np.float32]) -> None:
    partial = path.with_suffix(".partial.npy")
    np.save(partial, vectors)
    os.replace(partial, path)
