"""Read a file of events of any program into the arrays that the ranking models take."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from apps.recommend.models.interactions import Interactions, ordered
from core.errors import BadInput
from core.progress import track
from core.rows import parse_time, read_rows


@dataclass(frozen=True)
class EventLog:
    """The events and the ids that its user rows and item columns stand for."""

    interactions: Interactions
    user_ids: tuple[str, ...]
    item_ids: tuple[str, ...]


def read_events(path: str | Path, *, columns: Mapping[str, str]) -> EventLog:
    """Columns `user_id`, `item_id`, `timestamp`, renamed by `columns`; every row is an event.

    Raises BadInput for a missing column, an empty id or an unreadable time, with its line.
    """
    users: dict[str, int] = {}
    items: dict[str, int] = {}
    rows: list[tuple[int, int, float]] = []
    required = ("user_id", "item_id", "timestamp")
    lines = read_rows(path, required=required, columns=columns)
    for row in track(lines, description="Reading events"):
        user, item = row.text("user_id"), row.text("item_id")
        if not user or not item:
            empty = "item_id" if user else "user_id"
            raise BadInput(
                "an id is empty",
                file=str(path),
                line=row.line,
                column=columns.get(empty, empty),
                remedy="give every event a user and an item",
            )
        try:
            moment = parse_time(row.values["timestamp"]).timestamp()
        except (ValueError, TypeError) as error:
            raise BadInput(
                str(error),
                file=str(path),
                line=row.line,
                column=columns.get("timestamp", "timestamp"),
                remedy="write times as RFC 3339 or Unix seconds",
            ) from error
        rows.append(
            (users.setdefault(user, len(users)), items.setdefault(item, len(items)), moment)
        )
    table = np.array(rows, dtype=np.float64).reshape(-1, 3)
    interactions = ordered(
        users=table[:, 0].astype(np.int64),
        items=table[:, 1].astype(np.int64),
        times=table[:, 2],
        n_users=len(users),
        n_items=len(items),
    )
    return EventLog(interactions, tuple(users), tuple(items))
