"""The append-only promotion log: who served when, and what a rollback returns to.

One JSON object per line in `promotions.jsonl`. A line is written with one `write` under a file
lock and flushed to disk; a line torn by a crash is ignored by readers and ended by the next
writer, so a `kill -9` at any moment leaves a log that reads as before or after the entry.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True)
class Promotion:
    """`version` serves under `name` from `at` on. `action` is "promote" or "rollback"."""

    name: str
    version: str
    at: datetime
    action: str
    reason: str


class PromotionLog:
    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the log: nobody else reads it to write after it."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    def append(self, promotion: Promotion) -> None:
        """Write one entry; call it inside `locked()`."""
        body = asdict(promotion) | {"at": promotion.at.isoformat()}
        line = json.dumps(body, ensure_ascii=False).encode() + b"\n"
        with self.path.open("a+b") as log:
            if log.tell() > 0:
                log.seek(-1, os.SEEK_END)
                if log.read(1) != b"\n":
                    line = b"\n" + line
            log.write(line)
            log.flush()
            os.fsync(log.fileno())

    def entries(self, name: str | None = None) -> list[Promotion]:
        """All entries, oldest first, of one name or of all."""
        try:
            lines = self.path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return []
        found = [entry for entry in map(_parse, lines) if entry is not None]
        return [entry for entry in found if name is None or entry.name == name]

    def stamp(self) -> tuple[int, int]:
        """Changes whenever the log does: cheap to poll."""
        try:
            status = self.path.stat()
        except FileNotFoundError:
            return (0, 0)
        return (status.st_mtime_ns, status.st_size)


def serving(entries: Sequence[Promotion]) -> list[str]:
    """The stack of versions that rollbacks walk down; the last one serves."""
    stack: list[str] = []
    for entry in entries:
        if entry.action == "rollback":
            stack.pop()
        else:
            stack.append(entry.version)
    return stack


def _parse(line: bytes) -> Promotion | None:
    try:
        body = json.loads(line)
        return Promotion(**(body | {"at": datetime.fromisoformat(body["at"])}))
    except (ValueError, KeyError, TypeError):
        return None
