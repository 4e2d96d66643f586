"""The HTTP API, as another program sees it."""

from collections.abc import Callable

import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from schemathesis.specs.openapi.checks import ignored_auth, positive_data_acceptance

from apps.support.api import create_app
from apps.support.runtime import Runtime
from tests.apps.support.conftest import ORDER

Headers = Callable[..., dict[str, str]]
API = "/api/v1"
# Ids are drawn at random, so most requests that fit the schema name nothing that exists.
NOT_CHECKED = [ignored_auth, positive_data_acceptance]


def ask(client: TestClient, headers: dict[str, str], text: str, **more: str) -> dict[str, object]:
    answer = client.post(f"{API}/ask", json={"text": text, **more}, headers=headers)
    assert answer.status_code == 200, answer.text
    body: dict[str, object] = answer.json()
    return body


def test_a_question_is_answered(client: TestClient, headers: Headers) -> None:
    body = ask(client, headers("support:ask"), "send back my jacket")
    assert body["action"] == "answer"
    assert body["answer"] == "Send it back within 30 days."
    assert body["retriever"] == "dense"
    assert body["language"] == "en"


def test_a_conversation_goes_on(client: TestClient, headers: Headers) -> None:
    key = headers()
    started = client.post(
        f"{API}/conversations", json={"customer_email": ORDER.customer_email}, headers=key
    )
    assert started.status_code == 201
    assert started.json()["identified"] is True
    path = f"{API}/conversations/{started.json()['id']}/messages"
    told = client.post(path, json={"text": "where is my parcel LH-482913"}, headers=key).json()
    assert "Royal Mail" in told["answer"]
    first = client.get(path, params={"limit": 1}, headers=key).json()
    assert [item["author"] for item in first["items"]] == ["customer"]
    rest = client.get(path, params={"cursor": first["cursor"]}, headers=key).json()
    assert [item["text"] for item in rest["items"]] == [told["answer"]]
    assert rest["cursor"] is None


def test_feedback_is_taken_once(client: TestClient, headers: Headers) -> None:
    key = headers()
    body = ask(client, key, "send back my jacket")
    path = f"{API}/conversations/{body['conversation_id']}/feedback"
    sent = {"message_id": body["message_id"], "kind": "article", "article_id": "payment"}
    assert client.post(path, json=sent, headers=key).status_code == 204
    assert client.post(path, json=sent | {"article_id": "x"}, headers=key).status_code == 404


def test_an_article_is_put_read_listed_and_deleted(client: TestClient, headers: Headers) -> None:
    key = headers()
    body = {"category": "fun", "texts": {"zh": {"question": "有电影吗", "answer": "没有电影。"}}}
    assert client.put(f"{API}/articles/films", json=body, headers=key).status_code == 201
    assert client.put(f"{API}/articles/films", json=body, headers=key).status_code == 200
    found = ask(client, key, "有电影吗", language="zh")
    assert found["candidates"][0]["article_id"] == "films"  # type: ignore[index]
    page = client.get(f"{API}/articles", params={"limit": 3}, headers=key).json()
    assert [item["id"] for item in page["items"]] == ["films", "payment", "return-item"]
    rest = client.get(f"{API}/articles", params={"cursor": page["cursor"]}, headers=key).json()
    assert [item["id"] for item in rest["items"]] == ["track-order"]
    assert client.delete(f"{API}/articles/films", headers=key).status_code == 204
    assert client.get(f"{API}/articles/films", headers=key).status_code == 404
    gone = ask(client, key, "有电影吗", language="zh")
    assert "films" not in str(gone["candidates"])


def test_a_template_with_an_unknown_slot_is_a_problem(client: TestClient, headers: Headers) -> None:
    body = {"texts": {"en": {"question": "Price?", "answer": "It costs {price}."}}}
    answer = client.put(f"{API}/articles/price", json=body, headers=headers())
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "{price}" in answer.json()["detail"]


def test_retrieval_gives_the_same_candidates_as_asking(
    client: TestClient, headers: Headers
) -> None:
    key = headers()
    asked = ask(client, key, "track the parcel please")
    found = client.post(
        f"{API}/retrieve", json={"query": "track the parcel please", "k": 3}, headers=key
    ).json()
    assert found["candidates"] == asked["candidates"]


def test_handovers_are_listed_newest_first(client: TestClient, headers: Headers) -> None:
    key = headers()
    for text in ("flurb dax wozzle", "zxcv bnm zxcv"):
        assert ask(client, key, text)["action"] == "handover"
    page = client.get(f"{API}/handovers", params={"limit": 1}, headers=key).json()
    assert page["items"][0]["text"] == "zxcv bnm zxcv"
    rest = client.get(f"{API}/handovers", params={"cursor": page["cursor"]}, headers=key).json()
    assert [item["text"] for item in rest["items"]] == ["flurb dax wozzle"]


def test_what_is_too_large_is_413(client: TestClient, headers: Headers) -> None:
    key = headers()
    for size in (100_000, 5_000_000):
        answer = client.post(f"{API}/ask", json={"text": "a" * size}, headers=key)
        assert answer.status_code == 413


def test_scopes_hold(client: TestClient, headers: Headers) -> None:
    asker, reader = headers("support:ask"), headers("support:read")
    question = {"text": "send back my jacket"}
    assert client.post(f"{API}/ask", json=question).status_code == 401
    assert client.post(f"{API}/ask", json=question, headers=reader).status_code == 403
    assert client.get(f"{API}/handovers", headers=asker).status_code == 403
    assert client.delete(f"{API}/articles/payment", headers=reader).status_code == 403
    assert client.post(f"{API}/conversations", json={}, headers=asker).status_code == 403


def test_a_repeated_request_is_stored_once(client: TestClient, headers: Headers) -> None:
    key = headers() | {"Idempotency-Key": "once"}
    first, second = (ask(client, key, "send back my jacket") for _ in range(2))
    assert first == second


def test_readiness_names_the_model(client: TestClient, headers: Headers, runtime: Runtime) -> None:
    assert client.get("/health/ready").status_code == 200
    status = client.get("/status", headers=headers()).json()
    assert status["models"][0]["version"] == runtime.served.version
    assert status["queues"] == {"deliveries": 0, "dead_letters": 0}


def test_the_api_holds_to_its_description(runtime: Runtime, headers: Headers) -> None:
    app: FastAPI = create_app(runtime)
    key = headers("*")
    description = schemathesis.openapi.from_asgi("/api/openapi.json", app)
    checked = 0
    for found in description.get_all_operations():
        operation = found.ok()
        if not operation.path.startswith(API):
            continue

        @given(case=operation.as_strategy())
        @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
        def holds(case: schemathesis.Case) -> None:
            case.call_and_validate(headers=key, excluded_checks=NOT_CHECKED)

        holds()
        checked += 1
    assert checked == 12
