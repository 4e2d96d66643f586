"""Who may do what: API keys and console sessions.

How an application uses it:

1. `tables.py`: `ACCESS = access_tables(METADATA)` (from `core.web.tables`), and let the first
   migration create the four tables.
2. `runtime.py`: `access = Access.open(Directory(engine, ACCESS), home=settings.home)`.
3. `api.py`: give it to `core.web.app.create_app(access=runtime.access, ...)`.
4. A route states the scope that it needs, named `<app>:<right>`; `read`, `write` and `admin` are
   the customary rights:

       @router.get("/articles/{article_id}")
       def show(article_id: str, principal: Annotated[Principal, require("support:read")]) -> ...

   `principal.name` (`key:first`, `account:admin`) is the actor for `core.web.store.record`, which
   adds to the audit log in the transaction of the change. `require()` takes anyone known.

The same `require` serves API and console. A request shows `Authorization: Bearer KEY`, `X-API-Key:
KEY`, or the console's session cookie. With the cookie, an unsafe method also needs the CSRF token:
forms carry `{{ csrf_field() }}`, and the layout makes htmx send the header. A page that is asked
for without a session leads to the login page; everything else gets a 401 problem.

A scope is granted by itself, by `<app>:*`, or by `*`. Keys are 256 random bits, stored as SHA-256;
a revoked key or a changed password counts after `CACHE_SECONDS` at the latest.
"""

import hashlib
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Self, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError
from fastapi import Depends, Request, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyHeader, HTTPAuthorizationCredentials, HTTPBearer
from sqlalchemy import Connection, Engine
from starlette.datastructures import Headers
from starlette.requests import HTTPConnection

from core.database import reading
from core.errors import Conflict, Forbidden, NotAuthenticated
from core.web import store
from core.web.sessions import COOKIE, CSRF_FIELD, CSRF_HEADER, Session, Sessions, password_stamp
from core.web.tables import AccessTables

Found = TypeVar("Found")
CACHE_SECONDS = 5.0
CACHE_SIZE = 4096
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")

bearer_key = HTTPBearer(auto_error=False, scheme_name="Bearer", description="An API key")
header_key = APIKeyHeader(name="X-API-Key", auto_error=False, scheme_name="X-API-Key")


@dataclass(frozen=True)
class Principal:
    """Who sends a request; `session` is None for an API key."""

    name: str
    scopes: frozenset[str]
    session: Session | None = None

    def allows(self, scope: str) -> bool:
        return bool(self.scopes & {scope, f"{scope.split(':', 1)[0]}:*", "*"})


@dataclass(frozen=True)
class Directory:
    """Where keys and accounts are looked up."""

    engine: Engine
    tables: AccessTables


