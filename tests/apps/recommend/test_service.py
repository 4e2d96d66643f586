"""Freshness, cold start, paging, imports and forgetting, over a real database and real models."""

import json
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest

from apps.recommend import service
from apps.recommend.answering import Query
from apps.recommend.items import Item, ItemChange, User
from apps.recommend.jobs import run_next
from apps.recommend.ranking import Rule
from apps.recommend.runtime import Runtime, build
from apps.recommend.settings import RecommendSettings
from core.errors import BadInput, Conflict, NotFound
from core.models.registry import Registry
from tests.apps.recommend.conftest import NOW, VIDEOS, Site

USER = "u0002"


def watch(
    runtime: Runtime, item_id: str, *, user: str = USER, minute: int = 0, kind: str = "watch"
) -> service.Outcome:
    moment = NOW + timedelta(minutes=minute)
    event = {
        "event_id": f"{user}-{item_id}-{kind}-{minute}",
        "kind": kind,
        "user_id": user,
        "item_id": item_id,
        "timestamp": moment.isoformat(),
    }
    return service.post_events(runtime, [event], now=moment)


def shown(runtime: Runtime, **query: object) -> list[str]:
    answer = service.recommend(runtime, Query(**{"user_id": USER} | query), now=NOW)  # type: ignore[arg-type]
    return [found.item.item_id for found in answer.items]


def test_the_next_request_reflects_the_event(runtime: Runtime) -> None:
    before = service.recommend(runtime, Query(user_id=USER), now=NOW)
    first = before.items[0].item.item_id
    watch(runtime, first)
    after = service.recommend(runtime, Query(user_id=USER), now=NOW)
    names = [found.item.item_id for found in after.items]
    assert first not in names
    assert names != [found.item.item_id for found in before.items[1:]] + names[-1:]
    assert after.data_version == before.data_version + 1
    assert any(reason.item_id == first for found in after.items for reason in found.reasons)


def test_a_second_process_sees_the_event_too(runtime: Runtime) -> None:
    with build(runtime.settings) as other:
        first = shown(other)[0]
        watch(runtime, first)
        assert first not in shown(other)
        service.put_item(runtime, Item(item_id="x1", title="Another noodle film"))
        found = service.similar(other, "x1", n=3, now=NOW)
        assert len(found) == 3


def test_ten_replays_leave_the_same_state(runtime: Runtime) -> None:
    item = shown(runtime)[0]
    first = watch(runtime, item)
    assert (first.accepted, first.duplicate) == (1, 0)
    answer = service.recommend(runtime, Query(user_id=USER), now=NOW)
    for _ in range(10):
        again = watch(runtime, item)
        assert (again.accepted, again.duplicate, again.version) == (0, 1, first.version)
    last = service.recommend(runtime, Query(user_id=USER), now=NOW)
    assert last.items == answer.items
    assert last.data_version == first.version


def test_late_events_find_their_place_in_the_history(runtime: Runtime) -> None:
    first, second = shown(runtime, user_id="late")[:2]
    watch(runtime, first, user="late", minute=5)
    watch(runtime, second, user="late", minute=1)
    assert [event.item_id for event in service.history(runtime, "late", limit=5)] == [first, second]


def test_a_new_user_gets_a_varied_popular_list_and_a_history_at_once(runtime: Runtime) -> None:
    answer = service.recommend(runtime, Query(user_id="never-seen", n=8), now=NOW)
    assert answer.fallback == "recent_popular"
    assert len({found.item.categories[0] for found in answer.items}) >= 4
    assert all(found.reasons for found in answer.items)
    watch(runtime, answer.items[0].item.item_id, user="never-seen")
    assert service.recommend(runtime, Query(user_id="never-seen"), now=NOW).fallback is None


def test_a_session_stands_in_for_a_history(runtime: Runtime, site: Site) -> None:
    anchor = site.items[0]
    answer = service.recommend(runtime, Query(session=(anchor.item_id,)), now=NOW)
    names = [found.item.item_id for found in answer.items]
    assert answer.fallback is None
    assert anchor.item_id not in names
    other = service.recommend(runtime, Query(session=(site.items[1].item_id,)), now=NOW)
    assert names != [found.item.item_id for found in other.items]


