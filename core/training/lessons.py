"""What a distillation is taught: token ids of texts and the teacher's vectors of their English."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from core.models.batching import TokenIds
from core.models.tokens import TextTokenizer
from core.progress import say
from core.training.recipe import Material, ParallelPair
from core.training.teacher import Teacher, teacher_vectors
from core.training.vocabulary import Pieces, emoji_name, spellings


@dataclass(frozen=True)
class Lessons:
    """Token ids of n texts, the row of each one's target, and how often to draw it; token ids of
    the m English texts, and the teacher's vectors (m, d) of them. `spelled` has, by the id of a
    word, those of its characters."""

    ids: Sequence[TokenIds]
    targets: NDArray[np.int64]
    weights: NDArray[np.float64]
    english: Sequence[TokenIds]
    vectors: Tensor
    spelled: Mapping[int, TokenIds]


def lessons_of(
    material: Material,
    pieces: Pieces,
    tokenizer: TextTokenizer,
    teacher: Teacher,
    *,
    extended: Path,
    folder: Path,
    device: torch.device,
) -> Lessons:
    """Every pair, and every emoji with its name, that is short enough; the teacher's vectors are
    kept in `folder`. `extended` is the file that `tokenizer` was read from."""
    pairs = [(pair, source.weight) for source, found in material.sources for pair in found]
    pairs += [(ParallelPair(one, emoji_name(one)), 1.0) for one in pieces.emoji]
    ids = tokenizer([pair.text for pair, _ in pairs]).ids
    place: dict[str, int] = {}
    targets = [place.setdefault(pair.english, len(place)) for pair, _ in pairs]
    english = tokenizer(list(place)).ids
    # A text that was cut no longer says what its translation says.
    whole = [
        len(ids[row]) < tokenizer.max_length and len(english[target]) < tokenizer.max_length
        for row, target in enumerate(targets)
    ]
    rows = [row for row, kept in enumerate(whole) if kept]
    say(f"{len(rows)} pairs of {len(pairs)} are short enough, with {len(place)} translations")
    vectors = teacher_vectors(teacher, list(place), folder=folder / "teacher", device=device)
    return Lessons(
        [ids[row] for row in rows],
        np.array([targets[row] for row in rows], dtype=np.int64),
        np.array([pairs[row][1] for row in rows]),
        english,
        vectors,
        spellings(extended, pieces),
    )
