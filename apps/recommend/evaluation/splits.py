"""Hold events out: the last one of each user, or everything after a moment."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.recommend.models.interactions import (
    Histories,
    Interactions,
    Ints,
    first_of_each_pair,
    histories_of,
)

VALIDATION_QUANTILE = 0.8
TEST_QUANTILE = 0.9


@dataclass(frozen=True)
class Fold:
    """A log to learn from, the histories that ask, and what each of them took next.

    `relevant[r]` are the item rows that row `r` of `histories` took; `candidates` (n_items,) are
    the items that the log knows, the only ones that may be ranked.
    """

    train: Interactions
    histories: Histories
    relevant: Sequence[Ints]
    candidates: NDArray[np.bool_]

    @property
    def digest(self) -> str:
        """SHA-256 of what is learned from and what is asked for."""
        digest = hashlib.sha256()
        arrays = [self.train.users, self.train.items, self.train.times, *self.relevant]
        for array in arrays:
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


@dataclass(frozen=True)
class Split:
    """Choices are made on `validation` alone; `test` learns from train and validation."""

    validation: Fold
    test: Fold


def leave_one_out(log: Interactions) -> Split:
    """Test: the last event of each user (time, then input order); validation: the one before.

    Repeats of a user and item are dropped after the first. Users of one event are only learned
    from, users of two have no validation event.
    """
    log = first_of_each_pair(log)
    counts = np.bincount(log.users, minlength=log.n_users)[log.users]
    from_end = log.offsets[1:][log.users] - 1 - np.arange(len(log))
    test = (from_end == 0) & (counts >= 2)
    validation = (from_end == 1) & (counts >= 3)
    return Split(
        validation=_fold(log, train=~test & ~validation, held_out=validation, now=None),
        test=_fold(log, train=~test, held_out=test, now=None),
    )


def temporal(log: Interactions) -> Split:
    """Learn from the oldest 90 % of the events, predict the rest; validation is the last ninth.

    Users without an event before the cut-off are not asked about.
    """
    log = first_of_each_pair(log)
    first = float(np.quantile(log.times, VALIDATION_QUANTILE))
    second = float(np.quantile(log.times, TEST_QUANTILE))
    return Split(
        validation=_fold(
            log,
            train=log.times < first,
            held_out=(log.times >= first) & (log.times < second),
            now=first,
        ),
        test=_fold(log, train=log.times < second, held_out=log.times >= second, now=second),
    )


PROTOCOLS = {"leave-one-out": leave_one_out, "temporal": temporal}


def _fold(
    log: Interactions,
    *,
    train: NDArray[np.bool_],
    held_out: NDArray[np.bool_],
    now: float | None,
) -> Fold:
    learned = log.where(train)
    kept = log.where(held_out)
    has_history = np.bincount(learned.users, minlength=log.n_users) > 0
    has_target = np.bincount(kept.users, minlength=log.n_users) > 0
    users = np.flatnonzero(has_history & has_target)
    offsets = kept.offsets
    return Fold(
        train=learned,
        histories=histories_of(learned, users=users, now=now),
        relevant=[kept.items[offsets[user] : offsets[user + 1]] for user in users],
        candidates=np.bincount(learned.items, minlength=log.n_items) > 0,
    )
