"""Shapes of the recommender's API."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from apps.recommend.answering import Answer, Query, Shown
from apps.recommend.items import Item, Names, Seconds
from apps.recommend.ranking import Rule
from apps.recommend.reasons import Reason
from apps.recommend.recording import Outcome
from apps.recommend.store.jobs import Job
from apps.recommend.wording import Moment, Name

Count = Annotated[int, Field(ge=1, le=100)]
EventRows = Annotated[list[dict[str, JsonValue]], Field(max_length=5000)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class FilterRequest(Strict):
    """Which items may be shown: any of `categories`, any of `tags`, none of the excluded ones."""

    categories: Names = ()
    tags: Names = ()
    exclude_categories: Names = ()
    exclude_tags: Names = ()
    published_after: Moment | None = None
    published_before: Moment | None = None
    min_duration_seconds: Seconds | None = None
    max_duration_seconds: Seconds | None = None

    def rule(self) -> Rule:
        """The filter as the ranking takes it."""
        return Rule(
            categories=frozenset(self.categories),
            tags=frozenset(self.tags),
            exclude_categories=frozenset(self.exclude_categories),
            exclude_tags=frozenset(self.exclude_tags),
            published_after=self.published_after,
            published_before=self.published_before,
            min_duration_seconds=self.min_duration_seconds,
            max_duration_seconds=self.max_duration_seconds,
        )


class ContextRequest(Strict):
    """What the reader has before them; `item_id` counts as just taken."""

    item_id: Name | None = None


class RecommendationRequest(Strict):
    """Who asks: a user, a stored session, or the `session`'s items themselves, oldest first.

    Somebody of whom nothing is known gets what is popular of late. `cursor` goes on with an
    earlier answer; `min_version` is the `version` that the events must have reached.
    """

    user_id: Name | None = None
    session_id: Name | None = None
    session: Annotated[tuple[Name, ...], Field(max_length=200)] = ()
    n: Count = 10
    scenario: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{0,64}$")] = ""
    filter: FilterRequest = Field(default_factory=FilterRequest)
    exclude: Annotated[tuple[Name, ...], Field(max_length=1000)] = ()
    context: ContextRequest = Field(default_factory=ContextRequest)
    explain: bool = True
    min_version: Annotated[int, Field(ge=0, le=2**62)] = 0
    cursor: Annotated[str, Field(max_length=500)] | None = None

    def query(self) -> Query:
        """The request as the service takes it."""
        now_playing = (self.context.item_id,) if self.context.item_id else ()
        return Query(
            user_id=self.user_id,
            session_id=self.session_id,
            session=self.session + now_playing,
            n=self.n,
            scenario=self.scenario,
            rule=self.filter.rule(),
            exclude=frozenset(self.exclude),
            explain=self.explain,
            min_version=self.min_version,
            cursor=self.cursor,
        )


class ReasonBody(BaseModel):
    """`kind` says which fields are set; `share` is how much the score falls without the item."""

    kind: Literal["watched", "series", "tags", "trend", "new"]
    text: str
    item_id: str | None = None
    title: str | None = None
    share: float | None = None
    tags: list[str] = Field(default_factory=list)


class ShownBody(BaseModel):
    """`score` is between 0 and 1; only the order within an answer means something."""

    item_id: str
    title: str
    rank: int
    score: float
    source: str
    reasons: list[ReasonBody]


class RecommendationResponse(BaseModel):
    """`fallback_applied` names what stood in for a missing history, `short_because` why there are
    fewer items than were asked for."""

    request_id: str
    items: list[ShownBody]
    cursor: str | None
    has_more: bool
    fallback_applied: Literal["recent_popular", "newest", "no_ranker"] | None
    short_because: Literal["filter", "catalogue_exhausted", "ranking_ends"] | None
    model_version: str
    index_version: str
    data_version: int


class SimilarResponse(BaseModel):
    item_id: str
    items: list[ShownBody]


class ProblemRow(BaseModel):
    index: int
    reason: str


class EventsResponse(BaseModel):
    """`version` is the data version that has the events; `problems` are the first refused ones."""

    accepted: int
    duplicate: int
    rejected: int
    version: int
    problems: list[ProblemRow]


class ItemList(BaseModel):
    items: list[Item]
    cursor: str | None


class UserChange(Strict):
    """The fields of a user to change; what is left out stays."""

    language: Annotated[str, Field(pattern="^[a-z]{0,8}$")] = ""
    attributes: Annotated[dict[Name, JsonValue], Field(max_length=50)] = Field(default_factory=dict)


class LineProblem(BaseModel):
    line: int | None
    reason: str


class JobBody(BaseModel):
    """`position` is the line up to which the import is done."""

    job_id: str
    kind: Literal["items", "users", "events"]
    state: Literal["queued", "running", "done", "failed"]
    position: int
    counts: dict[str, int]
    problems: list[LineProblem]
    created_at: datetime
    finished_at: datetime | None


def reason_body(reason: Reason) -> ReasonBody:
    return ReasonBody.model_validate(vars(reason) | {"text": reason.text()})


def shown_body(shown: Shown) -> ShownBody:
    return ShownBody(
        item_id=shown.item.item_id,
        title=shown.item.title,
        rank=shown.rank,
        score=round(shown.score, 6),
        source=shown.source,
        reasons=[reason_body(reason) for reason in shown.reasons],
    )


def answer_body(answer: Answer) -> RecommendationResponse:
    return RecommendationResponse.model_validate(
        {
            "request_id": answer.request_id,
            "items": [shown_body(shown) for shown in answer.items],
            "cursor": answer.cursor,
            "has_more": answer.cursor is not None,
            "fallback_applied": answer.fallback,
            "short_because": answer.short_because,
            "model_version": answer.model_version,
            "index_version": answer.index_version,
            "data_version": answer.data_version,
        }
    )


def events_body(outcome: Outcome) -> EventsResponse:
    return EventsResponse(
        accepted=outcome.accepted,
        duplicate=outcome.duplicate,
        rejected=outcome.rejected,
        version=outcome.version,
        problems=[ProblemRow(index=index, reason=reason) for index, reason in outcome.problems],
    )


def job_body(job: Job) -> JobBody:
    return JobBody.model_validate({name: vars(job)[name] for name in JobBody.model_fields})
