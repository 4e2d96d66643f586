"""The contract that every ranking model keeps, and what each is for."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.recommend.models.blend import Blend
from apps.recommend.models.ials import Ials
from apps.recommend.models.interactions import (
    Histories,
    Interactions,
    first_of_each_pair,
    histories_of,
    ordered,
)
from apps.recommend.models.item_knn import ItemKnn
from apps.recommend.models.linear import Ease, NextItemLinear
from apps.recommend.models.next_item_knn import NextItemKnn, followers
from apps.recommend.models.popularity import Popular, RecentPopular, Trend
from apps.recommend.models.ranker import Ranker
from apps.recommend.models.text import ItemText, adopted

DAY = 86_400.0
VECTORS = np.eye(6, dtype=np.float32)[[0, 0, 1, 1, 2, 3]]
RANKERS: dict[str, Ranker] = {
    "popular": Popular(),
    "recent_popular": RecentPopular(days=3.0),
    "trend": Trend(half_life_days=2.0),
    "item_knn": ItemKnn(neighbours=3, shrink=1.0),
    "next_item_knn": NextItemKnn(),
    "near_item_knn": NextItemKnn(both_ways=True),
    "ease": Ease(regularisation=5.0),
    "recent_ease": Ease(regularisation=5.0, half_life=2.0),
    "next_item_linear": NextItemLinear(regularisation=5.0, past=2.0),
    "ials": Ials(factors=4, iterations=3),
    "item_text": ItemText(VECTORS),
    "blend": Blend(
        {"a": Ease(5.0), "b": NextItemKnn(), "off": Popular()}, {"a": 1.0, "b": 0.5, "off": 0.0}
    ),
}


def log(*lines: tuple[int, int, float], n_users: int = 5, n_items: int = 6) -> Interactions:
    table = np.array(lines, dtype=np.float64).reshape(-1, 3)
    return ordered(
        users=table[:, 0].astype(np.int64),
        items=table[:, 1].astype(np.int64),
        times=table[:, 2] * DAY,
        n_users=n_users,
        n_items=n_items,
    )


def small_log() -> Interactions:
    """Everybody goes from 0 to 1 to 2; later some go on to 3, and one takes 4."""
    return log(
        *((user, item, user + item) for user in range(4) for item in range(3)),
        (0, 3, 8.0),
        (1, 3, 8.5),
        (4, 4, 9.0),
    )


@pytest.mark.parametrize("name", RANKERS)
def test_scores_are_finite_and_have_one_row_for_each_history(name: str) -> None:
    scorer = RANKERS[name].fit(small_log())
    histories = histories_of(small_log())
    scores = scorer.scores(histories)
    assert scores.shape == (5, 6)
    assert np.isfinite(scores).all()


@pytest.mark.parametrize("name", RANKERS)
def test_a_history_scores_the_same_alone_and_among_others(name: str) -> None:
    scorer = RANKERS[name].fit(small_log())
    together = scorer.scores(histories_of(small_log()))
    alone = scorer.scores(histories_of(small_log(), users=np.array([2])))
    np.testing.assert_allclose(alone[0], together[2], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", sorted(set(RANKERS) - {"ials"}))
def test_the_order_in_which_users_are_given_changes_nothing(name: str) -> None:
    first = small_log()
    other = replace(first, users=4 - first.users)
    turned = ordered(users=other.users, items=other.items, times=other.times, n_users=5, n_items=6)
    expected = RANKERS[name].fit(first).scores(histories_of(first))
    found = RANKERS[name].fit(turned).scores(histories_of(turned))[::-1]
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", sorted(set(RANKERS) - {"ials"}))
def test_an_empty_history_can_be_scored(name: str) -> None:
    empty = Histories(
        offsets=np.array([0, 0]),
        items=np.array([], dtype=np.int64),
        times=np.array([]),
        weights=np.array([]),
        now=np.array([20 * DAY]),
    )
    assert np.isfinite(RANKERS[name].fit(small_log()).scores(empty)).all()


@pytest.mark.parametrize("name", ["next_item_knn", "next_item_linear", "ease", "item_knn", "ials"])
def test_what_others_took_beside_it_beats_what_nobody_did(name: str) -> None:
    scores = RANKERS[name].fit(small_log()).scores(histories_of(small_log()))
    assert scores[2, 3] > scores[2, 5]


def test_next_item_knn_knows_the_direction() -> None:
    counts = followers(small_log(), spread=2.0).toarray()
    assert counts[0, 1] > 0
    assert counts[1, 0] == 0
    assert counts[0, 1] > counts[0, 2] > 0


def test_recent_popularity_looks_back_only() -> None:
    scorer = RecentPopular(days=3.0).fit(small_log())
    early = replace(histories_of(small_log()), now=np.full(5, 4.0 * DAY))
    scores = scorer.scores(early)
    assert scores[0, 3] == 0.0
    assert scores[0].sum() == 8.0


def test_the_trend_fades_and_looks_back_only() -> None:
    scorer = Trend(half_life_days=1.0).fit(small_log())
    late = scorer.scores(replace(histories_of(small_log()), now=np.full(5, 9.5 * DAY)))[0]
    early = scorer.scores(replace(histories_of(small_log()), now=np.full(5, 4.0 * DAY)))[0]
    assert late[3] > late[4] > late[2] > late[0]
    assert early[3] == early[4] == 0.0


def test_ease_never_recommends_an_item_because_of_itself() -> None:
    matrix = Ease(5.0).fit(small_log()).matrix
    assert np.diag(np.asarray(matrix)).tolist() == [0.0] * 6


def test_the_inverse_of_ease_is_the_published_one() -> None:
    matrix = small_log().matrix().toarray().astype(np.float64)
    precision = np.linalg.inv(matrix.T @ matrix + 5.0 * np.eye(6))
    expected = -precision / np.diag(precision)
    np.fill_diagonal(expected, 0.0)
    np.testing.assert_allclose(Ease(5.0).fit(small_log()).matrix, expected, atol=1e-4)


def test_new_items_are_mixtures_of_the_nearest_known_texts() -> None:
    shares = adopted(VECTORS[[0, 2]], VECTORS[2:], neighbours=2).toarray()
    assert shares[0].sum() == 0.0
    np.testing.assert_allclose(shares[1], [0.5, 0.5, 0.0, 0.0])


events = st.lists(
    st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 30)), min_size=1, max_size=40
)


@given(events)
@settings(max_examples=50, deadline=None)
def test_a_log_is_sorted_by_user_time_and_input_order(
    rows: list[tuple[int, int, int]],
) -> None:
    found = log(*((user, item, float(time)) for user, item, time in rows))
    expected = sorted(rows, key=lambda row: (row[0], row[2]))
    assert list(zip(found.users, found.items, strict=True)) == [row[:2] for row in expected]


@given(events)
@settings(max_examples=50, deadline=None)
def test_repeats_are_dropped_after_the_first(rows: list[tuple[int, int, int]]) -> None:
    found = first_of_each_pair(log(*((user, item, float(time)) for user, item, time in rows)))
    pairs = list(zip(found.users.tolist(), found.items.tolist(), strict=True))
    assert len(pairs) == len(set(pairs)) == len({row[:2] for row in rows})


@given(events, st.sampled_from([1.0, 3.0, None]), st.sampled_from([1, 2, None]))
@settings(max_examples=50, deadline=None)
def test_recency_weights_fade_from_the_newest_event(
    rows: list[tuple[int, int, int]], half_life: float | None, last: int | None
) -> None:
    found = log(*((user, item, float(time)) for user, item, time in rows))
    histories = histories_of(found)
    weights = histories.recency(half_life=half_life, last=last, n_items=6)
    for user in range(5):
        length = int((found.users == user).sum())
        steps = np.arange(min(length, last or length))
        expected = np.ones(len(steps)) if half_life is None else 0.5 ** (steps / half_life)
        assert weights[[user]].sum() == pytest.approx(expected.sum())
