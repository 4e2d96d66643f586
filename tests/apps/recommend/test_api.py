"""The HTTP API, as a site's backend uses it."""

import json
import time
from collections.abc import Callable

import pytest
import schemathesis
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from apps.recommend.api import create_app
from apps.recommend.runtime import Runtime
from tests.apps.recommend.conftest import Site

API = "/api/v1"
# What a schema cannot say: cursors must have been given, and events are judged one by one.
NOT_CHECKED = [ignored_auth, positive_data_acceptance]


@schemathesis.serializer("application/x-ndjson")
def as_lines(context: object, value: object) -> bytes:
    """The body of an import as it is sent."""
    return str(value).encode("utf-8", "replace")


def event(item_id: str, *, event_id: str = "e-1", user_id: str = "u0002") -> dict[str, str]:
    return {
        "event_id": event_id,
        "kind": "watch",
        "user_id": user_id,
        "item_id": item_id,
        "timestamp": "2026-11-22T12:00:00Z",
    }


def test_a_posted_event_changes_the_next_get(client: TestClient) -> None:
    path = f"{API}/users/u0002/recommendations?n=5"
    before = client.get(path).json()
    first = before["items"][0]["item_id"]
    posted = client.post(f"{API}/events", json=[event(first)])
    assert posted.status_code == 200
    assert posted.json() == {
        "accepted": 1,
        "duplicate": 0,
        "rejected": 0,
        "version": before["data_version"] + 1,
        "problems": [],
    }
    after = client.get(path).json()
    assert first not in [found["item_id"] for found in after["items"]]
    assert after["request_id"] != before["request_id"]
    assert any(
        reason["item_id"] == first for found in after["items"] for reason in found["reasons"]
    )


def test_an_answer_has_what_the_contract_names(client: TestClient) -> None:
    body = {"user_id": "u0002", "n": 3, "scenario": "home", "explain": True}
    answer = client.post(f"{API}/recommendations", json=body).json()
    assert {
        "request_id",
        "items",
        "cursor",
        "has_more",
        "fallback_applied",
        "model_version",
        "index_version",
        "data_version",
    } <= set(answer)
    assert [found["rank"] for found in answer["items"]] == [1, 2, 3]
    for found in answer["items"]:
        assert {"item_id", "rank", "score", "source", "reasons"} <= set(found)
        assert found["reasons"][0]["kind"] == "watched"
    more = client.post(f"{API}/recommendations", json=body | {"cursor": answer["cursor"]}).json()
    assert [found["rank"] for found in more["items"]] == [4, 5, 6]
    assert more["request_id"] == answer["request_id"]
    quiet = client.post(f"{API}/recommendations", json=body | {"explain": False}).json()
    assert [found["reasons"] for found in quiet["items"]] == [[], [], []]


def test_bad_events_are_refused_one_by_one(client: TestClient, site: Site) -> None:
    item = site.items[0].item_id
    rows = [
        event(item, event_id="good"),
        event(item, event_id="bad") | {"timestamp": "yesterday"},
        {"event_id": "worse"},
        event(item, event_id="good"),
    ]
    found = client.post(f"{API}/events", json=rows).json()
    assert (found["accepted"], found["duplicate"], found["rejected"]) == (1, 1, 2)
    assert [problem["index"] for problem in found["problems"]] == [1, 2]
    assert "timestamp" in found["problems"][0]["reason"]


def test_what_is_playing_counts_as_taken(client: TestClient, site: Site) -> None:
    playing = site.items[3].item_id
    body = {"user_id": "new", "context": {"item_id": playing}}
    found = client.post(f"{API}/recommendations", json=body).json()
    assert found["fallback_applied"] is None
    assert playing not in [one["item_id"] for one in found["items"]]


def test_items_come_and_go(client: TestClient) -> None:
    path = f"{API}/items/film-1"
    put = client.put(path, json={"title": "A film about noodles", "tags": ["noodles"]})
    assert put.status_code == 200
    assert client.get(path).json()["tags"] == ["noodles"]
    assert client.patch(path, json={"title": "Another title"}).json()["title"] == "Another title"
    assert client.patch(path, json={"title": None}).status_code == 422
    assert len(client.get(f"{path}/similar?n=4").json()["items"]) == 4
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    assert client.get(f"{path}/similar").status_code == 404


def test_items_are_listed_in_pages(client: TestClient) -> None:
    names: list[str] = []
    params: dict[str, str] | None = {"limit": "33"}
    while params is not None:
        page = client.get(f"{API}/items", params=params).json()
        names += [item["item_id"] for item in page["items"]]
        params = {"limit": "33", "cursor": page["cursor"]} if page["cursor"] else None
    assert len(names) == len(set(names)) == 80
    assert names == sorted(names)


def test_users_come_and_go(client: TestClient) -> None:
    path = f"{API}/users/u0002"
    assert client.put(path, json={"language": "zh"}).json()["language"] == "zh"
    changed = client.patch(path, json={"attributes": {"plan": "basic"}}).json()
    assert (changed["language"], changed["attributes"]) == ("zh", {"plan": "basic"})
    assert client.delete(path).status_code == 204
    assert client.get(path).status_code == 404
    found = client.get(f"{path}/recommendations").json()
    assert found["fallback_applied"] == "recent_popular"


def test_an_import_is_a_job(client: TestClient) -> None:
    rows = [event("v0001", event_id=f"import-{n}", user_id=f"imported-{n}") for n in range(30)]
    content = "".join(json.dumps(row) + "\n" for row in rows)
    started = client.post(f"{API}/imports?of=events", content=content)
    assert started.status_code == 202
    path = f"{API}/jobs/{started.json()['job_id']}"
    deadline = time.monotonic() + 20
    while (job := client.get(path).json())["state"] not in ("done", "failed"):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert job["state"] == "done"
    assert job["counts"] == {"added": 30, "changed": 0, "unchanged": 0, "rejected": 0}


@pytest.mark.parametrize(
    ("method", "path", "scope", "status"),
    [
        ("GET", "/users/u0002/recommendations", "recommend:read", 200),
        ("GET", "/users/u0002/recommendations", "recommend:write", 403),
        ("PUT", "/items/a", "recommend:read", 403),
        ("POST", "/events", "recommend:read", 403),
        ("DELETE", "/users/a", "recommend:read", 403),
        ("POST", "/imports", "recommend:read", 403),
    ],
)
def test_scopes(
    client: TestClient,
    make_headers: Callable[..., dict[str, str]],
    method: str,
    path: str,
    scope: str,
    status: int,
) -> None:
    body = [] if path == "/events" else {"title": "x"}
    found = client.request(
        method,
        f"{API}{path}",
        headers=make_headers(scope),
        json=None if method == "GET" else body,
    )
    assert found.status_code == status


def test_without_a_key_nothing_is_given(runtime: Runtime) -> None:
    with TestClient(create_app(runtime)) as stranger:
        found = stranger.get(f"{API}/users/u0002/recommendations")
    assert found.status_code == 401
    assert found.headers["content-type"] == "application/problem+json"


def test_the_api_holds_to_its_description(
    runtime: Runtime, make_headers: Callable[..., dict[str, str]]
) -> None:
    headers = make_headers("*")
    description = schemathesis.openapi.from_asgi("/api/openapi.json", create_app(runtime))
    checked = 0
    for found in description.get_all_operations():

        @given(case=found.ok().as_strategy())
        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=headers, excluded_checks=NOT_CHECKED)

        holds()
        checked += 1
    assert checked >= 16
