"""Training batches: rows of similar length together, a new order each epoch, all from the seed."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from core.models.batching import pad
from core.training.examples import Corpus, HeadExamples, label_numbers

# Rows are sorted by length inside pools of this many batches: little padding, enough chance.
POOL_BATCHES = 20

Encode = Callable[[Sequence[str]], list[list[int]]]


@dataclass(frozen=True)
class LabelledRows:
    """Token ids of n texts and, by head, their label numbers (-1 where a text has none)."""

    ids: list[list[int]]
    labels: Mapping[str, Tensor]


@dataclass(frozen=True)
class PairRows:
    """Token ids of n anchors and n positives, and the number of each pair's group."""

    anchors: list[list[int]]
    positives: list[list[int]]
    groups: Tensor


@dataclass(frozen=True)
class Step:
    """One optimizer step: rows of the labelled texts or of the pairs."""

    pairs: bool
    rows: list[int]


def labelled_rows(
    heads: Mapping[str, HeadExamples], encode: Encode, *, held_out: bool = False
) -> LabelledRows:
    """Merge the heads' examples: a text that several heads know is one row."""
    row_of: dict[str, int] = {}
    found: dict[str, dict[int, int]] = {name: {} for name in heads}
    for name, head in heads.items():
        part = head.held_out if held_out else head.train
        numbers = label_numbers(part.labels, head.labels)
        for text, number in zip(part.texts, numbers, strict=True):
            row = row_of.setdefault(text, len(row_of))
            found[name][row] = number
    labels = {
        name: torch.tensor([rows.get(row, -1) for row in range(len(row_of))], dtype=torch.long)
        for name, rows in found.items()
    }
    return LabelledRows(encode(list(row_of)), labels)


def pair_rows(corpus: Corpus, encode: Encode) -> PairRows:
    numbers: dict[str, int] = {}
    groups = [
        numbers.setdefault(pair.group or f"\0{position}", len(numbers))
        for position, pair in enumerate(corpus.pairs)
    ]
    return PairRows(
        encode([pair.anchor for pair in corpus.pairs]),
        encode([pair.positive for pair in corpus.pairs]),
        torch.tensor(groups, dtype=torch.long),
    )


def epoch_steps(
    lengths: Sequence[int], pair_lengths: Sequence[int], *, batch_size: int, seed: int, epoch: int
) -> list[Step]:
    """Every labelled row and every pair once, shuffled by (seed, epoch)."""
    source = np.random.default_rng([seed, epoch])
    steps = [Step(False, rows) for rows in _pooled(lengths, batch_size, source)]
    # A pair batch of one has no negative to learn from.
    steps += [
        Step(True, rows) for rows in _pooled(pair_lengths, batch_size, source) if len(rows) > 1
    ]
    return [steps[number] for number in source.permutation(len(steps))]


def to_tensors(ids: Sequence[Sequence[int]], *, pad_id: int) -> tuple[Tensor, Tensor]:
    tokens, mask = pad(ids, pad_id=pad_id)
    return torch.from_numpy(tokens), torch.from_numpy(mask)


def _pooled(lengths: Sequence[int], size: int, source: np.random.Generator) -> list[list[int]]:
    order = source.permutation(len(lengths)).tolist()
    batches = []
    for start in range(0, len(order), size * POOL_BATCHES):
        pool = sorted(order[start : start + size * POOL_BATCHES], key=lengths.__getitem__)
        batches += [pool[at : at + size] for at in range(0, len(pool), size)]
    return batches
