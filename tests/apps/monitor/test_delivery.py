"""Alerts reach a webhook receiver once each, also when it is down at first."""

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from apps.monitor import channels
from apps.monitor.runtime import Runtime
from core.database import transaction
from tests.apps.monitor.news import month, rows


class Receiver:
    """Answers 503 while it is down; keeps what it took."""

    def __init__(self) -> None:
        self.down = False
        self.taken: list[tuple[str, dict[str, Any]]] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not receiver.down:
                    receiver.taken.append((self.headers["webhook-id"], body))
                self.send_response(503 if receiver.down else 200)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/hook"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    thread = threading.Thread(target=found.server.serve_forever)
    thread.start()
    yield found
    found.server.shutdown()
    thread.join()
    found.server.server_close()


def subscribe(runtime: Runtime, url: str) -> None:
    with transaction(runtime.engine) as connection:
        channels.add(
            connection,
            runtime.vault,
            name="desk",
            kind=channels.WEBHOOK,
            address=f"{url} {channels.new_secret()}",
            settings=runtime.settings,
            now=datetime.now(UTC),
        )


def told(receiver: Receiver) -> list[str]:
    return [alert["labels"]["rule"] for _, body in receiver.taken for alert in body["alerts"]]


def test_each_alert_is_delivered_once(runtime: Runtime, receiver: Receiver) -> None:
    subscribe(runtime, receiver.url)
    runtime.take(rows(month()))
    runtime.deliverer.drain(lambda: datetime.now(UTC))
    assert told(receiver) == ["negative_news"]
    runtime.take(rows(month()))
    runtime.deliverer.drain(lambda: datetime.now(UTC))
    assert told(receiver) == ["negative_news"]
    assert runtime.status().queues == {"deliveries": 0, "dead_letters": 0}


def test_a_receiver_that_was_down_gets_it_once_it_is_back(
    runtime: Runtime, receiver: Receiver
) -> None:
    subscribe(runtime, receiver.url)
    receiver.down = True
    runtime.take(rows(month()))
    runtime.deliverer.drain(lambda: datetime.now(UTC))
    assert (told(receiver), runtime.status().queues["deliveries"]) == ([], 1)
    receiver.down = False
    runtime.deliverer.drain(lambda: datetime.now(UTC) + timedelta(minutes=1))
    assert told(receiver) == ["negative_news"]
    assert runtime.status().queues["deliveries"] == 0


def test_an_address_is_not_readable_in_the_database(runtime: Runtime) -> None:
    subscribe(runtime, "https://hooks.example/T0/secret-path")
    raw = runtime.engine.url.database
    assert raw is not None
    with open(raw, "rb") as database:
        assert b"secret-path" not in database.read()
