"""Orders, and who may be told about one.

An order's data goes only to its customer. A customer is known by e-mail address: the one of the
conversation, which a system with the right to write has vouched for, or one that stands in the
same message as the order number. Everyone else gets the wording without order data, the same as
for an order that does not exist, so that nobody can find out which order numbers are in use.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from apps.support.slots import ORDER_SLOTS, SlotType, format_value
from core.errors import BadInput

EMAIL = re.compile(
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@[A-Za-z0-9.-]{1,190}\.[A-Za-z]{2,24}"
)
HAN = re.compile("[\u4e00-\u9fff]")
STATUSES = ("processing", "shipped", "delivered", "returned", "refunded", "cancelled")


@dataclass(frozen=True)
class Order:
    """`values` holds what is known, by slot name, as stored (see `slots.format_value`)."""

    number: str
    status: str
    customer_name: str
    customer_email: str
    items: tuple[str, ...] = ()
    values: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Identification:
    """What a message says about whose order it is.

    `rest` is the message without it; in `asked` the word order stands where its number was.
    """

    order_keys: tuple[str, ...]
    emails: tuple[str, ...]
    rest: str
    asked: str


def order_key(number: str) -> str:
    """Order numbers are compared without case, dashes and spaces."""
    return re.sub(r"[^A-Za-z0-9]", "", number).upper()


def order_pattern(expression: str) -> re.Pattern[str]:
    """Compiled so that Chinese characters may stand right beside the number."""
    try:
        return re.compile(rf"(?<![A-Za-z0-9])(?:{expression})(?![A-Za-z0-9])", re.IGNORECASE)
    except re.error as error:
        raise BadInput(f"the order number pattern is no expression: {error}") from error


def identify(text: str, *, pattern: re.Pattern[str]) -> Identification:
    emails = tuple(dict.fromkeys(match[0].lower() for match in EMAIL.finditer(text)))
    without_emails = EMAIL.sub(" ", text)
    numbers = tuple(dict.fromkeys(order_key(m[0]) for m in pattern.finditer(without_emails)))
    rest = pattern.sub(" ", without_emails).strip()
    word = "订单" if HAN.search(rest) else "order"
    return Identification(numbers, emails, rest, pattern.sub(word, without_emails).strip())


def order_slots(order: Order, *, language: str) -> dict[str, str]:
    """The formatted slot values of an order: what is not known is not there."""
    stored = {"order_number": order.number, **order.values}
    return {
        name: format_value(value, kind, language=language)
        for name, kind in ORDER_SLOTS.items()
        if (value := stored.get(name, ""))
    }


def check_order(order: Order) -> None:
    """Raise `BadInput` for an order whose data cannot be told."""
    if not order_key(order.number):
        raise BadInput("the order has no number")
    if EMAIL.fullmatch(order.customer_email) is None:
        raise BadInput(f"order {order.number} has no e-mail address of its customer")
    if order.status not in STATUSES:
        raise BadInput(
            f"order {order.number}: unknown status {order.status!r}",
            remedy=f"use one of: {', '.join(STATUSES)}",
        )
    order_slots(order, language="en")


@dataclass(frozen=True)
class Policy:
    """A shop-wide slot value; `texts` by language."""

    name: str
    kind: SlotType
    texts: Mapping[str, str]


def policy_slots(policies: list[Policy], *, language: str) -> dict[str, str]:
    return {
        policy.name: format_value(policy.texts[language], policy.kind, language=language)
        for policy in policies
        if language in policy.texts
    }
