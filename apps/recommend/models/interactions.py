"""Who took which item when, as arrays: the one input of every ranking model."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Matrix = sparse.csr_matrix


@dataclass(frozen=True)
class Interactions:
    """A log of `n` events over `n_users` rows and `n_items` columns.

    `users`, `items` are row numbers, `times` Unix seconds, `weights` what the event counts for.
    Sorted by user, then time, then the order in which the events were given.
    """

    users: Ints
    items: Ints
    times: Floats
    weights: Floats
    n_users: int
    n_items: int

    def __len__(self) -> int:
        return len(self.users)

    @property
    def offsets(self) -> Ints:
        """Where each user's events begin and end: (n_users + 1,)."""
        counts = np.bincount(self.users, minlength=self.n_users)
        return np.concatenate(([0], np.cumsum(counts)))

    def matrix(self) -> Matrix:
        """Users by items, 1 where the user took the item."""
        ones = np.ones(len(self), dtype=np.float32)
        matrix = sparse.csr_matrix(
            (ones, (self.users, self.items)), shape=(self.n_users, self.n_items)
        )
        matrix.data[:] = 1.0
        return matrix

    def where(self, mask: NDArray[np.bool_]) -> Self:
        """The events that the mask keeps, over the same users and items."""
        return replace(
            self,
            users=self.users[mask],
            items=self.items[mask],
            times=self.times[mask],
            weights=self.weights[mask],
        )


@dataclass(frozen=True)
class Histories:
    """What each of `n` users took, oldest first, and the time at which each one asks.

    Row `r` owns `items[offsets[r]:offsets[r + 1]]`; `now` is (n,) Unix seconds.
    """

    offsets: Ints
    items: Ints
    times: Floats
    weights: Floats
    now: Floats

    def __len__(self) -> int:
        return len(self.now)

    @property
    def rows(self) -> Ints:
        """The row number of every event."""
        return np.repeat(np.arange(len(self)), np.diff(self.offsets))

    def recency(self, *, half_life: float | None, last: int | None, n_items: int) -> Matrix:
        """Weights (n, n_items): halved every `half_life` events back, only the `last` events."""
        rows = self.rows
        steps = self.offsets[1:][rows] - 1 - np.arange(len(self.items))
        values = self.weights.copy()
        if half_life is not None:
            values *= 0.5 ** (steps / half_life)
        if last is not None:
            keep = steps < last
            rows, values, items = rows[keep], values[keep], self.items[keep]
        else:
            items = self.items
        shape = (len(self), n_items)
        return sparse.csr_matrix((values.astype(np.float32), (rows, items)), shape=shape)


def ordered(
    *,
    users: Ints,
    items: Ints,
    times: Floats,
    weights: Floats | None = None,
    n_users: int,
    n_items: int,
) -> Interactions:
    """Sort events by user and time; equal times keep the order given."""
    order = np.lexsort((np.arange(len(users)), times, users))
    values = np.ones(len(users)) if weights is None else weights
    return Interactions(
        users=users[order],
        items=items[order],
        times=times[order],
        weights=values[order],
        n_users=n_users,
        n_items=n_items,
    )


def first_of_each_pair(interactions: Interactions) -> Interactions:
    """Drop every repeat of a user and item after the first."""
    pairs = interactions.users * interactions.n_items + interactions.items
    first = np.zeros(len(interactions), dtype=bool)
    first[np.unique(pairs, return_index=True)[1]] = True
    return interactions.where(first)


def histories_of(
    interactions: Interactions, *, users: Ints | None = None, now: float | None = None
) -> Histories:
    """The histories of `users` (all by default), who ask at `now` or at their last event."""
    offsets = interactions.offsets
    chosen = np.arange(interactions.n_users) if users is None else users
    starts, ends = offsets[chosen], offsets[chosen + 1]
    lengths = ends - starts
    new_offsets = np.concatenate(([0], np.cumsum(lengths)))
    take = np.repeat(starts - new_offsets[:-1], lengths) + np.arange(new_offsets[-1])
    times = interactions.times[take]
    if now is not None:
        asked = np.full(len(chosen), now, dtype=np.float64)
    else:
        asked = np.zeros(len(chosen))
        asked[lengths > 0] = interactions.times[ends[lengths > 0] - 1]
    return Histories(
        offsets=new_offsets,
        items=interactions.items[take],
        times=times,
        weights=interactions.weights[take],
        now=asked,
    )
