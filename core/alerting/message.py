"""One message to one channel, as it waits in the outbox."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.alerting.alert import Alert, Notify, State


class DeliveryState(StrEnum):
    """`DEAD` is the dead-letter list: nothing is tried again until somebody asks for it."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEAD = "dead"


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """`id` is the same at every attempt, so a receiver can drop what it has already got.

    `alerts` are as they were when the message was written; `attempts` counts those begun.
    """

    id: str
    receiver: str
    channel: str
    group_key: str
    group_labels: Mapping[str, str]
    alerts: tuple[Alert, ...]
    state: DeliveryState
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    lease: str | None = None
    attempted_at: datetime | None = None
    sent_at: datetime | None = None
    error: str = ""

    @property
    def status(self) -> Notify:
        """Firing as long as one of the alerts is."""
        resolved = all(alert.state is State.RESOLVED for alert in self.alerts)
        return Notify.RESOLVED if resolved else Notify.FIRING
