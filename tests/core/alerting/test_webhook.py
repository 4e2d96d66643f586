import base64
import hashlib
import hmac
import json
import socket
import threading
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from core.alerting.alert import State
from core.alerting.notifiers.addresses import AddressPolicy, default_policy, open_socket
from core.alerting.notifiers.webhook import WebhookNotifier, signature_headers
from core.errors import BadInput, DeliveryFailed
from tests.core.alerting.samples import at, message, receiving

SECRET = "whsec_" + base64.b64encode(b"k" * 32).decode()
OLDER = "whsec_" + base64.b64encode(b"o" * 32).decode()


def test_the_signature_is_the_one_that_the_specification_computes() -> None:
    with receiving() as receiver:
        WebhookNotifier(url=receiver.url, secrets=(SECRET, OLDER)).send(message(5), now=at(3))
        [post] = receiver.posts
    stamp = post.headers["webhook-timestamp"]
    assert int(stamp) == int(at(3).timestamp())
    signed = b".".join([post.headers["webhook-id"].encode(), stamp.encode(), post.body])
    expected = [
        "v1," + base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
        for key in (b"k" * 32, b"o" * 32)
    ]
    assert post.headers["webhook-signature"].split(" ") == expected


def test_the_example_of_the_specifications_reference_libraries() -> None:
    key = base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signature_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, UTC),
        b'{"test": 2432232314}',
        [key],
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_the_body_is_alertmanagers_version_4() -> None:
    with receiving() as receiver:
        notifier = WebhookNotifier(
            url=receiver.url + "?team=1", headers={"X-Team": "1"}, external_url="http://tripod"
        )
        notifier.send(message(5, 1), now=at(8))
        [post] = receiver.posts
    assert post.path == "/hook?team=1"
    assert post.headers["content-type"] == "application/json"
    assert post.headers["x-team"] == "1"
    assert "webhook-signature" not in post.headers
    body = json.loads(post.body)
    firing, resolved = body.pop("alerts")
    labels = {"sector": "retail", "alertname": "Sentiment shock", "severity": "critical"}
    assert body == {
        "version": "4",
        "groupKey": '{}:{sector="retail"}',
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "desk",
        "groupLabels": {"sector": "retail"},
        "commonLabels": {**labels, "rule": "shock"},
        "commonAnnotations": {},
        "externalURL": "http://tripod",
    }
    assert firing["labels"] == {**labels, "rule": "shock", "company": "ACME", "key": "acme"}
    assert firing["annotations"]["summary"] == "News on ACME turned (5)"
    assert (firing["startsAt"], firing["endsAt"]) == (
        "2026-03-02T09:00:00Z",
        "0001-01-01T00:00:00Z",
    )
    assert firing["evidence"][0]["text"] == "acme recalls its <kettle>"
    assert (resolved["status"], resolved["endsAt"]) == ("resolved", "2026-03-02T09:07:00Z")


def test_a_message_about_ends_only_says_resolved() -> None:
    assert message(1).alerts[0].state is State.RESOLVED
    assert message(1, 0).status.value == "resolved"
    assert message(1, 5).status.value == "firing"


def test_a_redirect_is_not_followed() -> None:
    with receiving() as target, receiving((307, {"Location": target.url})) as receiver:
        with pytest.raises(DeliveryFailed, match="307") as failed:
            WebhookNotifier(url=receiver.url).send(message(5), now=at(0))
        assert failed.value.permanent
        assert target.posts == []


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("120", 120.0),
        (format_datetime(at(2), usegmt=True), 120.0),
        (format_datetime(at(-2), usegmt=True), 0.0),
        ("soon", None),
    ],
)
def test_retry_after_in_seconds_or_as_a_date(value: str, expected: float | None) -> None:
    with receiving((429, {"Retry-After": value})) as receiver:
        with pytest.raises(DeliveryFailed) as failed:
            WebhookNotifier(url=receiver.url).send(message(5), now=at(0))
        assert not failed.value.permanent
        assert failed.value.retry_after == expected


def test_an_answer_that_trickles_in_is_cut_off() -> None:
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def trickle() -> None:
            connection, _ = server.accept()
            with connection:
                while not stop.wait(0.05):
                    try:
                        connection.sendall(b"H")
                    except OSError:
                        return

        thread = threading.Thread(target=trickle)
        thread.start()
        url = f"http://127.0.0.1:{server.getsockname()[1]}/"
        began = time.monotonic()
        with pytest.raises(DeliveryFailed) as failed:
            WebhookNotifier(url=url, deadline=0.5).send(message(5), now=at(0))
        stop.set()
        thread.join()
    assert not failed.value.permanent
    assert time.monotonic() - began < 3


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1, signed by itself, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path = tmp_path / "receiver.pem"
    path.write_bytes(private + signed.public_bytes(Encoding.PEM))
    return path


