"""Batches cut by a token budget from texts sorted by length."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

TokenIds = Sequence[int]


def cut_batches(lengths: Sequence[float], *, budget: int) -> list[list[int]]:
    """Row numbers grouped so that each padded batch holds at most `budget` tokens.

    Rows come sorted by length, longest batch first (so that the last batch to finish is short).
    A single row over the budget gets a batch of its own.
    """
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    batches: list[list[int]] = []
    current: list[int] = []
    for row in order:
        if current and (len(current) + 1) * lengths[row] > budget:
            batches.append(current)
            current = []
        current.append(row)
    if current:
        batches.append(current)
    batches.reverse()
    return batches


def pad(rows: Sequence[TokenIds], *, pad_id: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Token ids and attention mask, both (rows, longest row), padded on the right."""
    longest = max(len(row) for row in rows)
    ids = np.full((len(rows), longest), pad_id, dtype=np.int64)
    mask = np.zeros((len(rows), longest), dtype=np.int64)
    for number, row in enumerate(rows):
        ids[number, : len(row)] = row
        mask[number, : len(row)] = 1
    return ids, mask
