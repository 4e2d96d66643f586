"""`tripod access`: API keys of the applications, and the password of the consoles."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from sqlalchemy import Connection

from apps.applications import Application, applications
from apps.preparation import ACCOUNT, keep_password, migrate
from core.commands import AsJson, Home, core_settings, emit, group
from core.database import connect, transaction
from core.errors import BadInput, NotFound
from core.web import store
from core.web.access import create_key, hash_password

ACTOR = "command line"

AppName = Annotated[str, typer.Argument(help="support, monitor or recommend.")]
KeyName = Annotated[str, typer.Argument(help="Name of the key, for the audit log.")]

app = group("API keys, and the password of the consoles.")


@app.command()
def key(
    application: AppName,
    name: KeyName,
    scopes: Annotated[
        str, typer.Option(help="With commas between; default: all of the application.")
    ] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Make an API key and print it. It is stored as a hash and cannot be shown again."""
    chosen = _application(application)
    wanted = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    wanted = wanted or [f"{application}:*", "inference"]
    now = datetime.now(UTC)
    with _transaction(chosen, home=core_settings(home).home) as connection:
        made = create_key(connection, chosen.access, name=name, scopes=wanted, now=now)
        _record(connection, chosen, action="key.created", subject=name, now=now)
    emit({"name": name, "key": made, "scopes": wanted}, as_json=as_json, text=made)


@app.command()
def keys(application: AppName, home: Home = None, as_json: AsJson = False) -> None:
    """List the keys by name, with the beginning of each."""
    chosen = _application(application)
    with _transaction(chosen, home=core_settings(home).home) as connection:
        found = store.list_keys(connection, chosen.access)
    listed = [
        {
            "name": entry.name,
            "begins": entry.hint,
            "scopes": sorted(entry.scopes),
            "created_at": entry.created_at.isoformat(),
            "revoked_at": entry.revoked_at.isoformat() if entry.revoked_at else None,
        }
        for entry in found
    ]
    emit(
        {"keys": listed},
        as_json=as_json,
        text="\n".join(
            f"{entry.name}  {entry.hint}...  {','.join(sorted(entry.scopes))}"
            + ("  revoked" if entry.revoked_at else "")
            for entry in found
        ),
    )


@app.command()
def revoke(application: AppName, name: KeyName, home: Home = None, as_json: AsJson = False) -> None:
    """Take a key back; servers know it within seconds."""
    chosen = _application(application)
    now = datetime.now(UTC)
    with _transaction(chosen, home=core_settings(home).home) as connection:
        if not store.revoke_key(connection, chosen.access, name=name, now=now):
            raise NotFound(f"{application} has no valid key named {name!r}")
        _record(connection, chosen, action="key.revoked", subject=name, now=now)
    emit({"revoked": name}, as_json=as_json)


@app.command()
def password(home: Home = None, as_json: AsJson = False) -> None:
    """Give the consoles' account a new password, print it, and end the sessions of the old."""
    folder = core_settings(home).home
    made = secrets.token_urlsafe(12)
    hashed = hash_password(made)
    now = datetime.now(UTC)
    for application in applications():
        with _transaction(application, home=folder) as connection:
            tables = application.access
            changed = store.set_password(connection, tables, name=ACCOUNT, password_argon2=hashed)
            if not changed:
                store.insert_account(
                    connection, tables, name=ACCOUNT, password_argon2=hashed, scopes=["*"], now=now
                )
            _record(connection, application, action="password.changed", subject=ACCOUNT, now=now)
    keep_password(folder, hashed)
    emit({"account": ACCOUNT, "password": made}, as_json=as_json, text=made)


def _application(name: str) -> Application:
    found = applications(name)
    if len(found) != 1:
        raise BadInput("name one application", field="application")
    return found[0]


@contextmanager
def _transaction(application: Application, *, home: Path) -> Iterator[Connection]:
    migrate(application, home=home)
    engine = connect(application.database_url(home))
    try:
        with transaction(engine) as connection:
            yield connection
    finally:
        engine.dispose()


def _record(
    connection: Connection, application: Application, *, action: str, subject: str, now: datetime
) -> None:
    store.record(
        connection, application.access, actor=ACTOR, action=action, subject=subject, now=now
    )
