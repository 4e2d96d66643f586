import time
from dataclasses import replace

import pytest

from core.alerting.alert import State
from core.alerting.matchers import parse
from core.alerting.rule import Severity
from core.alerting.silences import SilenceState
from core.alerting.store import alerts, silences
from core.alerting.store.alerts import AlertFilter
from core.database import reading, transaction
from core.errors import BadInput, NotFound
from tests.core.alerting.samples import SHOCK, Store, at, shock

WARNING = replace(SHOCK, id="volume", severity=Severity.WARNING)


def pages(store: Store, wanted: AlertFilter, limit: int) -> list[list[str]]:
    found: list[list[str]] = []
    cursor: str | None = None
    with reading(store.engine) as connection:
        while True:
            page = alerts.list_alerts(
                connection, store.tables, wanted=wanted, limit=limit, cursor=cursor
            )
            found.append([alert.key for alert in page.alerts])
            cursor = page.cursor
            if cursor is None:
                return found


def test_pages_show_every_alert_once_newest_first(store: Store) -> None:
    for minute in range(7):
        store.evaluate([shock(5, minute, key=f"{minute}-{letter}") for letter in "ab"])
    found = pages(store, AlertFilter(), 4)
    assert [len(page) for page in found] == [4, 4, 4, 2]
    keys = [key for page in found for key in page]
    assert len(set(keys)) == 14
    assert [key[0] for key in keys] == sorted((key[0] for key in keys), reverse=True)


def test_an_alert_that_starts_while_somebody_pages_shifts_nothing(store: Store) -> None:
    store.evaluate([shock(5, minute, key=str(minute)) for minute in range(6)])
    with reading(store.engine) as connection:
        first = alerts.list_alerts(connection, store.tables, limit=3)
    store.evaluate([shock(5, 50, key="new")])
    with reading(store.engine) as connection:
        second = alerts.list_alerts(connection, store.tables, limit=3, cursor=first.cursor)
    assert [alert.key for alert in second.alerts] == ["2", "1", "0"]
    assert second.cursor is None


@pytest.mark.parametrize(
    ("wanted", "keys"),
    [
        (AlertFilter(rule_id="volume"), ["c"]),
        (AlertFilter(severity=Severity.CRITICAL), ["b", "a"]),
        (AlertFilter(key="a"), ["a"]),
        (AlertFilter(states={State.RESOLVED}), ["a"]),
        (AlertFilter(since=at(1)), ["c", "b"]),
        (AlertFilter(matchers=parse('company=~"A|C"')), ["c", "a"]),
        (AlertFilter(matchers=parse("company=X")), []),
    ],
)
def test_filters(store: Store, wanted: AlertFilter, keys: list[str]) -> None:
    rules = [SHOCK, WARNING]
    store.evaluate([shock(5, 0, key="a"), shock(1, 5, key="a")], rules=rules)
    store.evaluate([shock(5, 1, key="b"), shock(5, 2, key="c", rule=WARNING)], rules=rules)
    assert [key for page in pages(store, wanted, 1) for key in page] == keys


@pytest.mark.parametrize("cursor", ["!", "bm90IGpzb24", "WzEsMl0", "é"])
def test_a_cursor_from_elsewhere_is_refused(store: Store, cursor: str) -> None:
    with reading(store.engine) as connection, pytest.raises(BadInput, match="cursor"):
        alerts.list_alerts(connection, store.tables, cursor=cursor)


def test_limits_are_bounded(store: Store) -> None:
    with reading(store.engine) as connection:
        for limit in (0, 1001):
            with pytest.raises(BadInput, match="limit"):
                alerts.list_alerts(connection, store.tables, limit=limit)


def test_ten_thousand_alerts_are_listed_quickly(store: Store) -> None:
    store.evaluate([shock(5, number / 100, key=f"{number:05}") for number in range(10_000)])
    slowest, seen, cursor = 0.0, 0, None
    while True:
        with reading(store.engine) as connection:
            began = time.perf_counter()
            page = alerts.list_alerts(connection, store.tables, limit=100, cursor=cursor)
            slowest = max(slowest, time.perf_counter() - began)
        seen, cursor = seen + len(page.alerts), page.cursor
        if cursor is None:
            break
    print(f"slowest page of 100 among 10,000 alerts: {slowest * 1000:.1f} ms")
    assert seen == 10_000
    assert slowest < 1.0


def test_silences_are_previewed_listed_and_ended(store: Store) -> None:
    store.evaluate([shock(5, 0), shock(5, 0, key="globex"), shock(1, 0, key="initech")])
    matchers = parse('company=~"ACME|INITECH"')
    with transaction(store.engine) as connection:
        preview = silences.preview(connection, store.tables, matchers=matchers)
        assert [alert.key for alert in preview.alerts] == ["acme"]
        silence = silences.create(
            connection,
            store.tables,
            matchers=matchers,
            starts_at=at(1),
            ends_at=at(60),
            created_by="li",
            comment="earnings call",
            now=at(0),
        )
    with transaction(store.engine) as connection:
        assert silences.get(connection, store.tables, silence_id=silence.id) == silence
        assert silence.state(at(0)) is SilenceState.PENDING
        assert silences.active(connection, store.tables, now=at(0)) == ()
        assert silences.active(connection, store.tables, now=at(1)) == (silence,)
        ended = silences.expire(connection, store.tables, silence_id=silence.id, now=at(2))
        assert ended.state(at(2)) is SilenceState.EXPIRED
        again = silences.expire(connection, store.tables, silence_id=silence.id, now=at(3))
        assert again.ends_at == at(2)
        assert silences.list_silences(connection, store.tables, now=at(2)) == ()
        assert len(silences.list_silences(connection, store.tables, now=at(2), expired=True)) == 1
        with pytest.raises(NotFound):
            silences.expire(connection, store.tables, silence_id="none", now=at(3))


@pytest.mark.parametrize(
    ("matchers", "ends", "message"),
    [("", 60, "at least one"), ('company=~".*"', 60, "empty string"), ("a=b", 0, "after it")],
)
def test_a_silence_that_mutes_all_or_nothing_is_refused(
    store: Store, matchers: str, ends: float, message: str
) -> None:
    with transaction(store.engine) as connection, pytest.raises(BadInput, match=message):
        silences.create(
            connection,
            store.tables,
            matchers=parse(matchers),
            starts_at=at(0),
            ends_at=at(ends),
            created_by="li",
            comment="",
            now=at(0),
        )
