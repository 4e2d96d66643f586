"""Hold the port, serve, end cleanly; and where a running server is found."""

import errno
import json
import os
import signal
import socket
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
import uvicorn
from fastapi.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from core.errors import Unavailable

ENDING = (signal.SIGINT, signal.SIGTERM)
DRAIN_SECONDS = 10
ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104


def bind(host: str, port: int) -> socket.socket:
    """A bound socket, so that a used port is told before any work. Raises Unavailable."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as error:
        raise Unavailable(f"--host {host}: {error.strerror}") from error
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError as error:
        bound.close()
        raise _refused(host, port, error) from error
    return bound


def _refused(host: str, port: int, error: OSError) -> Unavailable:
    if error.errno == errno.EADDRINUSE:
        return Unavailable(
            f"port {port} on {host} is in use: end what uses it, or choose another with --port"
        )
    return Unavailable(f"cannot listen on {host} port {port}: {error.strerror}")


def url_of(bound: socket.socket) -> str:
    """The address for people and clients on this machine, without a slash at the end."""
    host, port = bound.getsockname()[:2]
    host = ANYWHERE.get(host, host)
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        await run_in_threadpool(self._on_ready)

    @contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        # uvicorn raises the signal again after a clean end, which would not be status 0.
        previous = {number: signal.signal(number, self.handle_exit) for number in ENDING}
        try:
            yield
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def serve(app: ASGIApp, bound: socket.socket, *, on_ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; requests in progress get `DRAIN_SECONDS` to end."""
    config = uvicorn.Config(
        app,
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    try:
        _Server(config, on_ready).run(sockets=[bound])
    except OSError as error:
        host, port = bound.getsockname()[:2] if bound.fileno() >= 0 else ("", 0)
        raise _refused(host, port, error) from error
    finally:
        bound.close()


@dataclass(frozen=True)
class Running:
    """A server that runs for an application."""

    pid: int
    url: str


@contextmanager
def announced(home: Path, names: Sequence[str], running: Running) -> Generator[None, None, None]:
    """Let `tripod status` find the server of these applications."""
    files = [home / name / "server.json" for name in names]
    for file in files:
        temporary = file.with_suffix(".new")
        temporary.write_text(json.dumps(asdict(running)), encoding="utf-8")
        temporary.replace(file)
    try:
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)


def find_running(home: Path, name: str) -> Running | None:
    """The server of an application, if its process lives and answers."""
    try:
        found = Running(**json.loads((home / name / "server.json").read_text(encoding="utf-8")))
        os.kill(found.pid, 0)
        httpx.get(f"{found.url}/health/live", timeout=5.0).raise_for_status()
    except (FileNotFoundError, ProcessLookupError, httpx.HTTPError):
        return None
    except PermissionError:
        return found
    return found
