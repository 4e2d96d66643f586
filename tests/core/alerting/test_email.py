from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from core.alerting.notifiers.email import EmailNotifier, MailServer
from core.errors import DeliveryFailed
from tests.core.alerting.samples import at, free_port, message


class Mailbox:
    def __init__(self, *answers: str, refused: dict[str, str] | None = None) -> None:
        self.answers = list(answers)
        self.refused = refused or {}
        self.mails: list[EmailMessage] = []

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.refused:
            return self.refused[address]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        assert isinstance(envelope.content, bytes)
        mail = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(mail, EmailMessage)
        self.mails.append(mail)
        return self.answers.pop(0) if self.answers else "250 OK"


@contextmanager
def serving(mailbox: Mailbox) -> Iterator[MailServer]:
    controller = Controller(mailbox, hostname="127.0.0.1", port=free_port())
    controller.start()
    try:
        yield MailServer(host="127.0.0.1", port=controller.port, security="none", timeout=5)
    finally:
        controller.stop()


def notifier(server: MailServer, *recipients: str, language: str = "en") -> EmailNotifier:
    return EmailNotifier(
        server=server,
        sender="Tripod <tripod@example.com>",
        recipients=recipients or ("desk@example.com",),
        language="zh" if language == "zh" else "en",
    )


def test_a_mail_has_a_plain_and_an_html_part() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as server:
        notifier(server).send(message(5), now=at(3))
    [mail] = mailbox.mails
    assert mail["Subject"] == "[firing, critical] News on ACME turned (5)"
    assert mail["Message-ID"] == "<msg_1@example.com>"
    assert mail["To"] == "desk@example.com"
    plain, html = (mail.get_body((kind,)) for kind in ("plain", "html"))
    assert plain is not None
    assert html is not None
    assert "acme recalls its <kettle> (wire, 2026-03-02 09:00:00 UTC)" in plain.get_content()
    assert "acme recalls its &lt;kettle&gt;" in html.get_content()
    assert "<kettle>" not in html.get_content()


def test_a_mail_in_chinese() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as server:
        notifier(server, language="zh").send(message(1), now=at(8))
    [mail] = mailbox.mails
    assert mail["Subject"] == "[已恢复，严重] ACME 的新闻急转（5）"
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert "数值在整个稳定期内保持正常" in plain.get_content()


@pytest.mark.parametrize(
    ("answer", "permanent"),
    [("451 try later", False), ("452 full", False), ("554 no", True), ("550 spam", True)],
)
def test_the_servers_answer_says_whether_to_try_again(answer: str, permanent: bool) -> None:
    with serving(Mailbox(answer)) as server, pytest.raises(DeliveryFailed) as failed:
        notifier(server).send(message(5), now=at(0))
    assert failed.value.permanent is permanent
    assert answer[:3] in str(failed.value)


def test_a_recipient_who_is_refused_is_not_passed_over() -> None:
    mailbox = Mailbox(refused={"gone@example.com": "550 no such user"})
    with serving(mailbox) as server, pytest.raises(DeliveryFailed, match="1 of 2") as failed:
        notifier(server, "desk@example.com", "gone@example.com").send(message(5), now=at(0))
    assert failed.value.permanent
    assert len(mailbox.mails) == 1


def test_recipients_who_are_refused_for_now_are_tried_again() -> None:
    mailbox = Mailbox(refused={"desk@example.com": "450 grey-listed"})
    with serving(mailbox) as server, pytest.raises(DeliveryFailed, match="1 of 1") as failed:
        notifier(server).send(message(5), now=at(0))
    assert not failed.value.permanent


def test_a_server_that_is_down_is_tried_again() -> None:
    server = MailServer(host="127.0.0.1", port=free_port(), security="none", timeout=2)
    with pytest.raises(DeliveryFailed) as failed:
        notifier(server).send(message(5), now=at(0))
    assert not failed.value.permanent


def test_without_the_encryption_asked_for_nothing_is_sent() -> None:
    mailbox = Mailbox()
    with serving(mailbox) as server, pytest.raises(DeliveryFailed) as failed:
        notifier(replace(server, security="starttls")).send(message(5), now=at(0))
    assert failed.value.permanent
    assert mailbox.mails == []


def test_a_headline_cannot_add_a_header() -> None:
    one = message(5)
    evil = replace(one.alerts[0], annotations={"summary": "x\r\nBcc: all@example.com\r\n\r\nhi"})
    mailbox = Mailbox()
    with serving(mailbox) as server:
        notifier(server).send(replace(one, alerts=(evil,)), now=at(0))
    [mail] = mailbox.mails
    assert mail["Bcc"] is None
    assert mail["Subject"] == "[firing, critical] x Bcc: all@example.com hi"
