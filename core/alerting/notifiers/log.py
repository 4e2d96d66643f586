"""Writes each alert of a message as one structured log line."""

import logging
from datetime import datetime

import structlog

from core.alerting.alert import State
from core.alerting.message import Delivery
from core.alerting.text import headline

log = structlog.get_logger("alerts")


class LogNotifier:
    """The channel that always works: what it wrote is in the log of the process."""

    def send(self, delivery: Delivery, *, now: datetime) -> None:
        for alert in delivery.alerts:
            level = logging.INFO if alert.state is State.RESOLVED else logging.WARNING
            log.log(
                level,
                headline(alert),
                delivery=delivery.id,
                receiver=delivery.receiver,
                alert=alert.id,
                state=alert.state.value,
                severity=alert.severity.value,
                value=alert.value,
                labels=dict(alert.labels),
                evidence=[item.text for item in alert.evidence],
                sent_at=now.isoformat(),
            )
