import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from starlette.applications import Starlette
from starlette.routing import Mount

from core.errors import (
    ArtefactCorrupt,
    BadInput,
    Conflict,
    DeliveryFailed,
    Forbidden,
    NotAuthenticated,
    NotFound,
    Overloaded,
    PromotionRefused,
    TooLarge,
    TripodError,
    Unavailable,
)
from core.web.health import ModelStatus
from core.web.problems import from_error
from tests.core.web.conftest import Shop, build

ORDER = {"article": "jacket", "count": 1}
PROBLEM = "application/problem+json"


@pytest.mark.parametrize(
    ("error", "status", "kind"),
    [
        (BadInput("x", field="a.b", remedy="y"), 422, "bad-input"),
        (NotFound("x"), 404, "not-found"),
        (Conflict("x"), 409, "conflict"),
        (NotAuthenticated("x"), 401, "not-authenticated"),
        (Forbidden("x"), 403, "forbidden"),
        (TooLarge("x"), 413, "too-large"),
        (Overloaded(retry_after=0.2), 429, "overloaded"),
        (Unavailable("x"), 503, "unavailable"),
        (ArtefactCorrupt("x"), 503, "artefact-corrupt"),
        (PromotionRefused("x", ["y"]), 409, "promotion-refused"),
        (DeliveryFailed("x"), 502, "delivery-failed"),
    ],
)
def test_every_error_has_its_status(error: TripodError, status: int, kind: str) -> None:
    answer = from_error(error)
    body = json.loads(bytes(answer.body))

    assert answer.status_code == body["status"] == status
    assert answer.media_type == PROBLEM
    assert body["type"] == f"urn:tripod:problem:{kind}"
    assert body["detail"] == str(error)


def test_wrong_input_names_every_field(client: TestClient, writer: dict[str, str]) -> None:
    answer = client.post("/api/v1/orders", json={"article": "", "kind": 1}, headers=writer)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == PROBLEM
    errors = {error["field"]: error for error in answer.json()["errors"]}
    assert set(errors) == {"article", "count"}
    assert errors["count"]["remedy"] == "send body count"


def test_broken_json_is_told(client: TestClient, writer: dict[str, str]) -> None:
    headers = writer | {"content-type": "application/json"}
    answer = client.post("/api/v1/orders", content=b'{"article": ', headers=headers)

    assert answer.status_code == 422
    assert answer.json()["detail"] == "body: the body is not valid JSON"


def test_an_unforeseen_error_tells_nothing_of_the_inside(
    client: TestClient, writer: dict[str, str]
) -> None:
    answer = client.post("/api/v1/broken?kind=secret-thing", headers=writer)

    assert answer.status_code == 500
    assert answer.headers["content-type"] == PROBLEM
    assert "secret-thing" not in answer.text


@pytest.mark.parametrize("chunked", [True, False])
def test_a_long_body_is_refused_with_its_limit(
    client: TestClient, shop: Shop, writer: dict[str, str], chunked: bool
) -> None:
    body = json.dumps({"article": "x" * 5_000_000, "count": 1}).encode()
    headers = writer | {"content-type": "application/json"}
    pieces = (body[start : start + 65536] for start in range(0, len(body), 65536))
    answer = client.post("/api/v1/orders", content=pieces if chunked else body, headers=headers)

    assert answer.status_code == 413
    assert answer.headers["content-type"] == PROBLEM
    assert "2,000 bytes" in answer.json()["detail"]
    assert shop.orders == []


def test_a_path_may_take_more(client: TestClient, writer: dict[str, str]) -> None:
    assert client.post("/api/v1/items", content=b"x" * 4000, headers=writer).status_code == 405
    assert client.post("/api/v1/items", content=b"x" * 6000, headers=writer).status_code == 413


def test_health_is_for_anyone_and_names_what_fails(client: TestClient, shop: Shop) -> None:
    assert client.get("/health/live").json() == {"live": True}
    assert client.get("/health/ready").json() == {"ready": True, "problems": []}

    shop.models = (ModelStatus("shop", "v1", "checksum differs"), ModelStatus("other", None))
    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json()["problems"] == [
        "model shop: checksum differs",
        "model other: none is promoted",
    ]


def test_status_needs_a_key(client: TestClient, reader: dict[str, str]) -> None:
    assert client.get("/status").status_code == 401
    assert client.get("/status", headers=reader).json() == {
        "app": "shop",
        "ready": True,
        "models": [{"name": "shop", "version": "v1", "error": None, "ready": True}],
        "queues": {"deliveries": 2},
    }


def test_metrics_count_by_route(client: TestClient, writer: dict[str, str]) -> None:
    assert client.get("/metrics").status_code == 401
    client.post("/api/v1/orders", json=ORDER, headers=writer)
    client.get("/api/v1/orders/1", headers=writer)
    client.get("/api/v1/orders/1", headers=writer)
    client.get("/nowhere/at/all")

    text = client.get("/metrics", headers=writer).text
    samples = {
        (sample.labels["method"], sample.labels["route"], sample.labels["status"]): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "tripod_http_requests_total"
    }
    assert samples["POST", "/api/v1/orders", "201"] == 1
    assert samples["GET", "/api/v1/orders/{number}", "200"] == 2
    assert samples["-", "(none)", "404"] == 1
    assert "process_resident_memory_bytes" in text


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/health/live", "/login", "/nowhere", "/static/core/tripod.css"):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


def test_the_description_knows_problems_and_keys(client: TestClient) -> None:
    description = client.get("/api/openapi.json").json()

    order = description["paths"]["/api/v1/orders"]["post"]
    assert "422" not in order["responses"]
    assert PROBLEM in order["responses"]["default"]["content"]
    assert {"Bearer": []} in order["security"]
    assert "Problem" in description["components"]["schemas"]
    assert not any(path.startswith(("/login", "/static")) for path in description["paths"])


def test_mounted_it_knows_its_place(shop: Shop, console: Path) -> None:
    outer = Starlette(routes=[Mount("/shop", build(shop, console))])
    client = TestClient(outer)

    assert client.get("/shop/api/openapi.json").json()["servers"] == [{"url": "/shop"}]
    answer = client.get("/shop/", headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.headers["location"] == "/shop/login?next=%2Fshop%2F"
    assert 'href="/shop/static/core/tripod.css?v=' in client.get("/shop/login").text
