"""Shapes of the support API."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from apps.support.answering import reply_json
from apps.support.articles import MAX_ANSWER, MAX_QUESTION, MAX_VARIANTS, Article, ArticleText
from apps.support.service import Asked
from apps.support.store.conversations import StoredPrediction

Language = Literal["en", "zh"]
# What a message may hold is bounded in bytes by the service.
Text = Annotated[str, Field(max_length=1_000_000)]
Id = Annotated[str, StringConstraints(min_length=1, max_length=100)]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class AskRequest(Strict):
    text: Text
    conversation_id: Annotated[str, Field(max_length=64)] | None = None
    language: Annotated[str, Field(max_length=16)] | None = None


class MessageRequest(Strict):
    text: Text
    language: Annotated[str, Field(max_length=16)] | None = None


class CandidateBody(BaseModel):
    article_id: str
    question: str
    confidence: float = Field(ge=0, le=1)


class SourceBody(BaseModel):
    article_id: str
    category: str
    question: str


class AskResponse(BaseModel):
    """`answer` is null unless `action` is `answer`; `message` is what to show the customer."""

    action: Literal["answer", "choose", "handover"]
    reason: str
    language: str
    answer: str | None
    message: str
    confidence: float = Field(ge=0, le=1)
    candidates: list[CandidateBody]
    source: SourceBody | None
    slots: list[str]
    retriever: Literal["dense", "none"]
    model_version: str
    conversation_id: str
    message_id: str


class RetrieveRequest(Strict):
    query: Text
    k: int = Field(default=3, ge=1, le=10)
    language: Annotated[str, Field(max_length=16)] | None = None


class RetrieveResponse(BaseModel):
    language: str
    retriever: str
    candidates: list[CandidateBody]
    model_version: str


class ArticleTextBody(Strict):
    question: str = Field(min_length=1, max_length=MAX_QUESTION)
    answer: str = Field(min_length=1, max_length=MAX_ANSWER)
    variants: list[Annotated[str, Field(min_length=1, max_length=MAX_QUESTION)]] = Field(
        default_factory=list, max_length=MAX_VARIANTS
    )


class ArticleRequest(Strict):
    """`texts` by language."""

    category: str = Field(default="general", min_length=1, max_length=100)
    texts: dict[Language, ArticleTextBody] = Field(min_length=1)


class ArticleBody(BaseModel):
    id: str
    category: str
    texts: dict[str, ArticleTextBody]
    updated_at: datetime | None


class ArticleList(BaseModel):
    items: list[ArticleBody]
    cursor: str | None


class ConversationRequest(Strict):
    """Who sends `customer_email` vouches that the customer of this conversation owns it."""

    id: Annotated[str, Field(max_length=64)] | None = None
    customer_email: Annotated[str, Field(max_length=300)] | None = None


class ConversationBody(BaseModel):
    id: str
    status: str
    identified: bool
    created_at: datetime
    updated_at: datetime


class MessageBody(BaseModel):
    id: str
    author: str
    text: str
    at: datetime


class MessageList(BaseModel):
    items: list[MessageBody]
    cursor: str | None


class FeedbackRequest(Strict):
    """`accept`, `reject`, `edit` (the text is in `note`), or `article`: it should have been
    `article_id`."""

    message_id: Annotated[str, Field(max_length=64)]
    kind: Literal["accept", "reject", "edit", "article"]
    article_id: Id | None = None
    note: Annotated[str, Field(max_length=4_000)] = ""


class HandoverBody(BaseModel):
    conversation_id: str
    message_id: str
    text: str
    at: datetime
    language: str
    reason: str
    confidence: float
    candidates: list[CandidateBody]
    model_version: str


class HandoverList(BaseModel):
    items: list[HandoverBody]
    cursor: str | None


def asked_body(asked: Asked) -> AskResponse:
    return AskResponse.model_validate(
        {
            **reply_json(asked.reply),
            "conversation_id": asked.conversation_id,
            "message_id": asked.message_id,
        }
    )


def article_body(article: Article) -> ArticleBody:
    return ArticleBody(
        id=article.id,
        category=article.category,
        texts={
            language: ArticleTextBody(
                question=text.question, answer=text.answer, variants=list(text.variants)
            )
            for language, text in article.texts.items()
        },
        updated_at=article.updated_at,
    )


def article_of(article_id: str, body: ArticleRequest) -> Article:
    texts: Mapping[str, ArticleText] = {
        language: ArticleText(
            text.question.strip(),
            text.answer.strip(),
            tuple(dict.fromkeys(variant.strip() for variant in text.variants)),
        )
        for language, text in body.texts.items()
    }
    return Article(article_id, body.category, texts)


def handover_body(
    conversation_id: str, text: str, at: datetime, prediction: StoredPrediction
) -> HandoverBody:
    return HandoverBody(
        conversation_id=conversation_id,
        message_id=prediction.message_id,
        text=text,
        at=at,
        language=prediction.language,
        reason=prediction.reason,
        confidence=prediction.confidence,
        candidates=[CandidateBody.model_validate(found) for found in prediction.candidates],
        model_version=prediction.model_version,
    )