def test_a_trusted_server_is_reached_by_tls(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with receiving(certificate=certificate) as receiver:
        WebhookNotifier(url=receiver.url, deadline=5).send(message(5), now=at(0))
        assert receiver.ids() == ["msg_1"]


def test_a_server_that_nobody_vouches_for_gets_nothing(certificate: Path) -> None:
    with receiving(certificate=certificate) as receiver:
        with pytest.raises(DeliveryFailed, match="certificate"):
            WebhookNotifier(url=receiver.url, deadline=5).send(message(5), now=at(0))
        assert receiver.posts == []


@pytest.mark.parametrize("url", ["ftp://a/", "hook", "http://", "http://user:pw@host/"])
def test_what_is_no_webhook_url_is_refused(url: str) -> None:
    with pytest.raises(BadInput, match="URL"):
        WebhookNotifier(url=url)


@pytest.mark.parametrize("secret", ["whsec_c2hvcnQ=", "whsec_!!!"])
def test_a_weak_or_broken_secret_is_refused(secret: str) -> None:
    with pytest.raises(BadInput, match="secret"):
        WebhookNotifier(url="https://example.com/", secrets=(secret,))


FORBIDDEN = (
    "10.1.2.3 172.16.0.1 192.168.1.1 169.254.169.254 100.100.100.200 168.63.129.16 0.0.0.0 "
    "224.0.0.1 240.0.0.1 fe80::1 fd00:ec2::254 fc00::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 "
    "64:ff9b::a00:1 2002:a00:1:: :: ::1 127.0.0.1 100.64.0.1"
)


@pytest.mark.parametrize("address", FORBIDDEN.split())
def test_addresses_that_are_never_reached_by_default(address: str) -> None:
    assert not AddressPolicy().allows(ip_address(address))


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "100.100.100.200"])
def test_metadata_services_stay_out_of_reach_with_private_networks_allowed(address: str) -> None:
    assert not AddressPolicy(allow_private=True, allow_loopback=True).allows(ip_address(address))


@pytest.mark.parametrize("address", ["10.1.2.3", "192.168.1.1", "fc00::1", "100.64.0.1"])
def test_private_networks_can_be_allowed(address: str) -> None:
    assert AddressPolicy(allow_private=True).allows(ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_are_allowed(address: str) -> None:
    assert AddressPolicy().allows(ip_address(address))


@pytest.mark.parametrize(
    ("url", "loopback"),
    [
        ("http://127.0.0.1:9/hook", True),
        ("http://[::1]/hook", True),
        ("http://localhost/hook", True),
        ("http://10.0.0.1/hook", False),
        ("http://localhost.example.com/hook", False),
    ],
)
def test_loopback_only_where_the_url_names_it(url: str, loopback: bool) -> None:
    assert default_policy(url) == AddressPolicy(allow_loopback=loopback)


def test_the_address_is_checked_when_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A public name whose address is, at that moment, one of ours."""

    def resolve(*_: object, **__: object) -> list[object]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]

    with receiving() as receiver:
        monkeypatch.setattr(socket, "getaddrinfo", resolve)
        notifier = WebhookNotifier(url=f"http://hooks.example.com:{receiver.port}/")
        with pytest.raises(DeliveryFailed, match="may not connect") as failed:
            notifier.send(message(5), now=at(0))
        assert failed.value.permanent
        monkeypatch.undo()
        assert receiver.posts == []


def test_a_name_that_does_not_resolve_is_tried_again_later() -> None:
    with pytest.raises(DeliveryFailed, match="resolve") as failed:
        open_socket("no-such-host.invalid", 80, policy=AddressPolicy(), timeout=5)
    assert not failed.value.permanent


def test_at_most_500_alerts_are_in_one_body() -> None:
    one = message(5)
    many = replace(one, alerts=one.alerts * 600)
    with receiving() as receiver:
        WebhookNotifier(url=receiver.url).send(many, now=at(0))
        body = json.loads(receiver.posts[0].body)
    assert (len(body["alerts"]), body["truncatedAlerts"]) == (500, 100)
