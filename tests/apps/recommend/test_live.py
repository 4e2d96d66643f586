"""Recent popularity as it is kept in memory."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.recommend import service
from apps.recommend.answering import Query
from apps.recommend.live import Heat
from apps.recommend.models.popularity import DAY
from apps.recommend.runtime import Runtime
from apps.recommend.store.events import Count
from core.database import reading
from tests.apps.recommend.conftest import NOW
from tests.apps.recommend.test_service import watch

START = datetime(2026, 6, 1, tzinfo=UTC)


def heat_of(*rows: tuple[str, float], half_life_days: float = 7.0) -> Heat:
    heat = Heat(half_life=half_life_days * DAY)
    for name, day in rows:
        heat.add(Count(name, "watch", START + timedelta(days=day)))
    return heat


def test_events_fade_by_half_in_a_half_life() -> None:
    heat = heat_of(("old", 0.0), ("new", 7.0))
    np.testing.assert_allclose(heat.shares(["new", "old", "none"]), [2 / 3, 1 / 3, 0.0])
    assert heat.events == pytest.approx(1.5)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.floats(0, 5000)), min_size=1), st.randoms())
def test_the_order_of_arrival_changes_nothing(
    rows: list[tuple[str, float]], random: object
) -> None:
    turned = list(rows)
    random.shuffle(turned)  # type: ignore[attr-defined]
    np.testing.assert_allclose(
        heat_of(*rows).shares(["a", "b", "c"]), heat_of(*turned).shares(["a", "b", "c"]), rtol=1e-9
    )
    assert heat_of(*rows).shares(["a", "b", "c"]).sum() == pytest.approx(1.0)


def heats(runtime: Runtime) -> dict[str, float]:
    with reading(runtime.engine) as connection:
        snapshot = runtime.live.snapshot(connection, runtime.current.models)
    return dict(zip((item.item_id for item in snapshot.items), snapshot.heat.tolist(), strict=True))


def test_one_new_event_after_months_does_not_rule_the_trend(runtime: Runtime) -> None:
    before = heats(runtime)
    coldest, hottest = min(before, key=lambda name: before[name]), max(before.values())
    watch(runtime, coldest, user="somebody")
    assert heats(runtime)[coldest] < 3 * hottest
    for number in range(60):
        watch(runtime, coldest, user=f"crowd-{number}", minute=number)
    assert heats(runtime)[coldest] > 10 * hottest
    trend = service.recommend(runtime, Query(user_id="nobody"), now=NOW)
    assert trend.items[0].item.item_id == coldest


def test_what_was_deleted_is_no_longer_in_memory(runtime: Runtime) -> None:
    first = service.recommend(runtime, Query(user_id="u0002"), now=NOW)
    service.delete_user(runtime, "u0002", actor="key:test", now=NOW)
    again = service.recommend(runtime, Query(user_id="u0003"), now=NOW)
    assert again.data_version == first.data_version + 1
    assert len(again.items) == 10
