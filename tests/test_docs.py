"""README and docs against the code: what they name exists, and what exists is named there.

Endpoints are written `METHOD /path` or as an address on 127.0.0.1:8000, commands as `tripod ...`,
settings as `TRIPOD_...`, targets as `make ...`.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.routing import Mount

from apps.applications import applications
from apps.server import Assembly
from core.settings import CoreSettings
from tests.command_tree import commands, options
from tests.required_suites import SUITES

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
TEXTS = {str(path.relative_to(ROOT)): path.read_text(encoding="utf-8") for path in PAGES}
ALL = "\n".join(TEXTS.values())
COMMANDS = commands()
TEST_SETTINGS = {"TRIPOD_REQUIRE", "TRIPOD_TEST_POSTGRES_URL"}
METHOD_AND_PATH = re.compile(r"\b(GET|POST|PUT|PATCH|DELETE) (/[^\s`|,;)]*)")
ADDRESS = re.compile(r"127\.0\.0\.1:8000(/[^\s`'\"|,;)>]*)")
CODE = re.compile(r"`([^`\n]+)`")
BLOCK = re.compile(r"(?:^ {4}.*\n)+", re.MULTILINE)


def code_lines(text: str) -> Iterator[str]:
    """What stands in code, line by line; a line that ends in a backslash goes on."""
    for block in BLOCK.findall(text):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())
    yield from CODE.findall(BLOCK.sub("", text))


def invocations() -> list[tuple[str, list[str]]]:
    """Page and words after `tripod` of every command that stands in code."""
    found = []
    for page, text in TEXTS.items():
        for line in code_lines(text):
            for words in re.findall(r"(?:^|[ /(])tripod ((?:[a-z]|--)[^|>&;#]*)", line):
                found.append((page, _words(words)))
    return found


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _command_of(words: list[str]) -> str | None:
    for length in (3, 2, 1):
        name = " ".join(words[:length])
        if name in COMMANDS:
            return name
    return None


@pytest.fixture(scope="module")
def assembly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assembly]:
    home = tmp_path_factory.mktemp("home")
    opened = Assembly.open(applications(), settings=CoreSettings(home=home))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def endpoints(assembly: Assembly) -> set[tuple[str, str]]:
    """Method and path of everything in the OpenAPI descriptions, names of parameters left out."""
    found = set()
    for mount in assembly.app.routes:
        if isinstance(mount, Mount):
            for path, operations in mount.app.openapi()["paths"].items():
                found |= {(method.upper(), _bare(mount.path + path)) for method in operations}
    return found


def _bare(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.split("?")[0])


def named_endpoints() -> set[tuple[str, str]]:
    return {(method, _bare(path)) for method, path in METHOD_AND_PATH.findall(ALL)}


def test_commands_that_are_named_exist() -> None:
    groups = {name.split()[0] for name in COMMANDS}
    for page, words in invocations():
        name = _command_of(words)
        whole_group = len(words) == 1 and words[0] in groups
        assert name or whole_group or words[0].startswith("--"), f"{page}: tripod {words}"
        if name:
            used = {word.split("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            unknown = used - options(COMMANDS[name]) - {"--help"}
            assert not unknown, f"{page}: tripod {name} has no {unknown}"


def test_commands_that_exist_are_named() -> None:
    named = {_command_of(words) for _, words in invocations()}
    assert not sorted(set(COMMANDS) - named)


def settings() -> set[str]:
    """Every variable that the settings read from the environment."""
    found = set()
    for kind in (CoreSettings, *(application.settings for application in applications())):
        for name, field in kind.model_fields.items():
            alias = field.validation_alias
            found.add(str(alias) if alias else f"{kind.model_config['env_prefix']}{name}".upper())
    return found


def test_settings_that_are_named_exist() -> None:
    named = set(re.findall(r"TRIPOD_[A-Z0-9_]*[A-Z0-9]", ALL))
    assert not named - settings() - TEST_SETTINGS


def test_settings_that_exist_are_named() -> None:
    operations = TEXTS["docs/operations.md"]
    assert not {name for name in settings() if f"`{name}`" not in operations}


def test_endpoints_that_are_named_exist(
    assembly: Assembly, endpoints: set[tuple[str, str]]
) -> None:
    paths = "|".join(sorted(re.escape(path).replace(r"\{\}", "[^/]+") for _, path in endpoints))
    addresses = {path.split("?")[0].rstrip(".") for path in ADDRESS.findall(ALL)}
    unknown = {path for path in addresses if not re.fullmatch(paths, path)}
    unknown |= {path for method, path in named_endpoints() - endpoints if method == "GET"}
    assert not {found for found in named_endpoints() - endpoints if found[0] != "GET"}
    with TestClient(assembly.app, raise_server_exceptions=False) as client:
        answers = {path: client.get(path).status_code for path in unknown}
    assert not {path for path, status in answers.items() if status in (404, 405)}


def test_endpoints_that_exist_are_named(endpoints: set[tuple[str, str]]) -> None:
    named = named_endpoints()
    everywhere = {"/health/live", "/health/ready", "/status", "/metrics"}
    missing = {
        (method, path)
        for method, path in endpoints - named
        if re.sub(r"^/(support|monitor|recommend)", "", path) not in everywhere
    }
    assert not missing
    assert {("GET", path) for path in everywhere} <= named


def test_make_targets_that_are_named_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    for page, text in TEXTS.items():
        for line in code_lines(text):
            for target in re.findall(r"^(?:\w+=\S* )*make ([a-z]+)", line):
                assert target in targets, f"{page}: make {target}"
    for target in targets:
        assert f"make {target}" in ALL, target


def test_links_lead_somewhere() -> None:
    for page, text in TEXTS.items():
        for target in re.findall(r"\]\(([^)\s]+)\)", BLOCK.sub("", text)):
            if re.match(r"[a-z]+:", target):
                continue
            name, _, anchor = target.partition("#")
            path = (ROOT / page).parent / name if name else ROOT / page
            assert path.exists(), f"{page}: {target}"
            if anchor:
                headings = re.findall(r"^#+ (.*)$", path.read_text("utf-8"), re.MULTILINE)
                assert anchor in {_anchor(heading) for heading in headings}, f"{page}: {target}"


def _anchor(heading: str) -> str:
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_modules_that_are_named_exist() -> None:
    for page, text in TEXTS.items():
        for module in re.findall(r"python -m ((?:apps|core|tests)\.[\w.]+)", text):
            path = ROOT / module.replace(".", "/")
            assert path.with_suffix(".py").exists() or path.is_dir(), f"{page}: {module}"


def test_every_suite_is_explained() -> None:
    for suite in SUITES:
        assert f"`{suite}`" in TEXTS["CONTRIBUTING.md"], suite


def test_every_page_is_reached_from_the_index() -> None:
    index = TEXTS["docs/index.md"]
    for path in sorted((ROOT / "docs").rglob("*.md")):
        name = path.relative_to(ROOT / "docs").as_posix()
        assert name == "index.md" or f"({name})" in index, name
