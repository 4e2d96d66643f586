"""SQL of what was answered. Nothing here commits."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from apps.recommend.tables import REQUESTS


@dataclass(frozen=True)
class Answered:
    """A request and its ranking: (item_id, score, source), of which `shown` were given out."""

    request_id: str
    at: datetime
    user_id: str | None
    session_id: str | None
    scenario: str
    shown: int
    ranked: tuple[tuple[str, float, str], ...]
    fallback: str | None
    model_version: str
    data_version: int


def save(connection: Connection, answered: Answered) -> None:
    """Keep an answer."""
    row: Mapping[str, Any] = vars(answered) | {"ranked": [list(line) for line in answered.ranked]}
    connection.execute(insert(REQUESTS).values(**row))


def show(connection: Connection, *, request_id: str, shown: int) -> None:
    """A later page was given out."""
    table = REQUESTS
    connection.execute(
        update(table)
        .where(table.c.request_id == request_id, table.c.shown < shown)
        .values(shown=shown)
    )


def find(connection: Connection, *, request_id: str) -> Answered | None:
    """An answer by its id."""
    row = connection.execute(select(REQUESTS).where(REQUESTS.c.request_id == request_id)).first()
    if row is None:
        return None
    values = row._asdict()
    values["ranked"] = tuple((str(i), float(s), str(source)) for i, s, source in row.ranked)
    return Answered(**values)


def delete_of_user(connection: Connection, *, user_id: str) -> int:
    """Forget the answers that a person got."""
    return connection.execute(delete(REQUESTS).where(REQUESTS.c.user_id == user_id)).rowcount


def drop_before(connection: Connection, *, before: datetime) -> int:
    """Drop answers older than `before`."""
    return connection.execute(delete(REQUESTS).where(REQUESTS.c.at < before)).rowcount