class Access:
    """Recognises API keys and console sessions of one or more directories."""

    def __init__(self, directories: Sequence[Directory], *, sessions: Sessions) -> None:
        self.sessions = sessions
        self._directories = tuple(directories)
        self._cache: dict[tuple[str, str], tuple[float, Any]] = {}

    @classmethod
    def open(cls, *directories: Directory, home: Path) -> Self:
        """With the session secret of `home`; one login holds for every application there."""
        return cls(directories, sessions=Sessions.open(home / "secrets" / "session.key"))

    async def identify(self, connection: HTTPConnection, *, now: datetime) -> Principal | None:
        """The sender, or None without credentials. Raises NotAuthenticated for false ones."""
        key = _presented_key(connection.headers)
        if key is not None:
            stored = await self._key(key_sha256(key))
            if stored is None:
                raise NotAuthenticated("this API key is unknown or revoked")
            return Principal(name=f"key:{stored.name}", scopes=stored.scopes)
        cookie = connection.cookies.get(COOKIE)
        session = self.sessions.read(cookie, now=now) if cookie else None
        if session is None:
            return None
        account = await self._account(session.account)
        if account is None or password_stamp(account.password_argon2) != session.stamp:
            return None
        return Principal(name=f"account:{account.name}", scopes=account.scopes, session=session)

    def login(self, *, account: str, password: str, now: datetime) -> str:
        """The cookie of a new session. Slow on purpose: call it in a thread."""
        found = self._find_account(account)
        known = found.password_argon2 if found else _decoy()
        if not password_matches(known, password) or found is None:
            raise NotAuthenticated("account or password is wrong")
        stamp = password_stamp(found.password_argon2)
        return self.sessions.issue(account=account, stamp=stamp, now=now)

    async def _key(self, sha256: str) -> store.StoredKey | None:
        return await self._cached(("key", sha256), self._find_key, sha256)

    async def _account(self, name: str) -> store.StoredAccount | None:
        return await self._cached(("account", name), self._find_account, name)

    async def _cached(
        self, cache_key: tuple[str, str], find: Callable[[str], Found | None], argument: str
    ) -> Found | None:
        hit: tuple[float, Found] | None = self._cache.get(cache_key)
        if hit is not None and hit[0] > time.monotonic():
            return hit[1]
        found = await run_in_threadpool(find, argument)
        if found is not None:
            if len(self._cache) >= CACHE_SIZE:
                self._cache.clear()
            self._cache[cache_key] = (time.monotonic() + CACHE_SECONDS, found)
        return found

    def _find_key(self, sha256: str) -> store.StoredKey | None:
        for directory in self._directories:
            with reading(directory.engine) as connection:
                found = store.find_key(connection, directory.tables, key_sha256=sha256)
            if found is not None:
                return found
        return None

    def _find_account(self, name: str) -> store.StoredAccount | None:
        for directory in self._directories:
            with reading(directory.engine) as connection:
                found = store.find_account(connection, directory.tables, name=name)
            if found is not None:
                return found
        return None


def require(scope: str | None = None) -> Any:
    """A FastAPI dependency that gives the `Principal` if it has `scope`."""

    async def authorised(
        request: Request,
        bearer: Annotated[HTTPAuthorizationCredentials | None, Security(bearer_key)],
        header: Annotated[str | None, Security(header_key)],
    ) -> Principal:
        access: Access = request.app.state.access
        principal = await access.identify(request, now=datetime.now(UTC))
        if principal is None:
            raise NotAuthenticated("an API key or a console session is needed")
        if principal.session is not None and request.method not in SAFE_METHODS:
            await _check_csrf(request, access.sessions, principal.session)
        if scope is not None and not principal.allows(scope):
            raise Forbidden(f"this needs the scope {scope}")
        request.state.principal = principal
        return principal

    return Depends(authorised)


async def _check_csrf(request: Request, sessions: Sessions, session: Session) -> None:
    token = request.headers.get(CSRF_HEADER)
    if token is None and request.headers.get("content-type", "").startswith(FORM_TYPES):
        token = str((await request.form()).get(CSRF_FIELD, ""))
    if token is None or not sessions.csrf_valid(session, token):
        raise Forbidden("the CSRF token is missing or wrong: reload the page")


def _presented_key(headers: Headers) -> str | None:
    scheme, _, credentials = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and credentials.strip():
        return credentials.strip()
    return headers.get("x-api-key")


def key_sha256(key: str) -> str:
    return hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()


def create_key(
    connection: Connection,
    tables: AccessTables,
    *,
    name: str,
    scopes: Sequence[str],
    now: datetime,
) -> str:
    """Make an API key and return it; only its hash is stored. Raises Conflict for a used name."""
    key = f"tpd_{secrets.token_urlsafe(32)}"
    added = store.insert_key(
        connection,
        tables,
        key_sha256=key_sha256(key),
        name=name,
        hint=key[:8],
        scopes=scopes,
        now=now,
    )
    if not added:
        raise Conflict(f"an API key named {name!r} exists")
    return key


def hash_password(password: str) -> str:
    return PasswordHasher().hash(password)


def password_matches(password_argon2: str, password: str) -> bool:
    try:
        return PasswordHasher().verify(password_argon2, password)
    except VerificationError:
        return False


def _decoy() -> str:
    # An unknown account must take as long as a wrong password.
    return hash_password(secrets.token_hex(16))
