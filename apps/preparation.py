"""What a start does before it serves: migrate, train what is missing, load the sample content.

Every step may be cut off anywhere and is repeated or passed over by the next start. Training and
sample loading run in processes of their own: a server imports no training library and keeps no
memory of theirs.
"""

import fcntl
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import structlog
from sqlalchemy import Connection

from apps.applications import Application
from core.crypto import replace_private
from core.database import connect, reading, transaction, upgrade
from core.errors import Unavailable
from core.models.registry import Registry
from core.web import store
from core.web.access import Directory, create_key, hash_password

log = structlog.get_logger(__name__)

SAMPLES = "samples.loaded"
FIRST_KEY = "first"
ACCOUNT = "admin"


def prepare(application: Application, *, home: Path) -> None:
    """Bring one application to where it can serve. Raises Unavailable if a step fails."""
    migrate(application, home=home)
    with _lock(home / application.name / "preparation.lock") as lock:
        if missing_models(application, home=home):
            log.info("training", application=application.name)
            _run(f"apps.{application.name}.train", home=home, lock=lock)
        still = missing_models(application, home=home)
        if still:
            raise Unavailable(f"training ended without promoting {', '.join(still)}")
        if not samples_loaded(application, home=home):
            log.info("loading the sample content", application=application.name)
            _run("apps.samples", application.name, home=home, lock=lock)


def migrate(application: Application, *, home: Path) -> None:
    engine = connect(application.database_url(home))
    try:
        upgrade(engine, application.migrations)
    finally:
        engine.dispose()


def missing_models(application: Application, *, home: Path) -> list[str]:
    registry = Registry(home / "registry")
    return [name for name in application.models if registry.current(name) is None]


def samples_loaded(application: Application, *, home: Path) -> bool:
    engine = connect(application.database_url(home))
    try:
        with reading(engine) as connection:
            return store.is_recorded(
                connection, application.access, action=SAMPLES, subject=application.name
            )
    finally:
        engine.dispose()


def load_samples(application: Application, *, home: Path, now: datetime) -> None:
    """Load the sample content and record that all of it is there."""
    with application.build(application.settings(home=home)) as runtime:
        application.load_samples(runtime)
        with transaction(runtime.directory.engine) as connection:
            store.record(
                connection,
                runtime.directory.tables,
                actor="system",
                action=SAMPLES,
                subject=application.name,
                now=now,
            )


def _run(module: str, *arguments: str, home: Path, lock: int) -> None:
    command = [sys.executable, "-m", module, *arguments, "--home", str(home)]
    # The child inherits the lock: a start that follows a killed one waits for the child.
    process = subprocess.Popen(command, stdout=sys.stderr, pass_fds=(lock,))  # noqa: S603
    try:
        status = process.wait()
    except BaseException:
        process.send_signal(signal.SIGTERM)
        process.wait()
        raise
    if status != 0:
        raise Unavailable(f"`{' '.join(command[1:])}` ended with status {status}")


@contextmanager
def _lock(path: Path) -> Iterator[int]:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            log.info("waiting for another start that prepares this application", lock=str(path))
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _transactions(directories: Sequence[tuple[str, Directory]]) -> Iterator[list[Connection]]:
    with ExitStack() as stack:
        yield [stack.enter_context(transaction(directory.engine)) for _, directory in directories]


@dataclass(frozen=True)
class FirstAccess:
    """What a first start tells once: keys by application, and the console's password."""

    keys: dict[str, str]
    account: str = ACCOUNT
    password: str | None = None


@contextmanager
def first_access(
    directories: Sequence[tuple[str, Directory]], *, home: Path, now: datetime
) -> Iterator[FirstAccess]:
    """Make what is missing, and keep it if the block that tells it to a person succeeds.

    The hash of the password stands in the home folder too, for applications that start later. It
    is written after the password was told and before the accounts are committed: a start that is
    cut off in between leaves a password that was told and works after the next start.
    """
    kept = _password_file(home)
    password = None if kept.exists() else secrets.token_urlsafe(12)
    hashed = kept.read_text("utf-8") if password is None else hash_password(password)
    with _transactions(directories) as connections:
        keys = {}
        for (name, directory), connection in zip(directories, connections, strict=True):
            added = store.insert_account(
                connection,
                directory.tables,
                name=ACCOUNT,
                password_argon2=hashed,
                scopes=["*"],
                now=now,
            )
            if password is not None and not added:
                store.set_password(
                    connection, directory.tables, name=ACCOUNT, password_argon2=hashed
                )
            if not store.list_keys(connection, directory.tables):
                keys[name] = create_key(
                    connection,
                    directory.tables,
                    name=FIRST_KEY,
                    scopes=[f"{name}:*", "inference"],
                    now=now,
                )
        yield FirstAccess(keys=keys, password=password)
        if password is not None:
            keep_password(home, hashed)


def keep_password(home: Path, password_argon2: str) -> None:
    """Remember the hash for applications that start later."""
    replace_private(_password_file(home), password_argon2)


def _password_file(home: Path) -> Path:
    return home / "secrets" / "admin.argon2"
