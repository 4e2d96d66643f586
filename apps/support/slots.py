"""Typed slots and the answer templates that hold them.

A template is plain text with `{name}` slots and `[first wording|second wording|...]` choices, of
which the first one whose slots are all filled is used; with none, nothing. A choice without a slot
in it, and a bracket that does not close, are ordinary text. A template is taken apart before any
value is known, and values are only ever joined to text, so no value can become a slot.
"""

import re
from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from urllib.parse import urlsplit

from core.errors import BadInput


class SlotType(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    MONEY = "money"
    DATE = "date"
    LINK = "link"


ORDER_SLOTS: Mapping[str, SlotType] = {
    "order_number": SlotType.TEXT,
    "carrier": SlotType.TEXT,
    "tracking_link": SlotType.LINK,
    "dispatch_date": SlotType.DATE,
    "delivery_date": SlotType.DATE,
    "delivered_date": SlotType.DATE,
    "return_deadline": SlotType.DATE,
    "refund_amount": SlotType.MONEY,
    "refund_date": SlotType.DATE,
    "order_total": SlotType.MONEY,
}

SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
CHOICE = re.compile(r"\[([^\[\]]*\|[^\[\]]*)\]")
MONEY = re.compile(r"(\d+(?:\.\d{1,2})?) ([A-Z]{3})")
SIGNS = {"GBP": "£", "EUR": "€", "USD": "$"}
CHINESE_CURRENCIES = {"GBP": "英镑", "EUR": "欧元", "USD": "美元", "CNY": "元"}
MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


@dataclass(frozen=True)
class Slot:
    name: str


Part = str | Slot


@dataclass(frozen=True)
class Choice:
    alternatives: tuple[tuple[Part, ...], ...]


Template = tuple[Part | Choice, ...]


@dataclass(frozen=True)
class Rendered:
    """`missing` names the slots without which this text may not be sent."""

    text: str
    filled: tuple[str, ...]
    missing: tuple[str, ...]


def parse(template: str) -> Template:
    """Take a template apart; every text is a template."""
    return tuple(_parse(template))


def _parse(template: str) -> Iterator[Part | Choice]:
    start = 0
    for match in CHOICE.finditer(template):
        if SLOT.search(match[1]) is None:
            continue
        yield from _parts(template[start : match.start()])
        yield Choice(tuple(tuple(_parts(wording)) for wording in match[1].split("|")))
        start = match.end()
    yield from _parts(template[start:])


def _parts(text: str) -> Iterator[Part]:
    start = 0
    for match in SLOT.finditer(text):
        if match.start() > start:
            yield text[start : match.start()]
        yield Slot(match[1])
        start = match.end()
    if start < len(text):
        yield text[start:]


def render(template: Template, values: Mapping[str, str]) -> Rendered:
    """Fill a template with values that are already formatted."""
    text: list[str] = []
    filled: list[str] = []
    missing: list[str] = []
    for part in template:
        for piece in _chosen(part, values):
            if isinstance(piece, str):
                text.append(piece)
            elif piece.name in values:
                text.append(values[piece.name])
                filled.append(piece.name)
            else:
                missing.append(piece.name)
    return Rendered("".join(text).strip(), tuple(filled), tuple(missing))


def _chosen(part: Part | Choice, values: Mapping[str, str]) -> tuple[Part, ...]:
    if not isinstance(part, Choice):
        return (part,)
    for wording in part.alternatives:
        if all(isinstance(piece, str) or piece.name in values for piece in wording):
            return wording
    return ()


def check(template: str, *, always: Set[str], sometimes: Set[str]) -> None:
    """Raise `BadInput` unless the template can be sent whatever is unknown.

    Slots of `always` have a value at all times; those of `sometimes` must stand in a choice.
    """
    for part in parse(template):
        if isinstance(part, Choice):
            names = {p.name for w in part.alternatives for p in w if isinstance(p, Slot)}
            unknown = names - always - sometimes
        elif isinstance(part, Slot):
            unknown = {part.name} - always - sometimes
            if part.name in sometimes - always:
                raise BadInput(
                    f"the slot {{{part.name}}} may be unknown, so the answer needs a wording "
                    "without it",
                    remedy=f"write [wording with {{{part.name}}}|wording without it]",
                )
        else:
            continue
        if unknown:
            known = ", ".join(sorted(always | sometimes))
            raise BadInput(f"there is no slot {{{min(unknown)}}}", remedy=f"use one of: {known}")


def format_value(value: str, kind: SlotType, *, language: str) -> str:
    """The text of a stored value for a reader. Raises `BadInput` if it is not of its type.

    Stored money reads `92.05 GBP`, a stored day `2026-11-24`.
    """
    try:
        return _format(value, kind, language)
    except (ValueError, InvalidOperation) as error:
        raise BadInput(f"{value!r} is not of the type {kind.value}") from error


def _format(value: str, kind: SlotType, language: str) -> str:
    if kind is SlotType.INTEGER:
        return str(int(value))
    if kind is SlotType.DATE:
        return _format_day(date.fromisoformat(value), language)
    if kind is SlotType.MONEY:
        match = MONEY.fullmatch(value)
        if match is None:
            raise ValueError(value)
        return _format_money(Decimal(match[1]), match[2], language)
    if kind is SlotType.LINK and urlsplit(value).scheme not in ("http", "https"):
        raise ValueError(value)
    if not value.strip():
        raise ValueError(value)
    return value


def _format_day(day: date, language: str) -> str:
    if language == "zh":
        return f"{day.year}年{day.month}月{day.day}日"
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def _format_money(amount: Decimal, currency: str, language: str) -> str:
    if language == "zh":
        return f"{amount:.2f} {CHINESE_CURRENCIES.get(currency, currency)}"
    if currency in SIGNS:
        return f"{SIGNS[currency]}{amount:.2f}"
    return f"{amount:.2f} {currency}"
