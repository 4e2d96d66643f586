"""Rules, readings and receivers that the tests of alerting share."""

import socket
import ssl
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from sqlalchemy import Engine

from core.alerting import engine as alerting
from core.alerting.alert import Transition
from core.alerting.lifecycle import advance
from core.alerting.message import Delivery, DeliveryState
from core.alerting.routing import Routing, single
from core.alerting.rule import Evidence, Reading, Rule, Severity
from core.alerting.store import outbox
from core.alerting.tables import AlertTables
from core.database import reading as read_only
from core.database import transaction

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SHOCK = Rule(
    id="shock",
    name="Sentiment shock",
    severity=Severity.CRITICAL,
    fire_at=4.0,
    clear_at=2.0,
    repeat=timedelta(hours=4),
    summary={"en": "News on {company} turned ({value})", "zh": "{company} 的新闻急转（{value}）"},
)
DESK = single("desk", "hook")


def minutes(count: float) -> timedelta:
    return timedelta(minutes=count)


def at(minute: float) -> datetime:
    return START + minutes(minute)


def shock(value: float | None, minute: float, *, key: str = "acme", rule: Rule = SHOCK) -> Reading:
    return Reading(
        rule_id=rule.id,
        key=key,
        value=value,
        at=at(minute),
        labels={"company": key.upper(), "sector": "retail"},
        evidence=(Evidence(text=f"{key} recalls its <kettle>", source="wire", at=at(minute)),),
    )


def message(*values: float) -> Delivery:
    alerts = []
    for number, value in enumerate(values):
        key = "acme" if number == 0 else f"acme-{number}"
        alert, _ = advance(None, shock(5, 0, key=key), SHOCK, at(0))
        if value < 2:
            alert, _ = advance(alert, shock(value, 7, key=key), SHOCK, at(7))
        assert alert is not None
        alerts.append(alert)
    return Delivery(
        id="msg_1",
        receiver="desk",
        channel="hook",
        group_key='{}:{sector="retail"}',
        group_labels={"sector": "retail"},
        alerts=tuple(alerts),
        state=DeliveryState.SENDING,
        created_at=at(0),
        due_at=at(0),
    )


@dataclass(frozen=True)
class Store:
    engine: Engine
    tables: AlertTables

    def evaluate(
        self,
        readings: Sequence[Reading],
        *,
        now: datetime | None = None,
        rules: Sequence[Rule] = (SHOCK,),
        routing: Routing = DESK,
    ) -> list[Transition]:
        with transaction(self.engine) as connection:
            return alerting.evaluate(
                connection,
                self.tables,
                rules=rules,
                readings=readings,
                routing=routing,
                now=now or max(reading.at for reading in readings),
            )

    def deliveries(self, *states: DeliveryState) -> list[Delivery]:
        """Oldest first."""
        wanted = states or tuple(DeliveryState)
        with read_only(self.engine) as connection:
            found = outbox.list_deliveries(connection, self.tables, states=wanted, limit=100_000)
        return list(reversed(found))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(frozen=True)
class Post:
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass
class Receiver:
    """A real HTTP server on loopback. It gives `answers` in turn, then 200 for ever."""

    port: int
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    posts: list[Post] = field(default_factory=list)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}/hook"

    def ids(self) -> list[str]:
        return [post.headers["webhook-id"] for post in self.posts]


@contextmanager
def receiving(
    *answers: tuple[int, dict[str, str]],
    port: int = 0,
    delay: float = 0,
    certificate: Path | None = None,
) -> Iterator[Receiver]:
    lock = threading.Lock()
    pause = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                receiver.posts.append(Post(self.path, headers, body))
                status, extra = receiver.answers.pop(0) if receiver.answers else (200, {})
            pause.wait(delay)
            self.send_response(status)
            for name, value in extra.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver = Receiver(server.server_address[1], list(answers))
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        receiver.scheme = "https"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield receiver
    finally:
        pause.set()
        server.shutdown()
        server.server_close()
        thread.join()
