import re
from datetime import UTC, datetime, timedelta

import pytest
from fastapi.testclient import TestClient

from core.database import reading, transaction
from core.errors import Conflict
from core.web import access, store
from core.web.access import Principal, create_key, hash_password, password_matches
from core.web.sessions import COOKIE
from tests.core.web.conftest import PASSWORD, Shop

ORDER = {"article": "jacket", "count": 1}
BROWSER = {"accept": "text/html"}


def sign_in(client: TestClient) -> str:
    """Returns the CSRF token of the session."""
    client.post("/login", data={"account": "admin", "password": PASSWORD})
    page = client.get("/", headers=BROWSER).text
    found = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
    assert found is not None
    return found.group(1)


def test_a_key_is_taken_from_either_header(client: TestClient, writer: dict[str, str]) -> None:
    bearer = {"Authorization": f"Bearer {writer['X-API-Key']}"}

    assert client.post("/api/v1/orders", json=ORDER, headers=writer).json()["by"] == "key:writer"
    assert client.post("/api/v1/orders", json=ORDER, headers=bearer).status_code == 201


@pytest.mark.parametrize("headers", [{}, {"X-API-Key": "tpd_wrong"}, {"Authorization": "Bearer x"}])
def test_without_a_known_key_nothing_happens(
    client: TestClient, shop: Shop, headers: dict[str, str]
) -> None:
    answer = client.post("/api/v1/orders", json=ORDER, headers=headers)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert shop.orders == []


def test_a_key_may_do_only_what_its_scopes_say(client: TestClient, reader: dict[str, str]) -> None:
    answer = client.post("/api/v1/orders", json=ORDER, headers=reader)

    assert answer.status_code == 403
    assert "shop:write" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("scopes", "allowed"),
    [
        ({"shop:read"}, True),
        ({"shop:*"}, True),
        ({"*"}, True),
        ({"shop:write"}, False),
        ({"monitor:*"}, False),
        (set(), False),
    ],
)
def test_scopes(scopes: set[str], allowed: bool) -> None:
    assert Principal("key:x", frozenset(scopes)).allows("shop:read") is allowed


def test_a_revoked_key_is_refused(
    client: TestClient, shop: Shop, reader: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "CACHE_SECONDS", 0.0)
    assert client.get("/api/v1/items", headers=reader).status_code == 200

    with transaction(shop.engine) as connection:
        assert store.revoke_key(connection, shop.tables, name="reader", now=datetime.now(UTC))

    assert client.get("/api/v1/items", headers=reader).status_code == 401


def test_a_key_is_not_stored_in_clear(shop: Shop) -> None:
    key = shop.key("secret", "shop:read")["X-API-Key"]

    shop.engine.dispose()
    stored = b"".join(path.read_bytes() for path in shop.home.glob("shop.db*"))
    assert key.encode() not in stored


def test_a_name_is_given_once(shop: Shop) -> None:
    shop.key("one", "shop:read")

    with pytest.raises(Conflict), transaction(shop.engine) as connection:
        create_key(connection, shop.tables, name="one", scopes=[], now=datetime.now(UTC))


def test_a_page_leads_to_the_login_and_back(client: TestClient) -> None:
    answer = client.get("/?tab=2", headers=BROWSER, follow_redirects=False)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/login?next=%2F%3Ftab%3D2"

    back = client.post(
        "/login",
        data={"account": "admin", "password": PASSWORD, "target": "/?tab=2"},
        follow_redirects=False,
    )
    assert back.headers["location"] == "/?tab=2"
    cookie = back.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert client.get("/", headers=BROWSER).status_code == 200


@pytest.mark.parametrize(
    "target", ["https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_login_leads_to_no_other_site(client: TestClient, target: str) -> None:
    answer = client.post(
        "/login",
        data={"account": "admin", "password": PASSWORD, "target": target},
        follow_redirects=False,
    )

    assert answer.headers["location"] == "/"


@pytest.mark.parametrize("account", ["admin", "nobody"])
def test_a_wrong_login_tells_nothing(client: TestClient, account: str) -> None:
    answer = client.post("/login", data={"account": account, "password": "wrong"})

    assert answer.status_code == 401
    assert "The account or the password is wrong." in answer.text
    assert COOKIE not in client.cookies


def test_guessing_is_slowed_down(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(access, "password_matches", lambda known, password: False)
    answers = [
        client.post("/login", data={"account": "admin", "password": str(n)}).status_code
        for n in range(12)
    ]

    assert answers == [401] * 10 + [429] * 2


def test_a_form_from_another_site_does_not_sign_in(client: TestClient) -> None:
    answer = client.post(
        "/login",
        data={"account": "admin", "password": PASSWORD},
        headers={"Sec-Fetch-Site": "cross-site"},
    )

    assert answer.status_code == 403


def test_a_session_writes_only_with_its_csrf_token(client: TestClient, shop: Shop) -> None:
    token = sign_in(client)

    assert client.post("/orders", data={"article": "a"}).status_code == 403
    wrong = {"article": "a", "csrf_token": "0" * 64}
    assert client.post("/orders", data=wrong).status_code == 403
    assert client.post("/api/v1/orders", json=ORDER).status_code == 403
    assert shop.orders == []

    assert client.post("/orders", data={"article": "a", "csrf_token": token}).json() == {
        "by": "account:admin"
    }
    header = {"X-CSRF-Token": token}
    assert client.post("/api/v1/orders", json=ORDER, headers=header).status_code == 201


def test_signing_out_ends_the_session(client: TestClient) -> None:
    token = sign_in(client)

    client.post("/logout", data={"csrf_token": token})

    answer = client.get("/", headers=BROWSER, follow_redirects=False)
    assert answer.status_code == 303


def test_a_new_password_ends_the_sessions_of_the_old(
    client: TestClient, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "CACHE_SECONDS", 0.0)
    sign_in(client)

    with transaction(shop.engine) as connection:
        store.set_password(
            connection, shop.tables, name="admin", password_argon2=hash_password("another")
        )

    assert client.get("/api/v1/items").status_code == 401


def test_htmx_is_told_where_to_sign_in(client: TestClient) -> None:
    answer = client.get("/", headers=BROWSER | {"HX-Request": "true"})

    assert answer.headers["hx-redirect"] == "/login?next=%2F"


def test_the_audit_log_keeps_who_did_what(shop: Shop) -> None:
    now = datetime.now(UTC)
    with transaction(shop.engine) as connection:
        store.record(
            connection,
            shop.tables,
            actor="account:admin",
            action="article.changed",
            subject="returns",
            now=now,
            detail={"field": "answer"},
        )

    with reading(shop.engine) as connection:
        row = connection.execute(shop.tables.audit_log.select()).one()
        assert store.is_recorded(
            connection, shop.tables, action="article.changed", subject="returns"
        )
    assert (row.actor, row.at, row.detail) == ("account:admin", now, {"field": "answer"})


def test_passwords() -> None:
    stored = hash_password("pw")

    assert stored.startswith("$argon2id$")
    assert password_matches(stored, "pw")
    assert not password_matches(stored, "pW")


def test_sessions_end(client: TestClient, shop: Shop) -> None:
    later = datetime.now(UTC) + timedelta(hours=13)
    sessions = access.Sessions.open(shop.home / "secrets" / "session.key")
    cookie = sessions.issue(account="admin", stamp="s", now=datetime.now(UTC))

    assert sessions.read(cookie, now=datetime.now(UTC)) is not None
    assert sessions.read(cookie, now=later) is None
