"""The start commands of docker-compose.yml, run: from nothing to answers, on PostgreSQL.

Only the port differs. As there, the applications share one home folder and start one after the
other; a second start trains nothing.
"""

import os
import re
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import text
from sqlalchemy.engine import make_url

from apps.applications import MODELS, NAMES
from core.database import connect
from core.models.registry import Registry

ROOT = Path(__file__).parents[1]
SERVICES = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))["services"]
FIRST_START_SECONDS = 1200
SECOND_START_SECONDS = 30

pytestmark = [
    pytest.mark.slow,
    pytest.mark.postgres,
    pytest.mark.timeout(2 * FIRST_START_SECONDS),
]


@dataclass(frozen=True)
class Started:
    """A running server: its address, and everything it printed until it was ready."""

    url: str
    printed: str

    @property
    def key(self) -> str:
        (found,) = re.findall(r"tpd_[\w-]+", self.printed)
        return found


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("state")


@pytest.fixture
def database() -> Iterator[str]:
    """The address of an empty PostgreSQL database."""
    url = os.environ.get("TRIPOD_TEST_POSTGRES_URL")
    if url is None:
        pytest.skip("TRIPOD_TEST_POSTGRES_URL is not set")
    name = f"tripod_{uuid.uuid4().hex[:12]}"
    server = connect(url).execution_options(isolation_level="AUTOCOMMIT")
    with server.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield make_url(url).set(database=name).render_as_string(hide_password=False)
    with server.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()


@contextmanager
def started(name: str, *, home: Path, database: str, seconds: float) -> Iterator[Started]:
    command = list(SERVICES[name]["command"])
    assert command[0] == "tripod"
    command[0] = str(Path(sys.executable).with_name("tripod"))
    command[command.index("--port") + 1] = "0"
    (variable,) = SERVICES[name]["environment"]
    environment = os.environ | {"TRIPOD_HOME": str(home), variable: database}
    with (home / f"{name}.log").open("a") as log:
        process = subprocess.Popen(
            command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True
        )
    overdue = threading.Timer(seconds, process.kill)
    overdue.start()
    assert process.stdout is not None
    printed = ""
    for line in process.stdout:
        printed += line
        if line.startswith("Stop with"):
            break
    overdue.cancel()
    said = (home / f"{name}.log").read_text(encoding="utf-8")
    assert printed, f"not ready in {seconds} s: {said[-2000:]}"
    (url,) = re.findall(r"ready: (\S+)/\n", printed)
    try:
        yield Started(url, printed)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        process.stdout.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_service_starts_from_nothing_and_again(name: str, home: Path, database: str) -> None:
    nobody_yet = not (home / "secrets" / "admin.argon2").exists()
    with started(name, home=home, database=database, seconds=FIRST_START_SECONDS) as first:
        assert httpx.get(f"{first.url}/health/ready").json() == {"ready": True, "problems": []}
        headers = {"X-API-Key": first.key}
        metrics = httpx.get(f"{first.url}/metrics", headers=headers)
        assert "tripod_http_requests_total" in metrics.text
        assert httpx.get(f"{first.url}/{name}/login").status_code == 200
        assert ("password" in first.printed) == nobody_yet, "one password for all"

    registry = Registry(home / "registry")
    versions = registry.versions()
    assert all(registry.current(model) for model in MODELS[name])
    begun = time.monotonic()
    with started(name, home=home, database=database, seconds=SECOND_START_SECONDS) as second:
        assert time.monotonic() - begun < SECOND_START_SECONDS
        assert "tpd_" not in second.printed
        assert httpx.get(f"{second.url}/status", headers=headers).json()["ready"] is True
    assert registry.versions() == versions, "the second start trains nothing"
