import json
from datetime import UTC, datetime

import pytest
from starlette.testclient import TestClient

from apps.monitor.api import create_app
from apps.monitor.runtime import Runtime
from apps.monitor.tables import ACCESS
from core.database import transaction
from core.web.access import create_key
from tests.apps.monitor.news import month, rows


def client_with(runtime: Runtime, *scopes: str) -> TestClient:
    with transaction(runtime.engine) as connection:
        key = create_key(
            connection, ACCESS, name="-".join(scopes), scopes=list(scopes), now=datetime.now(UTC)
        )
    return TestClient(create_app(runtime), headers={"Authorization": f"Bearer {key}"})


@pytest.fixture
def client(runtime: Runtime) -> TestClient:
    return client_with(runtime, "monitor:*")


@pytest.fixture
def taken(client: TestClient) -> TestClient:
    answer = client.post("/api/v1/documents", json=[values for _, values in rows(month(days=11))])
    assert answer.status_code == 200, answer.text
    return client


ONE = {"id": "1", "published_at": "2025-03-03T00:00:00Z", "title": "Acme Steel profit falls"}


def test_one_a_list_and_json_lines(client: TestClient) -> None:
    assert client.post("/api/v1/documents", json=ONE).json()["stored"] == 1
    listed = client.post("/api/v1/documents", json=[ONE, ONE | {"id": "2", "title": ""}]).json()
    assert (listed["read"], listed["duplicates"], listed["rejected"]) == (2, 1, 1)
    assert listed["rejections"][0]["line"] == 2
    lines = json.dumps(ONE | {"id": "3", "title": "Borea Bank shares jumps"}) + "\n{broken\n"
    answer = client.post(
        "/api/v1/documents", content=lines, headers={"Content-Type": "application/x-ndjson"}
    ).json()
    assert (answer["stored"], answer["rejected"]) == (1, 1)


@pytest.mark.parametrize("body", [b"", b"{", b"3", b"[]", b"\xff"])
def test_a_body_that_is_nothing_of_that(client: TestClient, body: bytes) -> None:
    answer = client.post(
        "/api/v1/documents", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in (400, 422)
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_series_of_a_company(taken: TestClient) -> None:
    found = taken.get("/api/v1/companies/acme/series", params={"step": "1d"}).json()
    assert len(found["points"]) == 11
    assert max(point["volume"] for point in found["points"]) >= 12
    assert all(-1 <= point["sentiment"] <= 1 for point in found["points"])
    part = taken.get(
        "/api/v1/companies/acme/series",
        params={"start": "2025-03-13T10:00:00Z", "end": "2025-03-13T11:00:00Z"},
    ).json()
    assert [point["start"] for point in part["points"]] == ["2025-03-13T10:00:00Z"]
    assert taken.get("/api/v1/companies/nobody/series").status_code == 404
    assert taken.get("/api/v1/companies/acme/series?step=2h").status_code in (400, 422)


def test_alerts_have_headlines_and_can_be_acknowledged(taken: TestClient) -> None:
    alerts = taken.get("/api/v1/alerts", params={"company": "acme"}).json()["items"]
    found = next(alert for alert in alerts if alert["rule_id"] == "negative_news")
    assert len(found["headlines"]) >= 3
    assert {"title", "score", "model_version", "published_at"} <= set(found["headlines"][0])
    answer = taken.post(f"/api/v1/alerts/{found['id']}/acknowledge", json={"note": "looking"})
    assert answer.status_code == 200
    again = taken.get(f"/api/v1/alerts/{found['id']}").json()
    assert (again["acknowledged_by"], again["note"]) == ("key:monitor:*", "looking")
    assert taken.post("/api/v1/alerts/none-1/acknowledge").status_code == 404


def test_alerts_come_in_pages(taken: TestClient) -> None:
    whole = taken.get("/api/v1/alerts").json()["items"]
    first = taken.get("/api/v1/alerts", params={"limit": 1}).json()
    assert len(whole) >= 2
    second = taken.get("/api/v1/alerts", params={"limit": 1, "cursor": first["cursor"]}).json()
    assert [first["items"][0]["id"], second["items"][0]["id"]] == [each["id"] for each in whole[:2]]


def test_why(taken: TestClient) -> None:
    found = taken.get("/api/v1/companies/acme/why", params={"at": "2025-03-13T10:55:00Z"}).json()
    assert found["fires"]
    assert found["rules"][0]["headlines"][0]["model_version"]
    assert not taken.get("/api/v1/companies/borea/why").json()["fires"]


def test_scopes(runtime: Runtime) -> None:
    reader = client_with(runtime, "monitor:read")
    assert reader.post("/api/v1/documents", json=ONE).status_code == 403
    assert reader.post("/api/v1/alerts/x-1/acknowledge").status_code == 403
    assert reader.get("/api/v1/alerts").status_code == 200
    assert TestClient(create_app(runtime)).get("/api/v1/alerts").status_code == 401


def test_metrics_count_what_came(taken: TestClient) -> None:
    text = taken.get("/metrics").text
    assert 'tripod_monitor_documents_total{outcome="stored"}' in text
    assert "tripod_monitor_unscored_total" in text


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_console_shows_a_company_and_its_alerts(taken: TestClient, language: str) -> None:
    page = taken.get("/", params={"company": "acme", "lang": language})
    assert page.status_code == 200
    assert "loss guidance cut" in page.text or "profit falls" in page.text
    assert ("极点钢铁" if language == "zh" else "Acme Steel") in page.text
    alerts = taken.get("/alerts", params={"lang": language})
    assert alerts.status_code == 200
    assert "monitor." not in alerts.text.replace("monitor.css", "")


def test_the_workers_start_and_end(runtime: Runtime) -> None:
    with TestClient(create_app(runtime)) as client:
        assert client.get("/health/ready").json()["ready"] is True