def test_a_new_item_is_similar_and_recommended_at_once(runtime: Runtime, site: Site) -> None:
    session = (site.items[0].item_id,)
    liked = shown(runtime, user_id=None, session=session)[0]
    model = service.find_item(runtime, liked)
    fresh = model.model_copy(update={"item_id": "fresh", "published_at": NOW - timedelta(hours=1)})
    service.put_item(runtime, fresh)
    near = service.similar(runtime, model.item_id, n=5, now=NOW)
    assert "fresh" in [found.item.item_id for found in near]
    assert "fresh" in shown(runtime, user_id=None, session=session, n=VIDEOS // 4)
    watch(runtime, "fresh", user="somebody")
    answer = service.recommend(runtime, Query(user_id="somebody"), now=NOW)
    assert answer.fallback is None


def test_a_changed_text_moves_the_item(runtime: Runtime, site: Site) -> None:
    left, right = site.items[0], site.items[5]
    service.put_item(runtime, left.model_copy(update={"item_id": "copy"}))
    before = {s.item.item_id: s.score for s in service.similar(runtime, "copy", n=VIDEOS, now=NOW)}
    change = ItemChange(title=right.title, description=right.description, tags=right.tags)
    assert service.patch_item(runtime, "copy", change).title == right.title
    after = {s.item.item_id: s.score for s in service.similar(runtime, "copy", n=VIDEOS, now=NOW)}
    assert after[left.item_id] < before[left.item_id]
    assert after[right.item_id] > before.get(right.item_id, 0.0)


def test_a_deleted_item_is_gone_and_comes_back_when_it_is_put(runtime: Runtime) -> None:
    first = shown(runtime)[0]
    found = service.find_item(runtime, first)
    service.delete_item(runtime, first, now=NOW)
    assert first not in shown(runtime, n=100)
    with pytest.raises(NotFound):
        service.find_item(runtime, first)
    with pytest.raises(NotFound):
        service.delete_item(runtime, first, now=NOW)
    service.put_item(runtime, found)
    assert shown(runtime)[0] == first


def test_a_disliked_item_is_not_shown_again(runtime: Runtime) -> None:
    first = shown(runtime)[0]
    watch(runtime, first, kind="dislike")
    assert first not in shown(runtime, n=100)


def test_exclusion_and_filter(runtime: Runtime) -> None:
    everything = shown(runtime, n=100)
    assert everything[0] not in shown(runtime, exclude=frozenset({everything[0]}), n=100)
    rule = Rule(categories=frozenset({"cooking"}))
    answer = service.recommend(runtime, Query(user_id=USER, rule=rule, n=100), now=NOW)
    assert {found.item.categories[0] for found in answer.items} == {"cooking"}
    assert answer.short_because == "filter"


def test_pages_are_disjoint_while_events_arrive(runtime: Runtime) -> None:
    whole = shown(runtime, n=60)
    page = service.recommend(runtime, Query(user_id=USER, n=7), now=NOW)
    found = [one.item.item_id for one in page.items]
    watched = whole[10]
    while page.cursor is not None:
        if len(found) == 7:
            watch(runtime, watched)
        page = service.recommend(runtime, Query(user_id=USER, n=7, cursor=page.cursor), now=NOW)
        assert [one.rank for one in page.items][:1] == [len(found) + 1] or len(found) > 7
        found += [one.item.item_id for one in page.items]
    assert len(found) == len(set(found))
    assert watched not in found
    assert set(whole) - {watched} <= set(found)


def test_a_cursor_belongs_to_who_asked(runtime: Runtime) -> None:
    cursor = service.recommend(runtime, Query(user_id=USER, n=3), now=NOW).cursor
    for query in (Query(user_id="u0003", cursor=cursor), Query(user_id=USER, cursor="nonsense")):
        with pytest.raises(BadInput, match="cursor"):
            service.recommend(runtime, query, now=NOW)


def test_a_version_that_is_not_there_is_a_conflict(runtime: Runtime) -> None:
    version = watch(runtime, shown(runtime)[0]).version
    assert shown(runtime, min_version=version)
    with pytest.raises(Conflict, match="not there"):
        shown(runtime, min_version=version + 1)


def test_a_person_is_forgotten_everywhere(runtime: Runtime) -> None:
    service.put_user(runtime, User(user_id=USER, language="en"))
    cursor = service.recommend(runtime, Query(user_id=USER, n=3), now=NOW).cursor
    service.delete_user(runtime, USER, actor="key:test", now=NOW)
    assert service.history(runtime, USER, limit=10) == []
    assert service.recommend(runtime, Query(user_id=USER), now=NOW).fallback == "recent_popular"
    with pytest.raises(BadInput):
        service.recommend(runtime, Query(user_id=USER, cursor=cursor), now=NOW)
    with pytest.raises(NotFound):
        service.find_user(runtime, USER)
    with pytest.raises(NotFound):
        service.delete_user(runtime, USER, actor="key:test", now=NOW)


def test_without_models_the_answer_says_so(bare_runtime: Runtime) -> None:
    assert not bare_runtime.status().ready
    empty = service.recommend(bare_runtime, Query(user_id="a"), now=NOW)
    assert (empty.items, empty.short_because) == ((), "catalogue_exhausted")
    service.load_samples(bare_runtime)
    answer = service.recommend(bare_runtime, Query(user_id=USER), now=NOW)
    assert answer.fallback == "no_ranker"
    assert len(answer.items) == 10


def test_models_that_are_promoted_later_are_taken_over(
    bare_runtime: Runtime, prepared_home: Path
) -> None:
    service.load_samples(bare_runtime)
    source = Registry(prepared_home / "registry")
    for name in ("recommend", "recommend-ranker"):
        version = source.current(name)
        assert version is not None
        artefact = source.open(version)
        staging = bare_runtime.registry.staging()
        for path in artefact.path.iterdir():
            (staging / path.name).write_bytes(path.read_bytes())
        added = bare_runtime.registry.add(staging, artefact.manifest)
        bare_runtime.registry.promote(name, added.version, now=NOW)
    assert bare_runtime.current.refresh()
    assert not bare_runtime.current.refresh()
    answer = service.recommend(bare_runtime, Query(user_id=USER), now=NOW)
    assert answer.fallback is None
    assert answer.model_version
    assert bare_runtime.status().ready


def test_a_damaged_ranker_is_refused_and_the_rest_serves(
    settings: RecommendSettings,
) -> None:
    registry = Registry(settings.home / "registry")
    version = registry.current("recommend-ranker")
    assert version is not None
    parts = registry.open(version).path / "parts.npz"
    parts.write_bytes(parts.read_bytes()[:-7])
    with build(settings) as runtime:
        assert "changed or damaged" in str(runtime.status().problems)
        assert service.recommend(runtime, Query(user_id=USER), now=NOW).fallback == "no_ranker"


def test_loading_the_samples_again_changes_nothing(runtime: Runtime) -> None:
    before = service.recommend(runtime, Query(user_id=USER), now=NOW)
    found = service.load_samples(runtime)
    assert all(tally.added == tally.changed == tally.rejected == 0 for tally in found.values())
    assert found["events"].unchanged == 900
    after = service.recommend(runtime, Query(user_id=USER), now=NOW)
    assert after.data_version == before.data_version


def lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_bad_rows_are_refused_one_by_one_with_their_line(
    bare_runtime: Runtime, tmp_path: Path
) -> None:
    rows = [
        {"user_id": "a", "item_id": "i", "timestamp": 1_780_000_000},
        {"user_id": "a", "item_id": "i", "timestamp": "yesterday"},
        {"user_id": "", "item_id": "i", "timestamp": 1_780_000_001},
        {"user_id": "b", "item_id": "i", "timestamp": "2026-06-01T00:00:00Z", "kind": "stare"},
        {"user_id": 7, "item_id": 9, "timestamp": "2026-06-01T00:00:00Z", "kind": "like"},
    ]
    path = lines(tmp_path / "events.jsonl", rows)
    tally = service.import_file(bare_runtime, "events", path)
    assert (tally.added, tally.rejected) == (2, 3)
    assert [line for line, _ in tally.problems] == [2, 3, 4]
    again = service.import_file(bare_runtime, "events", path)
    assert (again.added, again.unchanged) == (0, 2)


def test_items_are_added_changed_or_unchanged(bare_runtime: Runtime, tmp_path: Path) -> None:
    rows = [
        {"item_id": "a", "title": "One", "tags": "x|y"},
        {"item_id": "b", "title": "Two"},
        {"item_id": "c", "title": ""},
    ]
    first = service.import_file(bare_runtime, "items", lines(tmp_path / "i.jsonl", rows))
    assert first.counts == {"added": 2, "changed": 0, "unchanged": 0, "rejected": 1}
    assert service.find_item(bare_runtime, "a").tags == ("x", "y")
    rows[1]["title"] = "Two and a half"
    second = service.import_file(bare_runtime, "items", lines(tmp_path / "i.jsonl", rows))
    assert second.counts == {"added": 0, "changed": 1, "unchanged": 1, "rejected": 1}


def test_a_file_without_the_column_names_it(bare_runtime: Runtime, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text("who,item_id,timestamp\nu1,i1,1780000000\n", encoding="utf-8")
    with pytest.raises(BadInput, match=r"user_id.*--user-id-column|--user"):
        service.import_file(bare_runtime, "events", path)
    tally = service.import_file(bare_runtime, "events", path, columns={"user_id": "who"})
    assert tally.added == 1


def test_an_import_job_goes_on_where_it_was_cut_off(
    bare_runtime: Runtime, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{"user_id": f"u{n}", "item_id": "i", "timestamp": 1_780_000_000 + n} for n in range(12)]
    upload = service.open_upload(bare_runtime, "events", now=NOW)
    upload.write("".join(json.dumps(row) + "\n" for row in rows).encode())
    job = upload.queue()
    assert bare_runtime.status().queues == {"imports": 1}
    assert run_next(bare_runtime.engine, None)
    done = service.find_job(bare_runtime, job.job_id)
    assert (done.state, done.position, done.counts["added"]) == ("done", 12, 12)
    assert not Path(done.path).exists()
    assert not run_next(bare_runtime.engine, None)


def test_a_broken_import_job_fails_with_its_line(bare_runtime: Runtime) -> None:
    upload = service.open_upload(bare_runtime, "items", now=NOW)
    upload.write(b'{"item_id": "a", "title": "A"}\n{"item_id": \n')
    job = upload.queue()
    run_next(bare_runtime.engine, None)
    found = service.find_job(bare_runtime, job.job_id)
    assert found.state == "failed"
    assert "line 2" in str(found.problems)
