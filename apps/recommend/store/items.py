"""SQL of items, their vectors, and users. Nothing here commits."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from apps.recommend.items import Item, User
from apps.recommend.tables import ITEM_VECTORS, ITEMS, USERS

FIELDS = tuple(Item.model_fields)
CHUNK = 500
Vector = NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """An item as it is since `version`; None once it was deleted."""

    item_id: str
    version: int
    item: Item | None


@dataclass(frozen=True)
class StoredVector:
    """A text vector and the hash of the text that it stands for."""

    text_sha256: str
    vector: Vector


def save_items(connection: Connection, items: Sequence[Item], *, version: int) -> None:
    """Insert or replace; a deleted item comes back."""
    rows = [item.model_dump() | {"version": version, "deleted_at": None} for item in items]
    _upsert(connection, ITEMS, [_json_lists(row) for row in rows], key=("item_id",))


def _json_lists(row: Mapping[str, Any]) -> dict[str, Any]:
    return dict(row) | {"tags": list(row["tags"]), "categories": list(row["categories"])}


def _upsert(
    connection: Connection, table: Any, rows: Sequence[Mapping[str, Any]], *, key: tuple[str, ...]
) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    for start in range(0, len(rows), CHUNK):
        statement = insert(table).values(list(rows[start : start + CHUNK]))
        values = {name: statement.excluded[name] for name in rows[0] if name not in key}
        connection.execute(statement.on_conflict_do_update(index_elements=key, set_=values))


def delete_item(connection: Connection, *, item_id: str, version: int, now: datetime) -> bool:
    """Hide an item for good; False if there is none."""
    statement = update(ITEMS).where(ITEMS.c.item_id == item_id, ITEMS.c.deleted_at.is_(None))
    return connection.execute(statement.values(deleted_at=now, version=version)).rowcount == 1


def find_items(connection: Connection, *, item_ids: Collection[str]) -> dict[str, Item]:
    """The items of these ids that exist."""
    found: dict[str, Item] = {}
    ids = list(item_ids)
    for start in range(0, len(ids), CHUNK):
        chosen = ITEMS.c.item_id.in_(ids[start : start + CHUNK])
        rows = connection.execute(select(ITEMS).where(chosen, ITEMS.c.deleted_at.is_(None)))
        found |= {row.item_id: _item(row) for row in rows}
    return found


def list_items(connection: Connection, *, after: str, limit: int) -> list[Item]:
    """Items in the order of their ids."""
    statement = select(ITEMS).where(ITEMS.c.item_id > after, ITEMS.c.deleted_at.is_(None))
    return [_item(row) for row in connection.execute(statement.order_by("item_id").limit(limit))]


def changes(connection: Connection, *, since: int) -> Iterator[Change]:
    """What changed after a version, in the order of the ids."""
    statement = select(ITEMS).where(ITEMS.c.version > since).order_by(ITEMS.c.item_id)
    for row in connection.execute(statement):
        item = None if row.deleted_at is not None else _item(row)
        yield Change(row.item_id, row.version, item)


def _item(row: Any) -> Item:
    return Item.model_validate({name: getattr(row, name) for name in FIELDS})


def vectors(
    connection: Connection, *, encoder_version: str, item_ids: Collection[str] | None = None
) -> dict[str, StoredVector]:
    """The vectors of one encoder by item, of some items or of all."""
    statement = select(ITEM_VECTORS).where(ITEM_VECTORS.c.encoder_version == encoder_version)
    if item_ids is None:
        return {row.item_id: _vector(row) for row in connection.execute(statement)}
    found: dict[str, StoredVector] = {}
    ids = list(item_ids)
    for start in range(0, len(ids), CHUNK):
        part = statement.where(ITEM_VECTORS.c.item_id.in_(ids[start : start + CHUNK]))
        found |= {row.item_id: _vector(row) for row in connection.execute(part)}
    return found


def _vector(row: Any) -> StoredVector:
    return StoredVector(row.text_sha256, np.frombuffer(row.vector, dtype="<f4"))


def save_vectors(
    connection: Connection, *, encoder_version: str, found: Mapping[str, StoredVector]
) -> None:
    """Keep vectors, so that a restart need not encode again."""
    rows = [
        {
            "item_id": item_id,
            "encoder_version": encoder_version,
            "text_sha256": stored.text_sha256,
            "vector": stored.vector.astype("<f4").tobytes(),
        }
        for item_id, stored in found.items()
    ]
    _upsert(connection, ITEM_VECTORS, rows, key=("item_id", "encoder_version"))


def save_users(connection: Connection, users: Sequence[User], *, version: int) -> None:
    """Insert or replace."""
    rows = [user.model_dump() | {"version": version} for user in users]
    _upsert(connection, USERS, rows, key=("user_id",))


def find_users(connection: Connection, *, user_ids: Collection[str]) -> dict[str, User]:
    """The users of these ids that have a row."""
    found: dict[str, User] = {}
    ids = list(user_ids)
    for start in range(0, len(ids), CHUNK):
        chosen = USERS.c.user_id.in_(ids[start : start + CHUNK])
        found |= {
            row.user_id: _user(row) for row in connection.execute(select(USERS).where(chosen))
        }
    return found


def delete_user(connection: Connection, *, user_id: str) -> bool:
    """Drop the row of a user; False if there was none."""
    return connection.execute(delete(USERS).where(USERS.c.user_id == user_id)).rowcount == 1


def _user(row: Any) -> User:
    return User(user_id=row.user_id, language=row.language, attributes=row.attributes)
