"""Opaque page cursors: a position in an ordering, checked when it comes back."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Query

from core.errors import BadInput

Item = TypeVar("Item")
Position = list[str | int | float | None]
MAX_LIMIT = 500

Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="How many to give")]
Cursor = Annotated[str | None, Query(max_length=500, description="The `cursor` of the page before")]


@dataclass(frozen=True)
class Page(Generic[Item]):
    """`cursor` is None on the last page."""

    items: list[Item]
    cursor: str | None


def encode_cursor(kind: str, position: Position) -> str:
    """Text for a position; `kind` names the list, so that cursors are not taken for another."""
    text = json.dumps([kind, *position], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode("ascii").rstrip("=")


def decode_cursor(kind: str, cursor: str | None, *, types: Sequence[type]) -> Position | None:
    """The position of a cursor, its values of `types`; None for none. Raises BadInput."""
    if cursor is None:
        return None
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        found = json.loads(base64.b64decode(padded.encode("ascii"), altchars=b"-_", validate=True))
    except (binascii.Error, UnicodeError, ValueError, RecursionError) as error:
        raise _refused() from error
    if not isinstance(found, list) or found[:1] != [kind] or len(found) != len(types) + 1:
        raise _refused()
    position = found[1:]
    if any(type(value) is not wanted for value, wanted in zip(position, types, strict=True)):
        raise _refused()
    return position


def page_of(
    rows: Sequence[Item], *, limit: int, kind: str, position: Callable[[Item], Position]
) -> Page[Item]:
    """The page of a query that asked for `limit + 1` rows."""
    items = list(rows[:limit])
    more = len(rows) > limit
    return Page(items=items, cursor=encode_cursor(kind, position(items[-1])) if more else None)


def _refused() -> BadInput:
    return BadInput(
        "this cursor was not given by this list",
        field="cursor",
        remedy="send the cursor of the page before, or none",
    )
