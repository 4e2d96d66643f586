"""Encryption at rest with a ring of keys in one file.

The newest key seals, every key of the ring opens, so a rotation needs no rewriting of data.
Sealing is Fernet (AES-128-CBC with HMAC-SHA-256, https://github.com/fernet/spec).
"""

import base64
import hashlib
import hmac
import json
import os
import secrets
from pathlib import Path
from typing import Self

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.errors import ArtefactCorrupt


class Vault:
    """Seals and opens text with the key ring of one file (mode 0600, made at first use)."""

    def __init__(self, *, path: Path, keys: list[str], index_key: bytes) -> None:
        self._path = path
        self._keys = keys
        self._index_key = index_key
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the ring at `path`, or make one there. Two processes that race get the same."""
        fresh = {"keys": [_new_key()], "index_key": _new_key()}
        ring = write_once(path, json.dumps(fresh))
        try:
            content = json.loads(ring)
            index_key = base64.urlsafe_b64decode(content["index_key"])
            return cls(path=path, keys=list(content["keys"]), index_key=index_key)
        except (ValueError, KeyError, TypeError) as error:
            raise ArtefactCorrupt(f"the key ring {path} cannot be read") from error

    def seal(self, text: str) -> str:
        return self._fernet.encrypt(text.encode()).decode("ascii")

    def unseal(self, sealed: str) -> str:
        """The text of `seal`. Raises `ArtefactCorrupt` if no key of the ring opens it."""
        try:
            return self._fernet.decrypt(sealed).decode()
        except InvalidToken as error:
            raise ArtefactCorrupt("sealed text does not open with this key ring") from error

    def fingerprint(self, text: str) -> str:
        """A keyed hash to look a sealed value up by; it survives rotation. 64 hex digits."""
        return hmac.new(self._index_key, text.encode(), hashlib.sha256).hexdigest()

    def rotate(self) -> Self:
        """Put a new key first in the file; returns a vault that seals with it."""
        keys = [_new_key(), *self._keys]
        index_key = base64.urlsafe_b64encode(self._index_key).decode("ascii")
        replace_private(self._path, json.dumps({"keys": keys, "index_key": index_key}))
        return type(self)(path=self._path, keys=keys, index_key=self._index_key)


def write_once(path: Path, text: str) -> str:
    """Write a private file unless it exists; returns what the file holds. Never half a file."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
        _write_private(temporary, text)
        try:
            os.link(temporary, path)
        except FileExistsError:
            pass
        finally:
            temporary.unlink()
    return path.read_text(encoding="utf-8")


def replace_private(path: Path, text: str) -> None:
    """Write a private file in place of another; readers see the old one or the new."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    _write_private(temporary, text)
    temporary.replace(path)


def _write_private(path: Path, text: str) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def _new_key() -> str:
    return Fernet.generate_key().decode("ascii")
