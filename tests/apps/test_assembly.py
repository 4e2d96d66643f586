"""All applications in one process, before any model is trained: what does not need one works."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from apps.applications import MODELS, NAMES, applications
from apps.preparation import FirstAccess, first_access, migrate, missing_models, samples_loaded
from apps.server import Assembly
from core.settings import CoreSettings

BROWSER = {"accept": "text/html"}
IMPORT_ALL = """
import sys
from pathlib import Path
from apps import server_cli
from apps.applications import applications
from apps.preparation import migrate
from apps.server import Assembly
from core.settings import CoreSettings

home = Path(sys.argv[1])
for application in applications():
    migrate(application, home=home)
Assembly.open(applications(), settings=CoreSettings(home=home)).close()
print(*sorted({"torch", "transformers", "sklearn", "sentence_transformers"} & set(sys.modules)))
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def assembly(home: Path) -> Iterator[Assembly]:
    for application in applications():
        migrate(application, home=home)
    found = Assembly.open(applications(), settings=CoreSettings(home=home))
    yield found
    found.close()


@pytest.fixture(scope="module")
def first(assembly: Assembly, home: Path) -> FirstAccess:
    with first_access(assembly.directories, home=home, now=datetime.now(UTC)) as found:
        return found


@pytest.fixture(scope="module")
def server(assembly: Assembly) -> Iterator[TestClient]:
    with TestClient(assembly.app) as client:
        yield client


@pytest.fixture
def client(assembly: Assembly, server: TestClient) -> TestClient:
    """A client without cookies, on the server whose lifespan runs."""
    return TestClient(assembly.app)


@pytest.mark.parametrize(("language", "title"), [("en", "Three applications"), ("zh", "三个应用")])
def test_the_start_page_leads_to_every_console(
    client: TestClient, language: str, title: str
) -> None:
    page = client.get(f"/?lang={language}").text

    assert title in page
    for name in NAMES:
        assert f'href="/{name}/"' in page
        assert f'href="/{name}/api/docs"' in page


@pytest.mark.parametrize("name", NAMES)
def test_a_console_wants_a_session_and_one_is_enough_for_all(
    client: TestClient, first: FirstAccess, name: str
) -> None:
    away = client.get(f"/{name}/", headers=BROWSER, follow_redirects=False)
    assert away.headers["location"].startswith(f"/{name}/login?next=")

    client.post("/support/login", data={"account": "admin", "password": first.password})

    answer = client.get(f"/{name}/", headers=BROWSER)
    assert answer.status_code == 200
    assert 'lang="en"' in answer.text


@pytest.mark.parametrize("name", NAMES)
def test_an_api_is_described_and_its_key_is_for_it_alone(
    client: TestClient, first: FirstAccess, name: str
) -> None:
    description = client.get(f"/{name}/api/openapi.json").json()
    assert description["servers"] == [{"url": f"/{name}"}]
    assert any(path.startswith("/api/v1/") for path in description["paths"])
    assert client.get(f"/{name}/api/docs").status_code == 200

    for other in NAMES:
        answer = client.get(f"/{name}/status", headers={"X-API-Key": first.keys[other]})
        assert answer.status_code == (200 if other == name else 401)


@pytest.mark.parametrize("name", NAMES)
def test_every_key_opens_the_models_and_readiness_names_what_is_missing(
    client: TestClient, first: FirstAccess, name: str
) -> None:
    info = client.get("/info", headers={"Authorization": f"Bearer {first.keys[name]}"})
    assert info.status_code == 503
    assert info.json()["type"] == "urn:tripod:problem:unavailable"

    ready = client.get("/health/ready")
    assert ready.status_code == 503
    assert all(model in " ".join(ready.json()["problems"]) for model in MODELS[name])
    assert client.get(f"/{name}/health/live").json() == {"live": True}


def test_metrics_of_all_applications_are_one_text(client: TestClient, first: FirstAccess) -> None:
    headers = {"X-API-Key": first.keys["support"]}
    for name in NAMES:
        client.get(f"/{name}/health/live")
    text = client.get("/metrics", headers=headers).text

    assert text.count("# TYPE tripod_http_requests_total counter") == 1
    for name in NAMES:
        assert f'tripod_http_requests_total{{app="{name}",method="GET"' in text


@pytest.mark.parametrize("name", NAMES)
def test_preparation_knows_what_is_left_to_do(assembly: Assembly, home: Path, name: str) -> None:
    (application,) = applications(name)

    assert missing_models(application, home=home) == list(MODELS[name])
    assert not samples_loaded(application, home=home)


def test_a_server_imports_no_training_library(tmp_path: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert result.stdout.strip() == ""
