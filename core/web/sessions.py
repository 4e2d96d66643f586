"""Console sessions in a signed cookie, and the CSRF token that belongs to each.

The cookie holds the account's name, a stamp of its password, an expiry and a random id, signed
with HMAC-SHA-256. A changed password changes the stamp, which ends the account's sessions.
"""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from core.crypto import write_once

COOKIE = "tripod_session"
CSRF_FIELD = "csrf_token"
CSRF_HEADER = "X-CSRF-Token"
LIFETIME = timedelta(hours=12)


@dataclass(frozen=True)
class Session:
    """`stamp` ties the session to the password that it was opened with."""

    account: str
    stamp: str
    expires_at: int
    nonce: str


def password_stamp(password_argon2: str) -> str:
    return hashlib.sha256(password_argon2.encode()).hexdigest()[:16]


class Sessions:
    """Issues and reads session cookies with one secret."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    @classmethod
    def open(cls, path: Path) -> Self:
        """With the secret in the file `path` (mode 0600, made at first use)."""
        return cls(write_once(path, secrets.token_hex(32)).strip().encode())

    def issue(
        self, *, account: str, stamp: str, now: datetime, lifetime: timedelta = LIFETIME
    ) -> str:
        expires_at = int((now + lifetime).timestamp())
        payload = json.dumps([account, stamp, expires_at, secrets.token_hex(8)])
        encoded = base64.urlsafe_b64encode(payload.encode()).decode("ascii")
        return f"{encoded}.{self._sign('session', encoded)}"

    def read(self, cookie: str, *, now: datetime) -> Session | None:
        """The session of a cookie, or None if it was not issued here or has expired."""
        encoded, _, signature = cookie.partition(".")
        expected = self._sign("session", encoded)
        if not hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace")):
            return None
        account, stamp, expires_at, nonce = json.loads(base64.urlsafe_b64decode(encoded))
        if now.timestamp() >= expires_at:
            return None
        return Session(account=account, stamp=stamp, expires_at=expires_at, nonce=nonce)

    def csrf_token(self, session: Session) -> str:
        return self._sign("csrf", session.nonce)

    def csrf_valid(self, session: Session, token: str) -> bool:
        expected = self.csrf_token(session)
        return hmac.compare_digest(expected.encode(), token.encode("utf-8", "replace"))

    def _sign(self, purpose: str, text: str) -> str:
        message = f"{purpose}:{text}".encode("utf-8", "surrogateescape")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
