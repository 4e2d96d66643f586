import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from core.web.messages import LANGUAGES, SLOT, preferred, translate
from tests.core.web.test_access import BROWSER, sign_in

REPOSITORY = Path(__file__).parents[3]
CATALOGUES = sorted({path.parent for path in REPOSITORY.glob("[ac]*/**/locale/en.json")})


@pytest.mark.parametrize("folder", CATALOGUES, ids=lambda path: str(path.relative_to(REPOSITORY)))
def test_both_languages_have_the_same_texts_and_slots(folder: Path) -> None:
    english, chinese = (
        json.loads((folder / f"{language}.json").read_text("utf-8")) for language in LANGUAGES
    )

    assert english.keys() == chinese.keys()
    for key, text in english.items():
        assert set(SLOT.findall(text)) == set(SLOT.findall(chinese[key])), key


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en;q=0.5, zh;q=0.4", "en"),
        ("de-DE, fr;q=0.9", "en"),
        ("de, zh-Hant-TW;q=0.1", "zh"),
        ("en;q=0, zh;q=0.1", "zh"),
    ],
)
def test_the_browser_s_language(header: str, language: str) -> None:
    assert preferred(header) == language


@given(header=st.text(max_size=100))
def test_any_header_gives_a_language(header: str) -> None:
    assert preferred(header) in LANGUAGES


def test_slots_are_not_parsed_again() -> None:
    assert translate({"a": "{x} and {y}"}, "a", {"x": "{y}", "y": 2}) == "{y} and 2"


def test_the_language_is_chosen_and_remembered(client: TestClient) -> None:
    assert '<html lang="en">' in client.get("/login").text
    assert 'lang="zh-Hans"' in client.get("/login", headers={"Accept-Language": "zh"}).text

    assert "登录" in client.get("/login?lang=zh").text
    assert "登录" in client.get("/login").text
    assert '<html lang="en">' in client.get("/login?lang=en").text


def test_values_are_escaped(client: TestClient) -> None:
    sign_in(client)

    page = client.get("/", headers=BROWSER).text

    assert "&lt;b&gt;fresh&lt;/b&gt;" in page
    assert "<h1>0 orders</h1>" in page


def test_an_error_is_a_page_for_a_browser(client: TestClient) -> None:
    answer = client.get("/nowhere", headers=BROWSER)

    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    assert client.get("/api/v1/nowhere", headers=BROWSER).json()["status"] == 404


def test_static_files_are_cached_by_their_content(client: TestClient) -> None:
    sign_in(client)
    page = client.get("/", headers=BROWSER).text
    found = re.search(r'src="(/static/shop/shop.js\?v=\w+)"', page)
    assert found is not None

    answer = client.get(found.group(1))

    assert answer.text == "'use strict';\n"
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "immutable" in answer.headers["cache-control"]
    assert client.get("/static/shop/shop.js?v=old").headers["cache-control"] == "no-cache"


@pytest.mark.parametrize(
    "name",
    [
        "core/%2e%2e/pages.py",
        "core/..%2fpages.py",
        "shop/%2e%2e/locale/en.json",
        "etc/passwd",
        "core",
    ],
)
def test_no_file_outside_is_served(client: TestClient, name: str) -> None:
    assert client.get(f"/static/{name}").status_code == 404


class _Inline(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text_of_script = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = {name for name, _ in attrs}
        if tag == "style" or (tag == "script" and "src" not in names):
            self.found.append(tag)
        self.found += [name for name in names if name.startswith("on") or name == "style"]


@pytest.mark.parametrize("path", ["/", "/login", "/nowhere", "/api/docs"])
def test_pages_have_nothing_that_the_csp_forbids(client: TestClient, path: str) -> None:
    sign_in(client)
    parser = _Inline()
    parser.feed(client.get(path, headers=BROWSER).text)

    assert parser.found == []


@pytest.mark.parametrize("path", ["/", "/login", "/api/docs"])
def test_every_file_that_a_page_names_is_there(client: TestClient, path: str) -> None:
    sign_in(client)
    page = client.get(path, headers=BROWSER).text
    files = re.findall(r'(?:src|href)="(/static/[^"]+)"', page)

    assert files
    assert {client.get(file).status_code for file in files} == {200}
