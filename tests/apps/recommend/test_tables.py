"""The schema, and what is particular about it, on both databases."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine

from apps.recommend.events import Event
from apps.recommend.items import Item, User
from apps.recommend.recording import (
    append_events,
    forget_user,
    remove_item,
    save_items,
    save_users,
)
from apps.recommend.runtime import MIGRATIONS
from apps.recommend.store import events as event_store
from apps.recommend.store import items as item_store
from apps.recommend.store import jobs as job_store
from apps.recommend.store import requests as request_store
from apps.recommend.store import versions
from apps.recommend.tables import METADATA
from core.database import reading, transaction, upgrade
from core.migrations import drift

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)


@pytest.fixture
def migrated(engine: Engine) -> Engine:
    upgrade(engine, MIGRATIONS)
    return engine


def event(number: int, **fields: object) -> Event:
    values: dict[str, object] = {
        "event_id": f"e{number}",
        "user_id": "u",
        "item_id": f"i{number}",
        "timestamp": NOW - timedelta(minutes=number),
    }
    return Event.model_validate(values | fields)


def test_the_migrations_give_the_tables(migrated: Engine) -> None:
    assert drift(migrated, METADATA) == []


def test_events_are_appended_once_and_read_in_order(migrated: Engine) -> None:
    with transaction(migrated) as connection:
        first = append_events(connection, [event(2), event(1), event(1)], now=NOW)
    assert (first.accepted, first.duplicate, first.version) == (2, 1, 1)
    with transaction(migrated) as connection:
        again = append_events(connection, [event(1)], now=NOW)
    assert (again.accepted, again.version) == (0, 1)
    with transaction(migrated) as connection:
        append_events(connection, [event(3, user_id=None, session_id="s")], now=NOW)
    with reading(migrated) as connection:
        found = event_store.of_actor(connection, user_id="u", session_id=None, limit=10)
        both = event_store.of_actor(connection, user_id="u", session_id="s", limit=2)
        assert versions.current(connection) == 2
        assert event_store.count(connection) == 3
        newest = event_store.newest(connection, until=NOW)
        counted = list(event_store.counted_since(connection, version=1))
        users = event_store.users(connection, beginning="u", limit=5)
    assert [one.item_id for one in found] == ["i2", "i1"]
    assert [one.item_id for one in both] == ["i2", "i1"]
    assert (found[0].kind, found[0].timestamp) == ("watch", NOW - timedelta(minutes=2))
    assert newest == NOW - timedelta(minutes=1)
    assert [one.item_id for one in counted] == ["i3"]
    assert users == [("u", 2)]


def test_an_event_from_the_future_heats_as_of_its_arrival(migrated: Engine) -> None:
    with transaction(migrated) as connection:
        append_events(connection, [event(1, timestamp=NOW + timedelta(days=900))], now=NOW)
    with reading(migrated) as connection:
        (found,) = event_store.counted_since(connection, version=0)
    assert found.timestamp == NOW


def test_items_change_and_the_changes_can_be_followed(migrated: Engine) -> None:
    one = Item(item_id="a", title="One", tags=("x",), published_at=NOW)
    with transaction(migrated) as connection:
        save_items(connection, [one, Item(item_id="b", title="Two")], encoder=None)
        save_items(connection, [one.model_copy(update={"title": "1"})], encoder=None)
        remove_item(connection, "b", now=NOW)
    with reading(migrated) as connection:
        assert item_store.find_items(connection, item_ids=["a", "b"])["a"].title == "1"
        assert [
            found.item_id for found in item_store.list_items(connection, after="", limit=9)
        ] == ["a"]
        changes = {found.item_id: found.item for found in item_store.changes(connection, since=1)}
    assert changes == {"a": one.model_copy(update={"title": "1"}), "b": None}


def test_a_person_is_deleted(migrated: Engine) -> None:
    with transaction(migrated) as connection:
        save_users(connection, [User(user_id="u", attributes={"a": [1, None]})])
        append_events(connection, [event(1), event(2)], now=NOW)
        request_store.save(
            connection,
            request_store.Answered("r", NOW, "u", None, "", 1, (("i1", 0.5, "x"),), None, "m", 1),
        )
    with transaction(migrated) as connection:
        assert item_store.find_users(connection, user_ids=["u"])["u"].attributes == {"a": [1, None]}
        answered = request_store.find(connection, request_id="r")
        assert answered is not None
        assert answered.ranked == (("i1", 0.5, "x"),)
        assert forget_user(connection, "u") == 2
        assert request_store.find(connection, request_id="r") is None
        assert event_store.count(connection) == 0


def test_old_answers_are_dropped(migrated: Engine) -> None:
    with transaction(migrated) as connection:
        for name, at in (("old", NOW - timedelta(days=40)), ("new", NOW)):
            request_store.save(
                connection,
                request_store.Answered(name, at, "u", None, "", 0, (), None, "m", 1),
            )
        assert request_store.drop_before(connection, before=NOW - timedelta(days=30)) == 1
        assert request_store.find(connection, request_id="new") is not None


def test_a_job_is_leased_to_one_worker_at_a_time(migrated: Engine) -> None:
    job = job_store.Job("j", "events", job_store.QUEUED, "/tmp/x", 0, {}, (), NOW)
    until = NOW + timedelta(minutes=1)
    with transaction(migrated) as connection:
        job_store.add(connection, job)
        taken = job_store.lease(connection, now=NOW, until=until)
        assert taken is not None
        assert taken.state == job_store.RUNNING
        assert job_store.lease(connection, now=NOW, until=until) is None
        later = until + timedelta(seconds=1)
        assert job_store.lease(connection, now=later, until=later + LEASE) is not None
        assert job_store.waiting(connection) == 1
        job_store.finish(connection, job_id="j", state=job_store.DONE, problem=None, now=later)
        assert job_store.waiting(connection) == 0


LEASE = timedelta(minutes=1)
