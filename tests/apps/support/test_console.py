"""The console's pages, in both languages, and that they hold no customer's markup."""

import html
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from apps.support.runtime import Runtime
from core.database import transaction
from core.web.access import hash_password
from core.web.sessions import CSRF_FIELD
from core.web.store import insert_account

PASSWORD = "correct horse"


@pytest.fixture
def signed_in(client: TestClient, runtime: Runtime) -> TestClient:
    with transaction(runtime.engine) as connection:
        insert_account(
            connection,
            runtime.directory.tables,
            name="admin",
            password_argon2=hash_password(PASSWORD),
            scopes=["support:*"],
            now=datetime.now(UTC),
        )
    client.post("/login", data={"account": "admin", "password": PASSWORD, "target": "/"})
    return client


def ask(client: TestClient, text: str) -> str:
    page = client.get("/").text
    token = page.split(f'name="{CSRF_FIELD}" value="', 1)[1].split('"', 1)[0]
    answer = client.post("/ask", data={"text": text, CSRF_FIELD: token})
    assert answer.status_code == 200, answer.text
    return html.unescape(answer.text)


def test_a_page_wants_a_session(client: TestClient) -> None:
    answer = client.get("/", headers={"accept": "text/html"}, follow_redirects=False)
    assert answer.status_code == 303
    assert "/login" in answer.headers["location"]


def test_a_question_is_answered_with_its_source(signed_in: TestClient) -> None:
    fragment = ask(signed_in, "send back my jacket")
    assert "Send it back within 30 days." in fragment
    assert 'href="/articles/return-item"' in fragment
    assert "by meaning" in fragment


def test_a_question_nobody_answers_is_among_the_handovers(signed_in: TestClient) -> None:
    assert "Handed over" in ask(signed_in, "flurb dax wozzle")
    assert "flurb dax wozzle" in signed_in.get("/handovers").text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Ask a question"), ("zh", "用中文或英文输入问题")]
)
def test_pages_speak_both_languages(signed_in: TestClient, language: str, words: str) -> None:
    assert words in signed_in.get(f"/?lang={language}").text
    assert "我要退掉夹克" in signed_in.get(f"/articles/return-item?lang={language}").text
    articles = signed_in.get(f"/articles?lang={language}").text
    assert {"en": "How can I pay?", "zh": "怎么付款？"}[language] in articles


def test_a_customers_markup_is_text(signed_in: TestClient) -> None:
    page = signed_in.get("/").text
    token = page.split(f'name="{CSRF_FIELD}" value="', 1)[1].split('"', 1)[0]
    answer = signed_in.post("/ask", data={"text": "<script>alert(1)</script>", CSRF_FIELD: token})
    assert "<script>" not in answer.text
    assert "<script>alert" not in signed_in.get("/handovers").text
