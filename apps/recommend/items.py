"""Items and users: what a catalogue says of them."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from apps.recommend.item_texts import split_list
from apps.recommend.wording import LongText, Moment, Name, ShortText

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
LISTS = ("tags", "categories")
Names = Annotated[tuple[Name, ...], Field(max_length=100)]
Seconds = Annotated[int, Field(ge=0, le=10_000_000)]


class ItemBody(BaseModel):
    """An item without its id. `published_at` is when it may be shown for the first time."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    title: ShortText = Field(min_length=1)
    title_zh: ShortText = ""
    description: LongText = ""
    description_zh: LongText = ""
    tags: Names = ()
    categories: Names = ()
    series: Name | None = None
    duration_seconds: Seconds | None = None
    published_at: Moment = EPOCH


class Item(ItemBody):
    """An item of the catalogue."""

    item_id: Name

    def title_in(self, language: str) -> str:
        """The title in a language, else the main one."""
        return self.title_zh if language == "zh" and self.title_zh else self.title


class ItemChange(BaseModel):
    """The fields of an item to change; what is left out stays."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    title: ShortText | None = Field(default=None, min_length=1)
    title_zh: ShortText | None = None
    description: LongText | None = None
    description_zh: LongText | None = None
    tags: Names | None = None
    categories: Names | None = None
    series: Name | None = None
    duration_seconds: Seconds | None = None
    published_at: Moment | None = None


class UserBody(BaseModel):
    """What is known of a user beside the events."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    language: Annotated[str, Field(pattern="^[a-z]{0,8}$")] = ""
    attributes: dict[Name, JsonValue] = Field(default_factory=dict, max_length=50)


class User(UserBody):
    """A user of the site."""

    user_id: Name


def item_values(values: Mapping[str, object]) -> dict[str, object]:
    """A row of a file as the fields of an item: lists cut apart, empty cells left out."""
    kept = {key: value for key, value in values.items() if value not in (None, "")}
    return kept | {name: tuple(split_list(kept[name])) for name in LISTS if name in kept}
