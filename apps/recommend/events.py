"""Events: what viewers did, and what that is worth as a history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal, Protocol, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from apps.recommend.wording import Moment, Name

Kind = Literal["watch", "click", "like", "share", "save", "purchase", "dislike"]
# A dislike hides the item and says nothing good of it.
WORTH: dict[str, float] = {
    "watch": 1.0,
    "click": 0.5,
    "like": 1.5,
    "share": 1.5,
    "save": 1.2,
    "purchase": 2.0,
    "dislike": 0.0,
}


class Event(BaseModel):
    """One thing that a user, or a session before login, did with an item."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    event_id: Name
    kind: Kind = "watch"
    user_id: Name | None = None
    session_id: Name | None = None
    item_id: Name
    timestamp: Moment
    value: Annotated[float, Field(allow_inf_nan=False)] | None = None
    request_id: Annotated[Name, Field(max_length=64)] | None = None

    @model_validator(mode="after")
    def _has_actor(self) -> Self:
        if self.user_id is None and self.session_id is None:
            raise ValueError("give user_id or session_id")
        return self


class Took(Protocol):
    """What of an event makes a history: an `Event`, or one read back from the log."""

    @property
    def item_id(self) -> str: ...

    @property
    def kind(self) -> str: ...

    @property
    def timestamp(self) -> datetime: ...


@dataclass(frozen=True)
class Visit:
    """An item in somebody's history: when it was last taken and what that is worth."""

    item_id: str
    at: datetime
    worth: float


@dataclass(frozen=True)
class Taken:
    """A history, oldest first, and every item that is not to be shown again."""

    visits: tuple[Visit, ...]
    exclude: frozenset[str]


def taken(events: Iterable[Took]) -> Taken:
    """Fold events, oldest first: an item counts at its latest event with the most it was worth."""
    latest: dict[str, Visit] = {}
    disliked: set[str] = set()
    seen: set[str] = set()
    for event in events:
        seen.add(event.item_id)
        if WORTH[event.kind] <= 0:
            disliked.add(event.item_id)
            continue
        before = latest.pop(event.item_id, None)
        worth = max(WORTH[event.kind], before.worth if before else 0.0)
        latest[event.item_id] = Visit(event.item_id, event.timestamp, worth)
    visits = tuple(visit for visit in latest.values() if visit.item_id not in disliked)
    return Taken(visits=visits, exclude=frozenset(seen))


def with_session(history: Taken, items: Sequence[str], *, now: datetime) -> Taken:
    """The history with the items of a session as its newest part."""
    listed = dict.fromkeys(items)
    kept = tuple(visit for visit in history.visits if visit.item_id not in listed)
    added = tuple(Visit(item, now, 1.0) for item in listed)
    return Taken(visits=kept + added, exclude=history.exclude | listed.keys())
