"""What the delivery worker asks of a channel."""

from datetime import datetime
from typing import Protocol

from core.alerting.message import Delivery


class Notifier(Protocol):
    """One channel. Called from one thread at a time."""

    def send(self, delivery: Delivery, *, now: datetime) -> None:
        """Hand the message over; return only when the receiver has taken it.

        Raises DeliveryFailed, which says whether another attempt is worth making.
        """
