import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import MetaData
from typer.testing import CliRunner

from apps.applications import NAMES, Application, applications
from apps.cli import app as tripod
from apps.preparation import first_access
from apps.server import compose
from apps.serving import Running, announced, bind, find_running, url_of
from core.database import connect, reading
from core.errors import BadInput, Unavailable
from core.web import store
from core.web.access import Directory, key_sha256, password_matches
from core.web.tables import access_tables

NOW = datetime(2026, 5, 1, tzinfo=UTC)
METADATA = MetaData()
TABLES = access_tables(METADATA)
TINY_SERVER = """
import asyncio, sys
from apps.serving import bind, serve, url_of

async def app(scope, receive, send):
    if scope["type"] == "lifespan":
        await receive()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        print("closed", flush=True)
        await send({"type": "lifespan.shutdown.complete"})
        return
    await asyncio.sleep(float(scope["path"][1:]))
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})

bound = bind("127.0.0.1", 0)
serve(app, bound, on_ready=lambda: print(url_of(bound), flush=True))
"""


@pytest.fixture
def directories(tmp_path: Path) -> Iterator[list[tuple[str, Directory]]]:
    found = []
    for name in ("support", "monitor"):
        engine = connect(f"sqlite:///{tmp_path}/{name}/{name}.db")
        METADATA.create_all(engine)
        found.append((name, Directory(engine, TABLES)))
    yield found
    for _, directory in found:
        directory.engine.dispose()


def account_hash(directory: Directory) -> str | None:
    with reading(directory.engine) as connection:
        account = store.find_account(connection, directory.tables, name="admin")
    return account.password_argon2 if account else None


def test_a_first_start_makes_a_key_for_each_and_one_password(
    directories: list[tuple[str, Directory]], tmp_path: Path
) -> None:
    with first_access(directories, home=tmp_path, now=NOW) as first:
        assert set(first.keys) == {"support", "monitor"}
        assert first.password is not None

    for name, directory in directories:
        stored = account_hash(directory)
        assert stored is not None
        assert password_matches(stored, first.password)
        with reading(directory.engine) as connection:
            key = store.find_key(connection, TABLES, key_sha256=key_sha256(first.keys[name]))
        assert key is not None
        assert key.scopes == {f"{name}:*", "inference"}


def test_a_second_start_makes_nothing(
    directories: list[tuple[str, Directory]], tmp_path: Path
) -> None:
    with first_access(directories, home=tmp_path, now=NOW):
        pass
    with first_access(directories, home=tmp_path, now=NOW) as second:
        assert second.keys == {}
        assert second.password is None


def test_what_was_not_told_is_not_kept(
    directories: list[tuple[str, Directory]], tmp_path: Path
) -> None:
    with (
        pytest.raises(BrokenPipeError),
        first_access(directories, home=tmp_path, now=NOW) as lost,
    ):
        raise BrokenPipeError

    with first_access(directories, home=tmp_path, now=NOW) as first:
        assert first.keys.keys() == lost.keys.keys()
        assert first.keys != lost.keys
        assert first.password not in (None, lost.password)


def test_an_application_that_starts_later_takes_the_same_password(
    directories: list[tuple[str, Directory]], tmp_path: Path
) -> None:
    with first_access(directories[:1], home=tmp_path, now=NOW) as first:
        pass
    with first_access(directories, home=tmp_path, now=NOW) as later:
        assert list(later.keys) == ["monitor"]
        assert later.password is None

    assert account_hash(directories[0][1]) == account_hash(directories[1][1])
    assert first.password is not None


def test_applications_are_chosen_by_name() -> None:
    assert [application.name for application in applications()] == list(NAMES)
    assert applications("monitor, support") == (Application("support"), Application("monitor"))
    with pytest.raises(BadInput, match="support, monitor, recommend"):
        applications("shop")


def test_a_used_port_is_told(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Unavailable, match=rf"port {port} on 127\.0\.0\.1 is in use.*--port"):
            bind("127.0.0.1", port)

        result = CliRunner().invoke(
            tripod, ["up", "--port", str(port), "--home", str(tmp_path), "--json"]
        )
    assert result.exit_code == 1
    assert result.stdout == ""
    assert "in use" in result.stderr


def test_an_address_for_people() -> None:
    for host, start in (("127.0.0.1", "http://127.0.0.1:"), ("0.0.0.0", "http://127.0.0.1:")):
        with bind(host, 0) as bound:
            assert url_of(bound).startswith(start)


def test_each_application_stands_under_its_name_with_its_lifespan() -> None:
    seen: list[str] = []

    def small(name: str) -> FastAPI:
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            seen.append(f"{name} opens")
            yield
            seen.append(f"{name} closes")

        app = FastAPI(lifespan=lifespan)
        app.add_api_route("/", lambda: name)
        return app

    with TestClient(compose({"support": small("support")}, root=small("root"))) as client:
        assert client.get("/").json() == "root"
        assert client.get("/support/").json() == "support"
        moved = client.get("/support?lang=zh", follow_redirects=False)
        assert moved.headers["location"] == "http://testserver/support/?lang=zh"
    assert seen == ["support opens", "root opens", "root closes", "support closes"]


def test_sigterm_lets_a_request_end_and_the_status_is_zero() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", TINY_SERVER], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    with httpx.Client() as client, client.stream("GET", f"{url}/0") as warm:
        assert warm.read() == b"done"
    slow = subprocess.Popen(
        [sys.executable, "-c", f"import httpx; print(httpx.get('{url}/1').text)"],
        stdout=subprocess.PIPE,
        text=True,
    )
    while not _has_connection(url):
        pass

    process.send_signal(signal.SIGTERM)

    assert slow.communicate(timeout=20)[0] == "done\n"
    assert process.wait(timeout=20) == 0
    assert process.stdout.read() == "closed\n"
    process.stdout.close()


def _has_connection(url: str) -> bool:
    port = f":{int(url.rsplit(':', 1)[1]):04X} "
    lines = Path("/proc/net/tcp").read_text().splitlines()
    return any(port in line[:30] and line.split()[3] == "01" for line in lines)


def test_a_running_server_is_found_and_a_dead_one_is_not(tmp_path: Path) -> None:
    (tmp_path / "support").mkdir()
    assert find_running(tmp_path, "support") is None

    with announced(tmp_path, ["support"], Running(pid=os.getpid(), url="http://127.0.0.1:1")):
        assert (tmp_path / "support" / "server.json").exists()
        assert find_running(tmp_path, "support") is None

    assert not (tmp_path / "support" / "server.json").exists()


@pytest.mark.parametrize("name", NAMES)
def test_keys_are_made_listed_and_taken_back(name: str, tmp_path: Path) -> None:
    home = ["--home", str(tmp_path), "--json"]
    run = CliRunner()

    made = json.loads(run.invoke(tripod, ["access", "key", name, "robot", *home]).stdout)
    again = run.invoke(tripod, ["access", "key", name, "robot", *home])
    listed = json.loads(run.invoke(tripod, ["access", "keys", name, *home]).stdout)
    taken = run.invoke(tripod, ["access", "revoke", name, "robot", *home])
    unknown = run.invoke(tripod, ["access", "revoke", name, "nobody", *home])

    assert made["scopes"] == [f"{name}:*", "inference"]
    assert again.exit_code == 1
    assert [entry["name"] for entry in listed["keys"]] == ["robot"]
    assert made["key"] not in json.dumps(listed)
    assert taken.exit_code == 0
    assert unknown.exit_code == 2
