"""`Idempotency-Key` for writes (draft-ietf-httpapi-idempotency-key-header).

The answer of the first request with a key is kept for a day, sealed, and given again to the same
request. Another request with that key gets 422, one that comes while the first is running 409.
Only answers that settle the request are kept: not refusals of access or load, nor failures.

The answer is stored after the route's own transaction. A process that dies in between leaves the
key open; a repetition after `LEASE` runs the route again.
"""

import hashlib
from datetime import UTC, datetime, timedelta

from fastapi.concurrency import run_in_threadpool
from sqlalchemy import Connection
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.crypto import Vault
from core.database import transaction
from core.errors import BadInput, Conflict, NotAuthenticated, TripodError
from core.web import store
from core.web.access import Access, Directory
from core.web.problems import from_error

WRITES = frozenset({"POST", "PUT", "PATCH", "DELETE"})
UNSETTLED = frozenset({401, 403, 408, 409, 413, 429})
LEASE = timedelta(seconds=60)
KEEP = timedelta(hours=24)
MAX_KEY = 200
MAX_STORED = 4 * 1024 * 1024


class Idempotency:
    """Middleware; runs after the sender is known, so that a key belongs to its sender."""

    def __init__(self, app: ASGIApp, *, access: Access, directory: Directory, vault: Vault) -> None:
        self.app = app
        self.access = access
        self.directory = directory
        self.vault = vault
        self._purged_at: datetime | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] not in WRITES:
            await self.app(scope, receive, send)
            return
        key = Headers(scope=scope).get("idempotency-key")
        if key is None:
            await self.app(scope, receive, send)
            return
        now = datetime.now(UTC)
        try:
            sender = await self._sender(scope, key, now=now)
        except TripodError as error:
            await from_error(error)(scope, receive, send)
            return
        if sender is None:
            await self.app(scope, receive, send)
            return
        body = await _whole_body(receive)
        await self._answer(
            scope,
            send,
            body=body,
            key_sha256=_digest(sender, key),
            request_sha256=_digest(scope["method"], scope["path"], scope["query_string"], body),
            now=now,
        )

    async def _sender(self, scope: Scope, key: str, *, now: datetime) -> str | None:
        if not 1 <= len(key) <= MAX_KEY:
            raise BadInput(
                f"the key has {len(key)} characters",
                field="Idempotency-Key",
                remedy=f"send 1 to {MAX_KEY}",
            )
        try:
            principal = await self.access.identify(HTTPConnection(scope), now=now)
        except NotAuthenticated:
            return None
        return None if principal is None else principal.name

    async def _answer(
        self,
        scope: Scope,
        send: Send,
        *,
        body: bytes,
        key_sha256: str,
        request_sha256: str,
        now: datetime,
    ) -> None:
        receive = _replay(body)
        try:
            stored = await run_in_threadpool(self._begin, key_sha256, request_sha256, now)
        except TripodError as error:
            await from_error(error)(scope, receive, send)
            return
        if stored is not None:
            await self._stored_response(stored)(scope, receive, send)
            return
        kept = _Kept(send)
        try:
            await self.app(scope, receive, kept.send)
        finally:
            await run_in_threadpool(self._finish, key_sha256, kept)

    def _begin(
        self, key_sha256: str, request_sha256: str, now: datetime
    ) -> store.StoredAnswer | None:
        """None: this request is to be run."""
        tables = self.directory.tables
        with transaction(self.directory.engine) as connection:
            self._purge(connection, now)
            if store.begin_answer(
                connection, tables, key_sha256=key_sha256, request_sha256=request_sha256, now=now
            ):
                return None
            found = store.find_answer(connection, tables, key_sha256=key_sha256)
            if found is None:
                raise Conflict("a request with this Idempotency-Key just failed: send it again")
            if found.request_sha256 != request_sha256:
                raise BadInput(
                    "this key was used for another request",
                    field="Idempotency-Key",
                    remedy="use a new key for a new request",
                )
            if found.status is not None:
                return found
            overdue = now - found.started_at > LEASE
            if overdue and store.take_over_answer(
                connection, tables, key_sha256=key_sha256, seen=found.started_at, now=now
            ):
                return None
            raise Conflict("the first request with this Idempotency-Key is still running")

    def _purge(self, connection: Connection, now: datetime) -> None:
        if self._purged_at is None or now - self._purged_at > timedelta(hours=1):
            store.drop_answers_before(connection, self.directory.tables, before=now - KEEP)
            self._purged_at = now

    def _finish(self, key_sha256: str, kept: "_Kept") -> None:
        tables = self.directory.tables
        with transaction(self.directory.engine) as connection:
            if not kept.settled:
                store.drop_answer(connection, tables, key_sha256=key_sha256)
                return
            store.finish_answer(
                connection,
                tables,
                key_sha256=key_sha256,
                status=kept.status,
                media_type=kept.media_type,
                body_sealed=self.vault.seal(kept.body.decode("utf-8")),
            )

    def _stored_response(self, stored: store.StoredAnswer) -> Response:
        return Response(
            self.vault.unseal(stored.body_sealed or ""),
            status_code=stored.status or 200,
            headers={"Idempotency-Replayed": "true"},
            media_type=stored.media_type or None,
        )


class _Kept:
    """Passes an answer on and keeps it."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0
        self.media_type = ""
        self.body = b""
        self._complete = False
        self._fits = True

    @property
    def settled(self) -> bool:
        final = self.status < 500 and self.status not in UNSETTLED
        return self._complete and self._fits and final

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.media_type = MutableHeaders(scope=message).get("content-type", "")
        elif message["type"] == "http.response.body":
            self._fits = self._fits and len(self.body) <= MAX_STORED
            if self._fits:
                self.body += message.get("body", b"")
            self._complete = not message.get("more_body", False)
        await self._send(message)


async def _whole_body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body", False):
            return b"".join(parts)


def _replay(body: bytes) -> Receive:
    sent = False

    async def receive() -> Message:
        nonlocal sent
        if sent:
            return {"type": "http.disconnect"}
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive


def _digest(*parts: str | bytes) -> str:
    digest = hashlib.sha256()
    for part in parts:
        content = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(len(content).to_bytes(8, "big"))
        digest.update(content)
    return digest.hexdigest()
