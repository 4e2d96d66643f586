"""The console's pages, as HTML and in Chromium."""

import socket
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
import uvicorn
from fastapi.testclient import TestClient

from apps.recommend.api import create_app
from apps.recommend.console.routes import FOLDER
from apps.recommend.runtime import Runtime
from core.database import transaction
from core.web import store
from core.web.access import hash_password
from core.web.messages import load_catalogues

PASSWORD = "a long enough password"


@pytest.fixture
def account(runtime: Runtime) -> str:
    with transaction(runtime.engine) as connection:
        store.insert_account(
            connection,
            runtime.directory.tables,
            name="admin",
            password_argon2=hash_password(PASSWORD),
            scopes=["*"],
            now=datetime.now(UTC),
        )
    return "admin"


def test_the_pages_can_be_read_with_a_key(client: TestClient) -> None:
    assert "u0002" in client.get("/").text
    page = client.get("/", params={"user": "u0002"}).text
    assert "Recommended now" in page
    assert "Because of “" in page
    assert "A viewer nobody knows" in client.get("/", params={"q": "u00"}).text
    assert "as a new viewer" in client.get("/", params={"q": "zzz"}).text


def test_a_new_viewer_is_told_what_stands_in(client: TestClient) -> None:
    page = client.get("/", params={"user": "nobody-yet"}).text
    assert "Nothing is known of this viewer" in page


def test_the_pages_speak_chinese(client: TestClient) -> None:
    page = client.get("/", params={"user": "u0002", "lang": "zh"}).text
    assert "现在推荐" in page
    assert "因为看过《" in page
    assert "观看" in page


def test_videos_are_found_and_have_similar_ones(client: TestClient) -> None:
    page = client.get("/items", params={"q": "gestures"}).text
    assert "Italian gestures" in page
    assert "None found." in client.get("/items", params={"q": "qqqq"}).text
    assert "Similar videos" in client.get("/items/v0001").text
    assert client.get("/items/none").status_code == 404


def test_ids_are_escaped(client: TestClient) -> None:
    page = client.get("/", params={"user": "<script>alert(1)</script>"}).text
    assert "<script>alert" not in page


def test_both_catalogues_have_the_same_keys() -> None:
    catalogues = load_catalogues([FOLDER / "locale"])
    assert catalogues["en"].keys() == catalogues["zh"].keys()


@pytest.fixture
def address(runtime: Runtime) -> Iterator[str]:
    """The app on a port of its own."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    config = uvicorn.Config(create_app(runtime), port=port, log_level="warning", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join(timeout=10)


@pytest.mark.browser
def test_watching_changes_the_list_on_the_page(address: str, account: str) -> None:
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path="/usr/bin/chromium",
            args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
        )
        page = browser.new_page(locale="en-GB")
        faults: list[str] = []
        page.on("console", lambda line: faults.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(f"{address}/?user=u0002")
        page.fill("input[name=account]", account)
        page.fill("input[name=password]", PASSWORD)
        page.press("input[name=password]", "Enter")
        first = page.locator(".shown .name").first
        first.wait_for()
        title = first.inner_text()
        page.locator(".shown .acts button").first.click()
        page.get_by_role("status").wait_for()
        assert page.locator(".past li").first.inner_text().startswith(title)
        assert title not in page.locator(".shown .name").all_inner_texts()
        assert page.locator(".shown .fresh").count() >= 1
        assert faults == []
        browser.close()
