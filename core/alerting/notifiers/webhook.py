"""Webhooks: Alertmanager's body of version 4, signed as Standard Webhooks has it.

https://prometheus.io/docs/alerting/latest/configuration/#webhook_config
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

import base64
import binascii
import hashlib
import hmac
import json
import socket
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException
from threading import Timer
from typing import Any
from urllib.parse import urlsplit

from core.alerting.alert import Alert, State
from core.alerting.message import Delivery
from core.alerting.notifiers.addresses import AddressPolicy, default_policy, open_socket
from core.alerting.wire import evidence_json, time_json
from core.errors import BadInput, DeliveryFailed

NO_END = "0001-01-01T00:00:00Z"
ERROR_BYTES = 300
MAX_ALERTS = 500
WORTH_ANOTHER_TRY = frozenset({408, 425, 429})


class WebhookNotifier:
    """Posts each message to `url`; anything but a 2xx answer is a failure.

    Every secret in `secrets` (`whsec_` and base64, at least 24 bytes) signs, so that a receiver can
    change from one to the next. Redirects are not followed. `policy` says which networks may be
    reached; by default public ones, and loopback only if the URL names it literally. `deadline` is
    in seconds for the whole exchange.
    """

    def __init__(
        self,
        *,
        url: str,
        secrets: Sequence[str] = (),
        headers: Mapping[str, str] | None = None,
        policy: AddressPolicy | None = None,
        deadline: float = 10.0,
        external_url: str = "",
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username:
            raise BadInput(f"{url!r} is no http or https URL", field="url")
        self._host = parts.hostname
        self._tls = ssl.create_default_context() if parts.scheme == "https" else None
        self._port = parts.port or (443 if self._tls else 80)
        self._path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        self._netloc = parts.netloc
        self._keys = [_key(secret) for secret in secrets]
        self._headers = dict(headers or {})
        self._policy = policy or default_policy(url)
        self._deadline = deadline
        self._external_url = external_url

    def send(self, delivery: Delivery, *, now: datetime) -> None:
        body = json.dumps(payload(delivery, external_url=self._external_url)).encode()
        headers = {
            "Host": self._netloc,
            "Content-Type": "application/json",
            "User-Agent": "Tripod",
            **self._headers,
            **signature_headers(delivery.id, now, body, self._keys),
        }
        status, answered, start = self._post(body, headers)
        if 200 <= status < 300:
            return
        retry = status in WORTH_ANOTHER_TRY or status >= 500
        raise DeliveryFailed(
            f"{self._host} answered {status}: {start}",
            permanent=not retry,
            retry_after=_retry_after(answered.get("retry-after"), now) if retry else None,
        )

    def _post(self, body: bytes, headers: Mapping[str, str]) -> tuple[int, Mapping[str, str], str]:
        connection = HTTPConnection(self._host, self._port)
        connection.sock = open_socket(
            self._host, self._port, policy=self._policy, timeout=self._deadline / 2
        )
        # A receiver that trickles bytes would keep a socket's own timeout from ever passing.
        watchdog = Timer(self._deadline, lambda: _shut(connection.sock))
        watchdog.start()
        try:
            if self._tls is not None:
                connection.sock = self._tls.wrap_socket(
                    connection.sock, server_hostname=self._host, do_handshake_on_connect=False
                )
                connection.sock.do_handshake()
            connection.request("POST", self._path, body=body, headers=dict(headers))
            answer = connection.getresponse()
            start = "" if answer.status < 300 else answer.read(ERROR_BYTES).decode(errors="replace")
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, start
        except (OSError, HTTPException) as error:
            reason = f"{type(error).__name__}: {error}"
            raise DeliveryFailed(f"{self._host} did not answer: {reason}") from error
        finally:
            watchdog.cancel()
            connection.close()


def payload(delivery: Delivery, *, external_url: str = "") -> dict[str, Any]:
    """The body, with what Tripod knows besides (`id`, `value`, `evidence`) in each alert."""
    alerts = delivery.alerts[:MAX_ALERTS]
    return {
        "version": "4",
        "groupKey": delivery.group_key,
        "truncatedAlerts": len(delivery.alerts) - len(alerts),
        "status": delivery.status.value,
        "receiver": delivery.receiver,
        "groupLabels": dict(delivery.group_labels),
        "commonLabels": _common([alert.labels for alert in alerts]),
        "commonAnnotations": _common([alert.annotations for alert in alerts]),
        "externalURL": external_url,
        "alerts": [_alert(alert, external_url) for alert in alerts],
    }


def signature_headers(
    delivery_id: str, now: datetime, body: bytes, keys: Sequence[bytes]
) -> dict[str, str]:
    """`webhook-id`, `webhook-timestamp` (Unix seconds) and one `v1` signature for each key."""
    timestamp = str(int(now.timestamp()))
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    signatures = [
        "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
        for key in keys
    ]
    headers = {"webhook-id": delivery_id, "webhook-timestamp": timestamp}
    return {**headers, "webhook-signature": " ".join(signatures)} if keys else headers


def _alert(alert: Alert, external_url: str) -> dict[str, Any]:
    resolved = alert.state is State.RESOLVED
    return {
        "status": "resolved" if resolved else "firing",
        "labels": dict(alert.labels),
        "annotations": dict(alert.annotations),
        "startsAt": time_json(alert.fired_at),
        "endsAt": time_json(alert.closed_at) if resolved else NO_END,
        "generatorURL": external_url,
        "fingerprint": alert.fingerprint,
        "id": alert.id,
        "value": alert.value,
        "threshold": alert.threshold,
        "reason": alert.reason.value,
        "evidence": evidence_json(alert.evidence),
    }


def _common(mappings: Sequence[Mapping[str, str]]) -> dict[str, str]:
    shared = set.intersection(*(set(mapping.items()) for mapping in mappings))
    return dict(sorted(shared))


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
    except binascii.Error as error:
        raise BadInput("a webhook secret is `whsec_` and base64", field="secrets") from error
    if len(key) < 24:
        raise BadInput("a webhook secret has at least 24 bytes", field="secrets")
    return key


def _retry_after(value: str | None, now: datetime) -> float | None:
    """Seconds, from seconds or from an HTTP date; None for neither."""
    if value is None:
        return None
    if value.strip().isdecimal():
        return float(value)
    try:
        until = parsedate_to_datetime(value)
    except ValueError:
        return None
    aware = until if until.tzinfo else until.replace(tzinfo=UTC)
    return max(0.0, (aware - now).total_seconds())


def _shut(sock: socket.socket | None) -> None:
    if sock is None:
        return
    try:
        sock.shutdown(socket.SHUT_RDWR)
    except OSError:
        return
