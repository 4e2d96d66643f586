"""What every request passes, outermost first: headers and metrics, body limit, rate limit."""

import time
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from core.errors import Overloaded, TooLarge
from core.web.access import key_sha256
from core.web.metrics import RequestMetrics
from core.web.problems import from_error
from core.web.rates import RateLimiter

SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}


class Envelope:
    """Adds the security headers and counts the request."""

    def __init__(self, app: ASGIApp, *, name: str, metrics: RequestMetrics) -> None:
        self.app = app
        self.name = name
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = 500

        async def send_with_headers(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        try:
            await self.app(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            self.metrics.observe(scope, app=self.name, status=status, seconds=seconds)


class BodyLimit:
    """Answers 413 to a longer body; `larger` has other limits, in bytes, by path prefix."""

    def __init__(
        self, app: ASGIApp, *, limit: int, larger: MutableMapping[str, int] | None = None
    ) -> None:
        self.app = app
        self.limit = limit
        self.larger = dict(larger or {})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        limit = self._limit(scope)
        if _announced(scope) > limit:
            await from_error(TooLarge(_over(limit)))(scope, receive, send)
            return
        size = 0

        async def receive_limited() -> Message:
            nonlocal size
            message = await receive()
            size += len(message.get("body", b""))
            if size > limit:
                # The framework lets an HTTPException pass while it reads a body.
                raise HTTPException(413, _over(limit))
            return message

        await self.app(scope, receive_limited, send)

    def _limit(self, scope: Scope) -> int:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        return max(
            (limit for prefix, limit in self.larger.items() if path.startswith(prefix)),
            default=self.limit,
        )


def _announced(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value)
    return 0


def _over(limit: int) -> str:
    return f"the request body is over the limit of {limit:,} bytes: send less at once"


class RateLimit:
    """Answers 429 with Retry-After to a caller (an API key, else an address) over the rate."""

    def __init__(self, app: ASGIApp, *, limiter: RateLimiter) -> None:
        self.app = app
        self.limiter = limiter

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or _free(scope):
            await self.app(scope, receive, send)
            return
        try:
            self.limiter.admit(_caller(scope))
        except Overloaded as error:
            await from_error(error)(scope, receive, send)
            return
        await self.app(scope, receive, send)


def _free(scope: Scope) -> bool:
    path: str = scope["path"].removeprefix(scope.get("root_path", ""))
    return path.startswith(("/health/", "/static/"))


def _caller(scope: Scope) -> str:
    headers: dict[bytes, Any] = dict(scope["headers"])
    key = headers.get(b"authorization") or headers.get(b"x-api-key")
    if key is not None:
        return key_sha256(key.decode("latin-1"))
    client = scope.get("client")
    return f"address:{client[0]}" if client else "address:unknown"
