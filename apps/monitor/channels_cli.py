"""`tripod monitor channels`: who hears of alerts besides the log."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from apps.monitor import channels
from apps.monitor.cli import settings_of
from apps.monitor.runtime import build
from core.commands import AsJson, Home, emit, group
from core.database import reading, transaction

app = group("Where alerts are delivered. The log always gets them.")


@app.command("list")
def list_command(home: Home = None, as_json: AsJson = False) -> None:
    """List the channels; secrets are not shown."""
    with build(settings_of(home)) as runtime, reading(runtime.engine) as connection:
        found = channels.channels(connection, runtime.vault)
    rows = [{"name": each.name, "kind": each.kind, "address": each.url} for each in found]
    emit(
        {"channels": rows},
        as_json=as_json,
        text="\n".join(f"{each['name']} ({each['kind']}): {each['address']}" for each in rows)
        or "no channels besides the log",
    )


@app.command("add-webhook")
def add_webhook_command(
    url: Annotated[str, typer.Argument()],
    name: Annotated[str, typer.Option(help="A short name.")] = "webhook",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Post every alert to a URL, in Alertmanager's form, with a Standard Webhooks signature.

    Prints the signing secret; it is not shown again.
    """
    secret = channels.new_secret()
    _add(home, name=name, kind=channels.WEBHOOK, address=f"{url} {secret}")
    emit(
        {"name": name, "url": url, "secret": secret},
        as_json=as_json,
        text=f"{name} added; its signing secret is {secret}",
    )


@app.command("add-email")
def add_email_command(
    address: Annotated[str, typer.Argument()],
    name: Annotated[str, typer.Option(help="A short name.")] = "email",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Mail every alert to an address, through TRIPOD_MONITOR_SMTP_HOST."""
    _add(home, name=name, kind=channels.EMAIL, address=address)
    emit({"name": name, "address": address}, as_json=as_json, text=f"{name} added")


@app.command("remove")
def remove_command(
    name: Annotated[str, typer.Argument()], home: Home = None, as_json: AsJson = False
) -> None:
    """Remove a channel; what still waits for it goes to the dead letters."""
    with build(settings_of(home)) as runtime, transaction(runtime.engine) as connection:
        channels.remove(connection, name=name)
    emit({"removed": name}, as_json=as_json, text=f"{name} removed")


def _add(home: Home, *, name: str, kind: str, address: str) -> None:
    with build(settings_of(home)) as runtime, transaction(runtime.engine) as connection:
        channels.add(
            connection,
            runtime.vault,
            name=name,
            kind=kind,
            address=address,
            settings=runtime.settings,
            now=datetime.now(UTC),
        )
