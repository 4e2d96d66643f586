"""What events make of a history."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from apps.recommend.events import WORTH, Event, taken, with_session

START = datetime(2026, 6, 1, tzinfo=UTC)


def event(item: str, kind: str = "watch", minute: int = 0) -> Event:
    return Event.model_validate(
        {
            "event_id": f"{item}-{kind}-{minute}",
            "kind": kind,
            "user_id": "u",
            "item_id": item,
            "timestamp": START + timedelta(minutes=minute),
        }
    )


def test_an_item_counts_at_its_latest_event_with_the_most_it_was_worth() -> None:
    found = taken([event("a", "like", 0), event("b", minute=1), event("a", "click", 2)])
    assert [(visit.item_id, visit.worth) for visit in found.visits] == [("b", 1.0), ("a", 1.5)]
    assert found.visits[1].at == START + timedelta(minutes=2)


def test_a_dislike_hides_and_says_nothing_good() -> None:
    found = taken([event("a"), event("b"), event("a", "dislike", 1)])
    assert [visit.item_id for visit in found.visits] == ["b"]
    assert found.exclude == {"a", "b"}


def test_a_session_is_the_newest_part_of_a_history() -> None:
    found = with_session(taken([event("a"), event("b", minute=1)]), ["c", "a", "c"], now=START)
    assert [visit.item_id for visit in found.visits] == ["b", "c", "a"]
    assert found.exclude == {"a", "b", "c"}


@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from(sorted(WORTH)))))
def test_every_item_is_excluded_and_stands_once(rows: list[tuple[str, str]]) -> None:
    found = taken([event(item, kind, minute) for minute, (item, kind) in enumerate(rows)])
    names = [visit.item_id for visit in found.visits]
    assert found.exclude == {item for item, _ in rows}
    assert len(names) == len(set(names))
    assert all(visit.worth > 0 for visit in found.visits)


@pytest.mark.parametrize(
    "change",
    [
        {"user_id": None},
        {"kind": "stare"},
        {"item_id": ""},
        {"item_id": "a\x00b"},
        {"user_id": "\ud800"},
        {"timestamp": "2026-06-01T10:00:00"},
        {"timestamp": "0001-01-01T00:00:00+14:00"},
        {"value": float("nan")},
        {"event_id": "x" * 201},
    ],
)
def test_what_cannot_be_kept_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Event.model_validate(event("a").model_dump() | change)


def test_unix_seconds_are_a_time() -> None:
    found = Event.model_validate(event("a").model_dump() | {"timestamp": 1_780_000_000})
    assert found.timestamp.year == 2026
