from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from core.database import reading, transaction
from core.web import idempotency
from tests.core.web.conftest import Shop

ORDER = {"article": "red jacket", "count": 1}


def test_a_repetition_gets_the_first_answer_and_does_nothing(
    client: TestClient, shop: Shop, writer: dict[str, str]
) -> None:
    headers = writer | {"Idempotency-Key": "order-1"}
    first = client.post("/api/v1/orders", json=ORDER, headers=headers)
    second = client.post("/api/v1/orders", json=ORDER, headers=headers)

    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json() == second.json()
    assert second.headers["idempotency-replayed"] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert len(shop.orders) == 1


def test_a_key_is_not_for_another_request(
    client: TestClient, shop: Shop, writer: dict[str, str]
) -> None:
    headers = writer | {"Idempotency-Key": "order-1"}
    client.post("/api/v1/orders", json=ORDER, headers=headers)

    answer = client.post("/api/v1/orders", json=ORDER | {"count": 2}, headers=headers)

    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == "Idempotency-Key"
    assert len(shop.orders) == 1


def test_keys_belong_to_their_sender(
    client: TestClient, shop: Shop, writer: dict[str, str]
) -> None:
    other = shop.key("other", "shop:*")
    for headers in (writer, other):
        client.post("/api/v1/orders", json=ORDER, headers=headers | {"Idempotency-Key": "same"})

    assert len(shop.orders) == 2


def test_a_stored_answer_is_not_for_strangers(client: TestClient, writer: dict[str, str]) -> None:
    key = {"Idempotency-Key": "order-1"}
    client.post("/api/v1/orders", json=ORDER, headers=writer | key)

    assert client.post("/api/v1/orders", json=ORDER, headers=key).status_code == 401
    wrong = key | {"X-API-Key": "tpd_wrong"}
    assert client.post("/api/v1/orders", json=ORDER, headers=wrong).status_code == 401


def test_refused_input_is_an_answer_too(
    client: TestClient, shop: Shop, writer: dict[str, str]
) -> None:
    headers = writer | {"Idempotency-Key": "order-1"}
    answers = [
        client.post("/api/v1/orders", json={"article": ""}, headers=headers) for _ in range(2)
    ]

    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[1].headers["idempotency-replayed"] == "true"


@pytest.mark.parametrize("kind", ["unavailable", "overloaded", "bug"])
def test_a_failure_may_be_tried_again(
    client: TestClient, writer: dict[str, str], kind: str
) -> None:
    headers = writer | {"Idempotency-Key": "try"}
    for _ in range(2):
        answer = client.post(f"/api/v1/broken?kind={kind}", headers=headers)
        assert answer.status_code in (429, 500, 503)
        assert "idempotency-replayed" not in answer.headers


def test_of_many_at_once_one_runs(client: TestClient, shop: Shop, writer: dict[str, str]) -> None:
    headers = writer | {"Idempotency-Key": "order-1"}

    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: client.post("/api/v1/orders", json=ORDER, headers=headers), range(8))
        )

    assert len(shop.orders) == 1
    assert {answer.status_code for answer in answers} <= {201, 409}


def test_a_request_whose_process_died_is_run_again(
    client: TestClient, shop: Shop, writer: dict[str, str]
) -> None:
    headers = writer | {"Idempotency-Key": "order-1"}
    client.post("/api/v1/orders", json=ORDER, headers=headers)
    table = shop.tables.idempotency_keys
    died = datetime.now(UTC) - idempotency.LEASE - timedelta(seconds=1)
    with transaction(shop.engine) as connection:
        connection.execute(table.update().values(status=None, body_sealed=None))
    assert client.post("/api/v1/orders", json=ORDER, headers=headers).status_code == 409

    with transaction(shop.engine) as connection:
        connection.execute(table.update().values(started_at=died))
    assert client.post("/api/v1/orders", json=ORDER, headers=headers).status_code == 201
    assert len(shop.orders) == 2


def test_answers_are_sealed_and_kept_for_a_day(
    client: TestClient, shop: Shop, writer: dict[str, str]
) -> None:
    table = shop.tables.idempotency_keys
    client.post("/api/v1/orders", json=ORDER, headers=writer | {"Idempotency-Key": "one"})
    with transaction(shop.engine) as connection:
        stored = connection.execute(table.select()).one()
        assert "jacket" not in stored.body_sealed
        old = datetime.now(UTC) - idempotency.KEEP - timedelta(minutes=1)
        connection.execute(table.update().values(started_at=old))

    fresh = TestClient(client.app)
    fresh.post("/api/v1/orders", json=ORDER, headers=writer | {"Idempotency-Key": "two"})

    with reading(shop.engine) as connection:
        assert len(connection.execute(table.select()).all()) in (1, 2)


def test_a_key_has_a_length(client: TestClient, writer: dict[str, str]) -> None:
    answer = client.post(
        "/api/v1/orders", json=ORDER, headers=writer | {"Idempotency-Key": "k" * 201}
    )

    assert answer.status_code == 422
