"""Mails by SMTP, each as plain text and HTML."""

import smtplib
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Literal

from core.alerting.message import Delivery
from core.alerting.text import Language, delivery_html, delivery_text, subject
from core.errors import DeliveryFailed


@dataclass(frozen=True, kw_only=True)
class MailServer:
    """`security`: `tls` from the first byte, `starttls` after the greeting, or `none`.

    `timeout` is in seconds for each exchange with the server.
    """

    host: str
    port: int = 587
    security: Literal["tls", "starttls", "none"] = "starttls"
    user: str = ""
    password: str = field(default="", repr=False)
    timeout: float = 10.0


class EmailNotifier:
    """One mail to all recipients. Its Message-ID comes from the delivery id, so that a mail which
    was sent twice can be told by the mail program."""

    def __init__(
        self,
        *,
        server: MailServer,
        sender: str,
        recipients: Sequence[str],
        language: Language = "en",
    ) -> None:
        self._server = server
        self._sender = sender
        self._recipients = list(recipients)
        self._language: Language = language

    def send(self, delivery: Delivery, *, now: datetime) -> None:
        message = self._message(delivery, now)
        try:
            with self._connection() as connection:
                refused = connection.send_message(message, self._sender, self._recipients)
        except smtplib.SMTPRecipientsRefused as error:
            raise _refused(error.recipients, of=len(self._recipients)) from error
        except smtplib.SMTPResponseException as error:
            reason = f"{error.smtp_code} {_text(error.smtp_error)}"
            raise DeliveryFailed(
                f"{self._server.host} answered {reason}", permanent=error.smtp_code >= 500
            ) from error
        except smtplib.SMTPNotSupportedError as error:
            raise DeliveryFailed(f"{self._server.host}: {error}", permanent=True) from error
        except (smtplib.SMTPException, OSError) as error:
            raise DeliveryFailed(f"{self._server.host}: {error}") from error
        if refused:
            raise _refused(refused, of=len(self._recipients))

    def _connection(self) -> smtplib.SMTP:
        server = self._server
        if server.security == "tls":
            context = ssl.create_default_context()
            connection: smtplib.SMTP = smtplib.SMTP_SSL(
                server.host, server.port, timeout=server.timeout, context=context
            )
        else:
            connection = smtplib.SMTP(server.host, server.port, timeout=server.timeout)
        try:
            if server.security == "starttls":
                connection.starttls(context=ssl.create_default_context())
            if server.user:
                connection.login(server.user, server.password)
        except (smtplib.SMTPException, OSError):
            connection.close()
            raise
        return connection

    def _message(self, delivery: Delivery, now: datetime) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = subject(delivery, self._language)
        message["From"] = self._sender
        message["To"] = ", ".join(self._recipients)
        message["Date"] = format_datetime(now)
        domain = self._sender.rpartition("@")[2].rstrip(">")
        message["Message-ID"] = f"<{delivery.id}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(delivery_text(delivery, self._language))
        message.add_alternative(delivery_html(delivery, self._language), subtype="html")
        return message


def _refused(refused: dict[str, tuple[int, bytes]], *, of: int) -> DeliveryFailed:
    """Transient only if nobody has got the mail and the server may take it later."""
    reasons = [f"{code} {_text(reason)}" for code, reason in refused.values()]
    later = len(refused) == of and all(code < 500 for code, _ in refused.values())
    return DeliveryFailed(
        f"{len(refused)} of {of} recipients were refused: {'; '.join(reasons)}",
        permanent=not later,
    )


def _text(value: bytes | str) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else value
