"""A news document as it comes in: checked, dated and with its language known."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import BadInput
from core.language import detect
from core.rows import parse_time

COLUMNS = ("id", "published_at", "source", "title", "body", "url", "language")
REQUIRED = ("published_at", "title")
MAX_ID = 200
MAX_SOURCE = 200
MAX_TITLE = 2_000
MAX_BODY = 500_000
MAX_URL = 4_000
FUTURE = timedelta(days=1)
SCORED_BODY = 300
SHOWN_BODY = 200
_LANGUAGE = re.compile(r"[a-z]{2,3}")
_SPACE = re.compile(r"\s+")


@dataclass(frozen=True)
class Document:
    """`published_at` is event time in UTC; `language` is "und" where it cannot be said."""

    id: str
    published_at: datetime
    source: str
    title: str
    body: str
    url: str
    language: str

    @property
    def scored_text(self) -> str:
        """What the model reads."""
        return scored_text(self.title, self.body)

    @property
    def shown_title(self) -> str:
        """What people see of it in a list."""
        return self.title or self.body[:SHOWN_BODY]


def scored_text(title: str, body: str) -> str:
    """The headline, or the beginning of the body where there is none."""
    return title or body[:SCORED_BODY]


def parse(values: Mapping[str, object], *, now: datetime) -> Document:
    """A document from a row or a JSON object. Raises `BadInput` naming the field and the reason.

    A document without an id gets one from its source, time, title and url, so that sending it
    twice does not store it twice.
    """
    title = _text(values, "title", MAX_TITLE, one_line=True)
    body = _text(values, "body", MAX_BODY)
    if not title and not body:
        raise BadInput("neither title nor body has text", field="title")
    published_at = _time(values.get("published_at"))
    if published_at > now + FUTURE:
        raise BadInput(
            f"{published_at:%Y-%m-%d %H:%M} UTC lies in the future", field="published_at"
        )
    source = _text(values, "source", MAX_SOURCE, one_line=True)
    url = _text(values, "url", MAX_URL, one_line=True)
    given = _text(values, "language", 20).lower().replace("_", "-").split("-")[0]
    return Document(
        id=_text(values, "id", MAX_ID, one_line=True)
        or _content_id(source, published_at.isoformat(), title, body, url),
        published_at=published_at,
        source=source,
        title=title,
        body=body,
        url=url,
        language=given if _LANGUAGE.fullmatch(given) else detect(f"{title} {body[:SCORED_BODY]}"),
    )


def _text(values: Mapping[str, object], field: str, longest: int, *, one_line: bool = False) -> str:
    value = values.get(field)
    if value is None:
        return ""
    if not isinstance(value, str | int | float) or isinstance(value, bool):
        raise BadInput("not text", field=field)
    text = str(value).replace("\0", "").strip()
    if len(text) > longest:
        raise BadInput(f"{len(text)} characters, at most {longest} are taken", field=field)
    return _SPACE.sub(" ", text) if one_line else text


def _time(value: object) -> datetime:
    if value is None or value == "":
        raise BadInput("no time is given", field="published_at")
    try:
        return parse_time(value)
    except ValueError as error:
        raise BadInput(
            str(error), field="published_at", remedy="write RFC 3339 or Unix seconds"
        ) from error


def _content_id(*parts: str) -> str:
    return "sha-" + hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]
