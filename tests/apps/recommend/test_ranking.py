"""Scores, lists and reasons over a small catalogue that is made by hand or by Hypothesis."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.recommend.events import Taken, Visit
from apps.recommend.items import Item
from apps.recommend.live import Models, Snapshot, numbered
from apps.recommend.models.ranker import ItemToItem
from apps.recommend.models.text import adopted
from apps.recommend.ranker_model import RankerModel, TextPart
from apps.recommend.ranking import KEEP, Ranked, Rule, rank, unit
from apps.recommend.reasons import reasons
from apps.recommend.scoring import because, score, usable

NOW = datetime(2026, 11, 22, tzinfo=UTC)
KNOWN, NEW = 12, 3
ANY = Rule()


def item(number: int, **fields: object) -> Item:
    values: dict[str, object] = {
        "item_id": f"i{number:02d}",
        "title": f"Title {number}",
        "tags": [f"tag{number % 3}"],
        "categories": [f"c{number % 4}"],
        "published_at": NOW - timedelta(days=30 - number),
    }
    return Item.model_validate(values | fields)


def snapshot(*, seed: int = 0, items: tuple[Item, ...] = ()) -> Snapshot:
    """`KNOWN` items that the ranker knows and `NEW` that it does not, all with texts."""
    rng = np.random.default_rng(seed)
    items = items or tuple(item(number) for number in range(KNOWN + NEW))
    known = tuple(f"i{number:02d}" for number in rng.permutation(KNOWN))
    vectors = rng.normal(size=(len(items), 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    matrix = rng.random((KNOWN, KNOWN)).astype(np.float32) - 0.2
    np.fill_diagonal(matrix, 0.0)
    ranker = RankerModel(
        version="r1",
        item_ids=known,
        parts={
            "near_item_knn": ItemToItem(np.maximum(matrix, 0), half_life=2.0, last=8),
            "ease": ItemToItem(matrix.T.copy()),
        },
        factors={"near_item_knn": 2.0, "ease": 1.0},
        text=TextPart(0.5, 3.0, 10),
        trend_factor=0.1,
        encoder_version="e1",
        trained_at=NOW,
    )
    columns_of = numbered(known)
    columns = np.array([columns_of.get(found.item_id, -1) for found in items])
    new_rows = np.flatnonzero(columns < 0)
    known_vectors = np.zeros((KNOWN, 8), dtype=np.float32)
    known_vectors[columns[columns >= 0]] = vectors[columns >= 0]
    return Snapshot(
        models=Models(encoder=None, ranker=ranker),
        data_version=1,
        items=items,
        rows={found.item_id: row for row, found in enumerate(items)},
        published=np.array([found.published_at.timestamp() for found in items]),
        vectors=vectors,
        heat=rng.random(len(items)),
        columns=columns,
        new_rows=new_rows,
        mixtures=adopted(vectors[new_rows], known_vectors),
        ranker_columns=columns_of,
    )


def taken_items(*names: str) -> Taken:
    visits = tuple(
        Visit(name, NOW - timedelta(hours=len(names) - place), 1.0)
        for place, name in enumerate(names)
    )
    return Taken(visits, frozenset(names))


def ranked(found: Snapshot, history: Taken, **changes: object) -> Ranked:
    values: dict[str, object] = {"rule": ANY, "exclude": frozenset(), "n": 5, "now": NOW}
    return rank(found, history, **(values | changes))  # type: ignore[arg-type]


def names(found: Snapshot, result: Ranked) -> list[str]:
    return [found.items[line.row].item_id for line in result.lines]


histories = st.lists(
    st.integers(0, KNOWN + NEW - 1).map(lambda number: f"i{number:02d}"), unique=True, max_size=10
)


@given(histories, st.sets(st.integers(0, 14)), st.sampled_from(["", "c1"]), st.integers(0, 3))
@settings(max_examples=60, deadline=None)
def test_nothing_seen_excluded_or_filtered_is_shown(
    history: list[str], excluded: set[int], category: str, seed: int
) -> None:
    found = snapshot(seed=seed)
    exclude = frozenset(f"i{number:02d}" for number in excluded)
    rule = Rule(categories=frozenset({category} - {""}))
    result = ranked(found, taken_items(*history), exclude=exclude, rule=rule, n=15)
    shown = names(found, result)
    allowed = {
        one.item_id
        for one in found.items
        if one.item_id not in exclude
        and one.item_id not in history
        and (not category or category in one.categories)
    }
    assert set(shown) == allowed
    assert len(shown) == len(set(shown))
    scores = [line.score for line in result.lines]
    assert scores == sorted(scores, reverse=True)
    assert all(0.0 < value < 1.0 for value in scores)
    assert (result.short_because is None) == (len(shown) >= 15)


@given(histories.filter(bool), st.integers(0, 3))
@settings(max_examples=40, deadline=None)
def test_the_order_of_the_catalogue_changes_no_score(history: list[str], seed: int) -> None:
    found = snapshot(seed=seed)
    order = np.random.default_rng(seed).permutation(len(found.items))
    inverse = np.argsort(order)
    columns = found.columns[order]
    new_rows = np.flatnonzero(columns < 0)
    place = {int(row): line for line, row in enumerate(found.new_rows)}
    turned = replace(
        found,
        items=tuple(found.items[row] for row in order),
        rows={found.items[row].item_id: line for line, row in enumerate(order)},
        published=found.published[order],
        vectors=found.vectors[order],
        heat=found.heat[order],
        columns=columns,
        new_rows=new_rows,
        mixtures=found.mixtures[[place[int(order[row])] for row in new_rows]],
    )
    visits = taken_items(*history).visits
    ranker = found.models.ranker
    assert ranker is not None
    expected = score(found, visits, ranker).total
    np.testing.assert_allclose(
        score(turned, visits, ranker).total[inverse], expected, rtol=1e-5, atol=1e-6
    )


@given(histories.filter(lambda history: len(history) > 1), st.integers(0, 5))
@settings(max_examples=60, deadline=None)
def test_a_cited_item_lowers_the_score_when_it_is_deleted(history: list[str], seed: int) -> None:
    found = snapshot(seed=seed)
    ranker = found.models.ranker
    assert ranker is not None
    visits = taken_items(*history).visits
    scored = score(found, visits, ranker)
    rows = list(range(len(found.items)))
    for row, cited in zip(rows, because(scored, rows), strict=True):
        drops = [
            scored.total[row]
            - score(found, [*visits[:place], *visits[place + 1 :]], ranker).total[row]
            for place in range(len(visits))
        ]
        if cited is None:
            assert max(drops) <= 1e-5
        else:
            place = visits.index(cited.visit)
            assert drops[place] > 0
            assert drops[place] == pytest.approx(max(drops), abs=1e-4)


def test_equal_scores_are_ordered_by_id() -> None:
    found = snapshot()
    flat = replace(found, heat=np.ones(len(found.items)))
    same = tuple(one.model_copy(update={"categories": ()}) for one in flat.items)
    cold = ranked(replace(flat, items=same), taken_items(), n=15)
    scores = [line.score for line in cold.lines]
    for place in range(1, len(scores)):
        if scores[place] == scores[place - 1]:
            assert names(flat, cold)[place] > names(flat, cold)[place - 1]
    assert names(flat, cold)[0] == "i00"


def test_what_is_published_later_is_not_shown_yet() -> None:
    items = tuple(
        item(number, published_at=NOW + timedelta(seconds=1)) if number == 3 else item(number)
        for number in range(15)
    )
    found = snapshot(items=items)
    assert "i03" not in names(found, ranked(found, taken_items("i01"), n=15))
    later = ranked(found, taken_items("i01"), n=15, now=NOW + timedelta(seconds=1))
    assert "i03" in names(found, later)


def test_somebody_new_gets_what_is_popular_over_the_categories() -> None:
    found = snapshot()
    heat = np.linspace(0.1, 1.0, 15)
    items = tuple(
        one.model_copy(update={"categories": ("hot",)}) if row >= 10 else one
        for row, one in enumerate(found.items)
    )
    result = ranked(replace(found, heat=heat, items=items), taken_items())
    assert result.fallback == "recent_popular"
    assert names(found, result)[0] == "i14"
    first = [items[line.row].categories[0] for line in result.lines[:5]]
    assert len(set(first)) >= 3
    assert {line.source for line in result.lines} == {"recent_popular"}


def test_without_events_the_newest_stand_in() -> None:
    found = replace(snapshot(), heat=np.zeros(15))
    result = ranked(found, taken_items())
    assert result.fallback == "newest"
    assert names(found, result)[:2] == ["i14", "i13"]


def test_without_a_ranker_that_is_said() -> None:
    found = replace(snapshot(), models=Models(encoder=None, ranker=None))
    assert ranked(found, taken_items("i01")).fallback == "no_ranker"
    assert "i01" not in names(found, ranked(found, taken_items("i01")))


def test_a_history_of_unknown_items_counts_as_none_but_stays_excluded() -> None:
    found = snapshot()
    result = ranked(found, taken_items("gone"))
    assert usable(found, taken_items("gone").visits) == ()
    assert result.fallback == "recent_popular"


def test_a_new_item_follows_from_items_with_near_texts() -> None:
    found = snapshot()
    vectors = found.vectors.copy()
    vectors[12] = vectors[4]
    known = np.zeros((KNOWN, 8), dtype=np.float32)
    known[found.columns[:KNOWN]] = vectors[:KNOWN]
    near = replace(found, vectors=vectors, mixtures=adopted(vectors[12:], known, neighbours=1))
    ranker = near.models.ranker
    assert ranker is not None
    scored = score(near, taken_items("i01", "i07").visits, ranker)
    parts = [scored.by_part[name] for name in ("near_item_knn", "ease", "text")]
    for part in parts:
        assert part[12] == pytest.approx(part[4], rel=1e-4)
    assert (
        next(line for line in ranked(near, taken_items("i01"), n=15).lines if line.row == 12).source
        == "similar_text"
    )


@pytest.mark.parametrize(
    ("rule", "fits"),
    [
        (Rule(categories=frozenset({"c1"})), True),
        (Rule(categories=frozenset({"c2"})), False),
        (Rule(tags=frozenset({"tag2", "x"})), True),
        (Rule(exclude_tags=frozenset({"tag2"})), False),
        (Rule(exclude_categories=frozenset({"c1"})), False),
        (Rule(published_after=NOW - timedelta(days=25)), True),
        (Rule(published_before=NOW - timedelta(days=25)), False),
        (Rule(min_duration_seconds=600), True),
        (Rule(max_duration_seconds=599), False),
    ],
)
def test_a_rule_says_what_may_be_shown(rule: Rule, fits: bool) -> None:
    assert rule.allows(item(5, duration_seconds=600)) is fits


def test_an_unknown_duration_meets_no_limit() -> None:
    assert not Rule(max_duration_seconds=9).allows(item(5))
    assert not Rule(min_duration_seconds=0).allows(item(5))


def test_a_short_list_says_why() -> None:
    found = snapshot()
    few = ranked(found, taken_items("i01"), rule=Rule(categories=frozenset({"c2"})), n=10)
    assert few.short_because == "filter"
    assert ranked(found, taken_items("i01"), n=15).short_because == "catalogue_exhausted"


def test_reasons_name_the_watched_item_tags_and_trend() -> None:
    found = snapshot()
    heat = np.full(15, 0.01)
    heat[5] = 1.0
    hot = replace(found, heat=heat)
    history = taken_items("i02", "i08", "i11")
    result = ranked(hot, history, n=15)
    lines = [line for line in result.lines if line.row == 5]
    kinds = {reason.kind: reason for reason in reasons(hot, result, lines, history=history)[0]}
    assert kinds["watched"].item_id in {"i02", "i08", "i11"}
    assert kinds["tags"].tags == ("tag2",)
    assert "trend" in kinds
    assert kinds["watched"].text().startswith("because you watched Title")


@given(st.lists(st.floats(-1e6, 1e6), min_size=2))
def test_the_scale_keeps_the_order(values: list[float]) -> None:
    ordered = sorted(values)
    scaled = [unit(value) for value in ordered]
    assert scaled == sorted(scaled)
    assert all(0.0 <= value <= 1.0 for value in scaled)


def test_a_list_is_kept_for_later_pages() -> None:
    assert len(ranked(snapshot(), taken_items("i01"), n=2).lines) == min(KEEP, 14)
