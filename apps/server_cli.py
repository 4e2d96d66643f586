"""`tripod up` and `tripod status`."""

import os
import signal
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated

import httpx
import typer

from apps.applications import Application, applications
from apps.preparation import ACCOUNT, FirstAccess, first_access, prepare
from apps.server import Assembly
from apps.serving import Running, announced, bind, find_running, serve, url_of
from core.commands import AsJson, Home, core_settings, emit
from core.database import connect, reading
from core.errors import Unavailable
from core.logs import configure
from core.models.registry import Registry
from core.web import store
from core.web.health import AppStatus, ModelStatus, as_json
from core.web.sessions import COOKIE, Sessions, password_stamp

Only = Annotated[
    str, typer.Option("--only", help="Applications to serve, with commas between (default: all).")
]

up = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
status = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@up.command()
def run(
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 takes a free one.")] = 8000,
    only: Only = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Set up what is missing, then serve the applications until stopped."""
    configure()
    started = time.monotonic()
    # Without a handler a SIGTERM during the preparation would leave its child behind.
    signal.signal(signal.SIGTERM, _stopped)
    settings = core_settings(home)
    chosen = applications(only)
    bound = bind(host, port)
    url = url_of(bound)
    for application in chosen:
        prepare(application, home=settings.home)
    assembly = Assembly.open(chosen, settings=settings)
    with ExitStack() as stack:
        stack.callback(assembly.close)

        def on_ready() -> None:
            names = list(assembly.runtimes)
            running = Running(pid=os.getpid(), url=url)
            stack.enter_context(announced(settings.home, names, running))
            now = datetime.now(UTC)
            with first_access(assembly.directories, home=settings.home, now=now) as first:
                result = announcement(url, names, first, seconds=time.monotonic() - started)
                emit(result, as_json=as_json, text=lambda: as_text(url, names, first))
                sys.stdout.flush()

        serve(assembly.app, bound, on_ready=on_ready)


def _stopped(number: int, frame: FrameType | None) -> None:
    raise SystemExit(128 + number)


def announcement(
    url: str, names: list[str], first: FirstAccess, *, seconds: float
) -> dict[str, object]:
    """What `--json` prints; `keys` and `password` are there at the first start alone."""
    return {
        "url": f"{url}/",
        "consoles": {name: f"{url}/{name}/" for name in names},
        "docs": {name: f"{url}/{name}/api/docs" for name in names} | {"core": f"{url}/api/docs"},
        "seconds": round(seconds, 2),
        "account": first.account,
        "password": first.password,
        "keys": first.keys,
    }


def as_text(url: str, names: list[str], first: FirstAccess) -> str:
    width = max(len(name) for name in (*names, "models"))
    lines = [f"Tripod is ready: {url}/", ""]
    lines += [f"  {name:<{width}}  {url}/{name}/   API: {url}/{name}/api/docs" for name in names]
    lines.append(f"  {'models':<{width}}  API: {url}/api/docs")
    if first.keys or first.password:
        lines += ["", "Made at this first start, and shown only now:"]
    if first.password:
        lines.append(f"  console account {first.account}, password {first.password}")
    lines += [f"  API key for {name}: {key}" for name, key in first.keys.items()]
    return "\n".join([*lines, "", "Stop with Ctrl+C."])


@status.command()
def show(only: Only = "", home: Home = None, as_json: AsJson = False) -> None:
    """Per application: models, their versions, readiness and queue lengths."""
    folder = core_settings(home).home
    found = [_status_of(application, home=folder) for application in applications(only)]
    result: dict[str, object] = {
        "running": any(entry["running"] for entry in found),
        "apps": found,
    }
    emit(result, as_json=as_json, text=lambda: "\n".join(_line(entry) for entry in found))


def _status_of(application: Application, *, home: Path) -> dict[str, object]:
    running = find_running(home, application.name)
    if running is None:
        registry = Registry(home / "registry")
        models = tuple(
            ModelStatus(name, registry.current(name), error="no server runs")
            for name in application.models
        )
        return {"running": False, "url": None} | as_json(AppStatus(application.name, models))
    answer = httpx.get(
        f"{running.url}/{application.name}/status",
        cookies={COOKIE: _own_session(application, home=home)},
        timeout=30.0,
    )
    if answer.status_code != 200:
        raise Unavailable(f"the server at {running.url} answered {answer.status_code}")
    body: dict[str, object] = answer.json()
    return {"running": True, "url": f"{running.url}/{application.name}/"} | body


def _own_session(application: Application, *, home: Path) -> str:
    # Who can read the home folder can sign a session: no key has to be kept for this.
    engine = connect(application.database_url(home))
    try:
        with reading(engine) as connection:
            account = store.find_account(connection, application.access, name=ACCOUNT)
    finally:
        engine.dispose()
    if account is None:
        raise Unavailable(f"the account {ACCOUNT} is missing or disabled")
    return Sessions.open(home / "secrets" / "session.key").issue(
        account=ACCOUNT,
        stamp=password_stamp(account.password_argon2),
        now=datetime.now(UTC),
        lifetime=timedelta(minutes=1),
    )


def _line(entry: dict[str, object]) -> str:
    models = entry["models"]
    queues = entry["queues"]
    assert isinstance(models, list)
    assert isinstance(queues, dict)
    parts = [
        f"{model['name']} {model['version'] or 'none'}"
        + ("" if model["ready"] else f" (not ready: {model['error']})")
        for model in models
    ]
    waiting = ", ".join(f"{name} {length}" for name, length in queues.items())
    return f"{entry['app']}: {'; '.join(parts)}" + (f"; waiting: {waiting}" if waiting else "")
