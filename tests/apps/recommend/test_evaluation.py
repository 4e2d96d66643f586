"""Splits, metrics, tuning and the report."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.recommend.evaluation.metrics import best, difference_interval, rank
from apps.recommend.evaluation.report import OURS, Plan, evaluate
from apps.recommend.evaluation.search import blend_weights, choose
from apps.recommend.evaluation.splits import Fold, leave_one_out, temporal
from apps.recommend.models.interactions import Histories, Interactions, histories_of, ordered
from apps.recommend.models.ranker import Scores
from core.errors import BadInput


class Fixed:
    """Scores that are given; a real scorer for tests of what ranks them."""

    def __init__(self, scores: Sequence[Sequence[float]]) -> None:
        self.values = np.array(scores, dtype=np.float32)

    def scores(self, histories: Histories) -> Scores:
        return self.values[: len(histories)].copy()


def markov_log(*, users: int = 60, items: int = 30, seed: int = 0) -> Interactions:
    """Users walk along a circle of items, now and then with a jump."""
    rng = np.random.default_rng(seed)
    rows = []
    for user in range(users):
        item = int(rng.integers(items))
        for step in range(12):
            rows.append((user, item, user * 100.0 + step))
            item = int(rng.integers(items)) if rng.random() < 0.15 else (item + 1) % items
    table = np.array(rows)
    return ordered(
        users=table[:, 0].astype(np.int64),
        items=table[:, 1].astype(np.int64),
        times=table[:, 2],
        n_users=users,
        n_items=items,
    )


def fold_of(relevant: Sequence[int], *, seen: Sequence[int] = (), n_items: int = 5) -> Fold:
    log = ordered(
        users=np.zeros(n_items, dtype=np.int64),
        items=np.arange(n_items),
        times=np.arange(n_items, dtype=np.float64),
        n_users=1,
        n_items=n_items,
    )
    histories = Histories(
        offsets=np.array([0, len(seen)]),
        items=np.array(seen, dtype=np.int64),
        times=np.zeros(len(seen)),
        weights=np.ones(len(seen)),
        now=np.array([99.0]),
    )
    return Fold(log, histories, [np.array(relevant)], np.ones(n_items, dtype=bool))


def test_metrics_of_a_ranking_worked_by_hand() -> None:
    fold = fold_of([3, 1], seen=[0])
    ranking = rank(Fixed([[9.0, 1.0, 4.0, 3.0, 2.0]]), fold, k=3, seed=0)
    assert ranking.lists[0].tolist() == [2, 3, 4]
    assert ranking.hr[0] == 1.0
    assert ranking.mrr[0] == 0.5
    ideal = 1 + 1 / np.log2(3)
    assert ranking.ndcg[0] == pytest.approx((1 / np.log2(3)) / ideal)


def test_ties_fall_at_random_with_the_seed() -> None:
    fold = fold_of([4])
    hits = [rank(Fixed([[1.0] * 5]), fold, k=1, seed=seed).hr[0] for seed in range(400)]
    assert 0.12 < np.mean(hits) < 0.28
    assert hits == [rank(Fixed([[1.0] * 5]), fold, k=1, seed=seed).hr[0] for seed in range(400)]


scores = st.lists(
    st.sampled_from([-np.inf, -1.0, 0.0, 0.5, 1.0, 2.0]), min_size=1, max_size=25
).map(np.array)


@given(scores, st.integers(1, 30), st.integers(0, 5))
@settings(max_examples=100, deadline=None)
def test_the_best_are_in_order_possible_and_not_beaten(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], k: int, seed: int
) -> None:
    found = best(values, k=k, seed=(seed, 0))
    possible = np.isfinite(values).sum()
    assert len(found) == min(k, possible) == len(set(found.tolist()))
    assert (np.diff(values[found]) <= 0).all()
    left = np.delete(values, found)
    if len(found) == k and len(left):
        assert values[found].min() >= left.max()


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_leave_one_out_holds_out_the_last_events(seed: int) -> None:
    log = markov_log(users=8, items=10, seed=seed)
    split = leave_one_out(log)
    for fold in (split.validation, split.test):
        for row in range(len(fold.histories)):
            begin, end = fold.histories.offsets[row], fold.histories.offsets[row + 1]
            history = fold.histories.items[begin:end]
            assert len(fold.relevant[row]) == 1
            assert fold.relevant[row][0] not in history
            assert fold.histories.now[row] == fold.histories.times[end - 1]
    assert len(split.test.train) == len(split.validation.train) + len(split.validation.histories)


def test_users_with_few_events_are_learned_from_only() -> None:
    log = ordered(
        users=np.array([0, 1, 1, 2, 2, 2]),
        items=np.array([0, 0, 1, 0, 1, 2]),
        times=np.arange(6, dtype=np.float64),
        n_users=3,
        n_items=3,
    )
    split = leave_one_out(log)
    assert [items.tolist() for items in split.test.relevant] == [[1], [2]]
    assert [items.tolist() for items in split.validation.relevant] == [[1]]
    assert split.validation.train.users.tolist() == [0, 1, 2]


def test_a_temporal_split_learns_nothing_from_behind_the_cut() -> None:
    split = temporal(markov_log())
    cut = split.test.histories.now[0]
    assert (split.test.train.times < cut).all()
    assert (split.validation.train.times < split.validation.histories.now[0]).all()


@pytest.mark.parametrize("protocol", ["leave-one-out", "temporal"])
def test_an_item_of_the_future_is_unreachable(protocol: str) -> None:
    """Everybody takes item 30 last, and nobody before: a model that found it would be cheating."""
    log = markov_log(users=40)
    last = log.offsets[1:] - 1
    items, times = log.items.copy(), log.times.copy()
    items[last], times[last] = 30, times.max() + 1.0
    planted = ordered(users=log.users, items=items, times=times, n_users=40, n_items=31)
    split = leave_one_out(planted) if protocol == "leave-one-out" else temporal(planted)
    assert not split.test.candidates[30]
    wanting = Fixed([[*([0.0] * 30), 9.0]] * 40)
    ranking = rank(wanting, split.test, k=10, seed=0)
    assert all(30 not in line for line in ranking.lists)
    if protocol == "leave-one-out":
        assert ranking.hr.sum() == 0.0


def test_a_model_of_the_order_beats_popularity_and_says_by_how_much() -> None:
    names: list[str] = []
    report = evaluate(markov_log(), plan=Plan(budget=8.0), notify=names.append)
    models = report["models"]
    assert isinstance(models, dict)
    wanted = {"popular", "recent_popular", "item_knn", "next_item_knn", "ease", "ials", OURS}
    assert wanted <= set(models)
    assert models[OURS]["ndcg"] > 2 * models["popular"]["ndcg"]
    for row in models.values():
        assert 0.0 <= row["mrr"] <= row["ndcg"] <= row["hr"] <= 1.0
        assert 0.0 < row["coverage"] <= 1.0
        assert row["novelty"] > 0.0
        assert row["seconds"] > 0.0
    assert report["refit_on"] == "train+validation"
    comparison = report["comparison"]
    assert isinstance(comparison, dict)
    low, high = comparison["interval_95"]
    assert low <= comparison["ndcg_difference"] <= high
    assert names[-1] == OURS


def test_an_unknown_protocol_and_a_log_without_pairs_are_refused() -> None:
    with pytest.raises(BadInput, match="leave-one-out or temporal"):
        evaluate(markov_log(), plan=Plan(protocol="sampled"), notify=str)
    single = ordered(
        users=np.arange(3),
        items=np.arange(3),
        times=np.zeros(3),
        n_users=3,
        n_items=3,
    )
    with pytest.raises(BadInput, match="hold one out"):
        evaluate(single, plan=Plan(), notify=str)


def test_the_settings_that_do_best_on_validation_are_chosen() -> None:
    @dataclass(frozen=True)
    class Pointing:
        item: int

        def fit(self, interactions: Interactions) -> Fixed:
            return Fixed([[float(item == self.item) for item in range(5)]])

    grid = [Pointing(1), Pointing(3), Pointing(2)]
    choice = choose(grid, fold_of([3]), k=1, seed=0, deadline=float("inf"))
    assert (choice.ranker, choice.ndcg, choice.tried) == (Pointing(3), 1.0, 3)
    assert choose(grid, fold_of([3]), k=1, seed=0, deadline=0.0).tried == 1


def test_the_blend_gives_weight_to_what_helps() -> None:
    log = markov_log(users=30)
    fold = leave_one_out(log).validation
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(200, 30))
    for row, items in enumerate(fold.relevant):
        truth[row, items] += 3.0
    parts = {"good": Fixed(truth.tolist()), "noise": Fixed(rng.normal(size=(200, 30)).tolist())}
    weights, reached = blend_weights(parts, fold, k=10, deadline=float("inf"))
    assert weights["good"] > weights["noise"]
    assert reached > 0.5


def test_the_interval_of_a_clear_difference_is_clear() -> None:
    ours, theirs = np.full(200, 0.6), np.random.default_rng(0).random(200) * 0.5
    low, high = difference_interval(ours, theirs, seed=0)
    assert 0.3 < low < high < 0.4


def test_a_fold_has_a_fingerprint_of_its_own() -> None:
    one, other = leave_one_out(markov_log(seed=1)), leave_one_out(markov_log(seed=2))
    assert one.test.digest == leave_one_out(markov_log(seed=1)).test.digest
    assert len({one.test.digest, one.validation.digest, other.test.digest}) == 3


def test_histories_are_asked_at_their_last_event_or_at_a_moment() -> None:
    log = markov_log(users=3)
    assert histories_of(log).now.tolist() == [11.0, 111.0, 211.0]
    assert histories_of(log, now=5.0).now.tolist() == [5.0] * 3
