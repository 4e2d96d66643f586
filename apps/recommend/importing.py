"""Rows of files as items, users and events: refused one by one, repeatable, in batches."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import Literal, TypeVar

from pydantic import BaseModel, ValidationError
from sqlalchemy import Connection

from apps.recommend.events import Event
from apps.recommend.items import Item, User, item_values
from apps.recommend.recording import (
    MAX_PROBLEMS,
    append_events,
    reason_of,
    save_items,
    save_users,
)
from apps.recommend.store import items as item_store
from core.models.text_model import TextModel
from core.rows import Row, parse_time

Kind = Literal["items", "users", "events"]
BATCH: Mapping[Kind, int] = {"items": 500, "users": 2000, "events": 5000}
REQUIRED: Mapping[Kind, tuple[str, ...]] = {
    "items": ("item_id", "title"),
    "users": ("user_id",),
    "events": ("user_id", "item_id", "timestamp"),
}
Model = TypeVar("Model", bound=BaseModel)
T = TypeVar("T")


@dataclass(frozen=True)
class Tally:
    """What became of rows; `problems` are the first refused ones as (line, reason)."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0
    rejected: int = 0
    problems: tuple[tuple[int, str], ...] = field(default=())

    def __add__(self, other: "Tally") -> "Tally":
        return Tally(
            self.added + other.added,
            self.changed + other.changed,
            self.unchanged + other.unchanged,
            self.rejected + other.rejected,
            (self.problems + other.problems)[:MAX_PROBLEMS],
        )

    @property
    def counts(self) -> dict[str, int]:
        """The four numbers."""
        return {
            "added": self.added,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "rejected": self.rejected,
        }


def import_rows(
    connection: Connection,
    kind: Kind,
    rows: Sequence[Row],
    *,
    encoder: TextModel | None,
    now: datetime,
) -> Tally:
    """Bring one batch in. The same rows again change nothing."""
    if kind == "items":
        items, refused = _valid(Item, rows, item_values)
        return refused + _save_new(
            items,
            known=item_store.find_items(connection, item_ids=[item.item_id for item in items]),
            key=lambda item: item.item_id,
            save=lambda new: save_items(connection, new, encoder=encoder),
        )
    if kind == "users":
        users, refused = _valid(User, rows, _filled)
        return refused + _save_new(
            users,
            known=item_store.find_users(connection, user_ids=[user.user_id for user in users]),
            key=lambda user: user.user_id,
            save=lambda new: save_users(connection, new),
        )
    events, refused = _valid(Event, rows, event_values)
    outcome = append_events(connection, events, now=now)
    return refused + Tally(added=outcome.accepted, unchanged=outcome.duplicate)


def batches(rows: Iterable[T], *, size: int) -> Iterator[list[T]]:
    """Lists of at most `size` rows."""
    iterator = iter(rows)
    while batch := list(islice(iterator, size)):
        yield batch


def event_values(values: Mapping[str, object]) -> dict[str, object]:
    """A row as the fields of an event; without an id it gets one from its content."""
    kept = _filled(values)
    kept["timestamp"] = parse_time(kept.get("timestamp", ""))
    if "event_id" not in kept:
        named = {key: str(kept.get(key, "")) for key in sorted(Event.model_fields)}
        digest = hashlib.sha256(json.dumps(named).encode()).hexdigest()
        kept["event_id"] = f"sha256-{digest[:40]}"
    for name in ("user_id", "item_id", "event_id", "session_id"):
        if name in kept:
            kept[name] = str(kept[name])
    return kept


def _filled(values: Mapping[str, object]) -> dict[str, object]:
    return {key: value for key, value in values.items() if value not in (None, "")}


def _valid(
    model: type[Model],
    rows: Sequence[Row],
    fields: Callable[[Mapping[str, object]], dict[str, object]],
) -> tuple[list[Model], Tally]:
    found: list[Model] = []
    problems: list[tuple[int, str]] = []
    for row in rows:
        try:
            found.append(model.model_validate(fields(row.values)))
        except ValidationError as error:
            problems.append((row.line, reason_of(error)))
        except (ValueError, TypeError) as error:
            problems.append((row.line, str(error)))
    return found, Tally(rejected=len(problems), problems=tuple(problems[:MAX_PROBLEMS]))


def _save_new(
    found: Sequence[Model],
    *,
    known: Mapping[str, Model],
    key: Callable[[Model], str],
    save: Callable[[list[Model]], object],
) -> Tally:
    """Save what is new or differs; of rows with one id the last counts."""
    latest = {key(model): model for model in found}
    changed = [model for name, model in latest.items() if name in known and known[name] != model]
    added = [model for name, model in latest.items() if name not in known]
    if added or changed:
        save([*added, *changed])
    return Tally(
        added=len(added),
        changed=len(changed),
        unchanged=len(found) - len(added) - len(changed),
    )


def numbered(rows: Iterable[Row], *, after: int) -> Iterator[Row]:
    """The rows behind a line, to go on where an import was cut off."""
    return (row for row in rows if row.line > after)
