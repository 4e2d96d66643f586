"""What comes in: events, items and users. Nothing here commits."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from pydantic import ValidationError
from sqlalchemy import Connection

from apps.recommend.events import Event
from apps.recommend.items import Item, ItemChange, User
from apps.recommend.live import encode_missing
from apps.recommend.store import events as event_store
from apps.recommend.store import items as item_store
from apps.recommend.store import requests as request_store
from apps.recommend.store import versions
from core.errors import BadInput, NotFound
from core.models.text_model import TextModel

MAX_PROBLEMS = 100
OPTIONAL = frozenset({"series", "duration_seconds"})


@dataclass(frozen=True)
class Outcome:
    """What became of a batch of events; `problems` are the first (index, reason) refused."""

    accepted: int
    duplicate: int
    rejected: int
    version: int
    problems: tuple[tuple[int, str], ...] = ()


def record_events(
    connection: Connection, values: Sequence[Mapping[str, object]], *, now: datetime
) -> Outcome:
    """Add events. Bad ones are refused one by one; known ids change nothing."""
    events: list[Event] = []
    problems: list[tuple[int, str]] = []
    for index, value in enumerate(values):
        try:
            events.append(Event.model_validate(value))
        except ValidationError as error:
            problems.append((index, reason_of(error)))
    return append_events(connection, events, problems=problems, now=now)


def append_events(
    connection: Connection,
    events: Sequence[Event],
    *,
    problems: Sequence[tuple[int, str]] = (),
    now: datetime,
) -> Outcome:
    """Add valid events; the version grows only if something is new."""
    version = versions.take(connection)
    accepted = event_store.append(connection, events, version=version, now=now)
    if accepted:
        versions.keep(connection, version)
    return Outcome(
        accepted=accepted,
        duplicate=len(events) - accepted,
        rejected=len(problems),
        version=version if accepted else version - 1,
        problems=tuple(problems[:MAX_PROBLEMS]),
    )


def reason_of(error: ValidationError) -> str:
    """The first fault of a refused value, as one sentence."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = ".".join(str(part) for part in fault["loc"])
    return f"{place}: {fault['msg']}" if place else fault["msg"]


def save_items(connection: Connection, items: Sequence[Item], *, encoder: TextModel | None) -> int:
    """Insert or replace items with their text vectors; returns the data version."""
    version = versions.take(connection)
    item_store.save_items(connection, items, version=version)
    if encoder is not None:
        known = item_store.vectors(
            connection,
            encoder_version=encoder.version,
            item_ids=[item.item_id for item in items],
        )
        found = encode_missing(items, encoder, known)
        item_store.save_vectors(connection, encoder_version=encoder.version, found=found)
    versions.keep(connection, version)
    return version


def change_item(
    connection: Connection, item_id: str, change: ItemChange, *, encoder: TextModel | None
) -> Item:
    """Change the given fields of an item. Raises NotFound."""
    found = item_store.find_items(connection, item_ids=[item_id]).get(item_id)
    if found is None:
        raise NotFound(f"there is no item {item_id}")
    fields = {name: getattr(change, name) for name in change.model_fields_set}
    required = [name for name, value in fields.items() if value is None and name not in OPTIONAL]
    if required:
        raise BadInput("this cannot be null", field=required[0], remedy="leave it out to keep it")
    changed = Item.model_validate(found.model_dump() | fields)
    save_items(connection, [changed], encoder=encoder)
    return changed


def remove_item(connection: Connection, item_id: str, *, now: datetime) -> None:
    """Take an item out of everything that is shown. Raises NotFound."""
    version = versions.take(connection)
    if not item_store.delete_item(connection, item_id=item_id, version=version, now=now):
        raise NotFound(f"there is no item {item_id}")
    versions.keep(connection, version)


def save_users(connection: Connection, users: Sequence[User]) -> int:
    """Insert or replace users; returns the data version."""
    version = versions.take(connection)
    item_store.save_users(connection, users, version=version)
    versions.keep(connection, version)
    return version


def forget_user(connection: Connection, user_id: str) -> int:
    """Delete a person's row, events and answers. Raises NotFound; returns how many events went."""
    version = versions.take(connection)
    known = item_store.delete_user(connection, user_id=user_id)
    gone = event_store.delete_of_user(connection, user_id=user_id)
    request_store.delete_of_user(connection, user_id=user_id)
    if not known and not gone:
        raise NotFound(f"there is no user {user_id}")
    versions.keep(connection, version)
    return gone
