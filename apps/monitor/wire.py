"""The shapes of the HTTP API."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from apps.monitor.companies import Company
from apps.monitor.series import MICRO, Bucket
from core.errors import BadInput

MAX_DOCUMENTS = 10_000


class Rejected(BaseModel):
    line: int
    reason: str


class IngestResponse(BaseModel):
    """`read` = `stored` + `duplicates` + `rejected`; duplicates are copies of a story (kept, not
    counted in series) and documents that were stored before."""

    read: int
    stored: int
    duplicates: int
    copies: int
    already_known: int
    rejected: int
    unscored: int
    alerts: list[str]
    documents_per_second: float
    rejections: list[Rejected]


class CompanyBody(BaseModel):
    id: str
    name_en: str
    name_zh: str
    ticker: str
    sector: str
    stories: int


class CompanyList(BaseModel):
    items: list[CompanyBody]


class Point(BaseModel):
    """`sentiment` is the mean, in [-1, 1], and null where nothing was scored. Masses are sums of
    the negative and positive scores, weighted by relevance."""

    start: datetime
    volume: int
    scored: int
    sentiment: float | None
    negative_mass: float
    positive_mass: float


class Series(BaseModel):
    company: str
    step: str
    points: list[Point]


class AlertList(BaseModel):
    items: list[dict[str, Any]]
    cursor: str | None


class AcknowledgeRequest(BaseModel):
    note: str = Field(default="", max_length=2000)


def company_body(company: Company, *, stories: int) -> CompanyBody:
    return CompanyBody(
        id=company.id,
        name_en=company.name_en,
        name_zh=company.name_zh,
        ticker=company.ticker,
        sector=company.sector,
        stories=stories,
    )


def point(start: datetime, bucket: Bucket) -> Point:
    mean = bucket.mean_sentiment
    return Point(
        start=start,
        volume=bucket.volume,
        scored=bucket.scored,
        sentiment=None if mean is None else round(mean, 6),
        negative_mass=bucket.negative / MICRO,
        positive_mass=bucket.positive / MICRO,
    )


def documents_of(body: bytes, *, content_type: str) -> list[tuple[int, Mapping[str, object]]]:
    """(position, values) of the documents in a request: one object, a list, or JSON lines.

    Raises `BadInput` for what is none of these. An element that is no object counts as a document
    without any field, which is rejected by itself.
    """
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadInput("the body is not UTF-8", field="body") from error
    if "ndjson" in content_type or "jsonl" in content_type:
        found = list(_lines(text))
    else:
        found = list(enumerate(_elements(text), start=1))
    if not found:
        raise BadInput("there are no documents", field="body", remedy="send at least one")
    if len(found) > MAX_DOCUMENTS:
        raise BadInput(
            f"{len(found)} documents, at most {MAX_DOCUMENTS} are taken at once", field="body"
        )
    return [
        (position, value if isinstance(value, dict) else {"title": ""}) for position, value in found
    ]


def _elements(text: str) -> list[object]:
    try:
        value = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(
            f"the body is not JSON: {error}",
            field="body",
            remedy="for JSON lines, send Content-Type: application/x-ndjson",
        ) from error
    if isinstance(value, list):
        return value
    if isinstance(value, dict):
        return [value]
    raise BadInput("the body is neither an object nor a list", field="body")


def _lines(text: str) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (json.JSONDecodeError, RecursionError):
            yield number, None
