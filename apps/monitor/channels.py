"""Where alerts go besides the log: webhooks and mail addresses, kept sealed in the database."""

import re
import secrets
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, cast

from sqlalchemy import Connection, delete, select

from apps.monitor.rules import LOG_CHANNEL
from apps.monitor.settings import MonitorSettings
from apps.monitor.tables import CHANNELS
from core.alerting.notifiers.email import EmailNotifier, MailServer
from core.alerting.notifiers.log import LogNotifier
from core.alerting.notifiers.notifier import Notifier
from core.alerting.notifiers.webhook import WebhookNotifier
from core.crypto import Vault
from core.database import insert_ignore
from core.errors import BadInput, Conflict, NotFound

WEBHOOK = "webhook"
EMAIL = "email"
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ADDRESS = re.compile(r"[^@\s]+@[^@\s]+")


@dataclass(frozen=True)
class Channel:
    """`address` is a URL, with the signing secret behind a space, or a mail address."""

    name: str
    kind: str
    address: str
    created_at: datetime

    @property
    def url(self) -> str:
        """The address without its secret."""
        return self.address.split(" ", 1)[0]


def new_secret() -> str:
    """A signing secret as Standard Webhooks writes it."""
    return "whsec_" + b64encode(secrets.token_bytes(32)).decode()


def add(
    connection: Connection,
    vault: Vault,
    *,
    name: str,
    kind: str,
    address: str,
    settings: MonitorSettings,
    now: datetime,
) -> Channel:
    """Add one. Raises `BadInput` for an address that cannot work, Conflict for a used name."""
    if not _NAME.fullmatch(name) or name == LOG_CHANNEL:
        raise BadInput(
            f"{name!r} cannot name a channel",
            field="name",
            remedy="use up to 64 small letters, digits, dots and dashes",
        )
    channel = Channel(name, kind, address, now)
    notifier_of(channel, settings=settings)
    row = {
        "name": name,
        "kind": kind,
        "address_sealed": vault.seal(address),
        "created_at": now,
    }
    if not insert_ignore(CHANNELS, [row], connection, ["name"]):
        raise Conflict(f"there is a channel named {name!r}")
    return channel


def remove(connection: Connection, *, name: str) -> None:
    """Raises NotFound."""
    if not connection.execute(delete(CHANNELS).where(CHANNELS.c.name == name)).rowcount:
        raise NotFound(f"there is no channel {name!r}")


def names(connection: Connection) -> tuple[str, ...]:
    """The names of all channels, for routing."""
    return tuple(connection.execute(select(CHANNELS.c.name).order_by(CHANNELS.c.name)).scalars())


def channels(connection: Connection, vault: Vault) -> tuple[Channel, ...]:
    """All channels with their addresses opened."""
    return tuple(
        Channel(row.name, row.kind, vault.unseal(row.address_sealed), row.created_at)
        for row in connection.execute(select(CHANNELS).order_by(CHANNELS.c.name))
    )


def notifiers(found: Sequence[Channel], *, settings: MonitorSettings) -> Mapping[str, Notifier]:
    """What the delivery worker sends through: the log and every channel."""
    return {
        LOG_CHANNEL: LogNotifier(),
        **{channel.name: notifier_of(channel, settings=settings) for channel in found},
    }


def notifier_of(channel: Channel, *, settings: MonitorSettings) -> Notifier:
    """Raises `BadInput` for an address that cannot work."""
    if channel.kind == WEBHOOK:
        url, _, secret = channel.address.partition(" ")
        return WebhookNotifier(
            url=url, secrets=(secret,) if secret else (), external_url=settings.external_url
        )
    if not _ADDRESS.fullmatch(channel.address):
        raise BadInput(f"{channel.address!r} is no mail address", field="address")
    if not settings.smtp_host:
        raise BadInput(
            "no mail server is set", remedy="set TRIPOD_MONITOR_SMTP_HOST, then add the channel"
        )
    server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=cast(Literal["tls", "starttls", "none"], settings.smtp_security),
        user=settings.smtp_user,
        password=settings.smtp_password,
    )
    return EmailNotifier(server=server, sender=settings.smtp_sender, recipients=(channel.address,))
