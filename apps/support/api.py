"""The HTTP API of the support app.

Scopes: `support:ask` to ask and to go on with a conversation, `support:read` to look things up,
`support:write` to change articles, to open conversations for known customers and to give feedback.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Query, Response

from apps.support import reading, wire
from apps.support.answering import candidate_json
from apps.support.console.routes import console_router, pages
from apps.support.runtime import Runtime
from core.web import app as web
from core.web.access import Principal, require
from core.web.cursors import Cursor, Limit, decode_cursor, page_of
from core.web.metrics import RefusedTexts

ArticleId = Annotated[str, Path(min_length=1, max_length=100)]
ConversationId = Annotated[str, Path(min_length=1, max_length=64)]
Reader = require("support:read")
Asker = require("support:ask")
DESCRIPTION = (
    "Understands a customer's question in English or Chinese, answers it from the shop's own "
    "articles, or hands it over with the three nearest."
)


def create_app(runtime: Runtime) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with runtime.workers():
            yield

    app = web.create_app(
        web.App(name="support", title="Tripod Support", description=DESCRIPTION),
        access=runtime.access,
        directory=runtime.directory,
        settings=runtime.settings,
        status=runtime.status,
        api=[asking_router(runtime), article_router(runtime), conversation_router(runtime)],
        console=[console_router(runtime)],
        pages=pages(),
        lifespan=lifespan,
    )
    app.state.metrics.registry.register(RefusedTexts(runtime.served))
    return app


def asking_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(tags=["questions"])
    support = runtime.support

    @router.post("/ask", dependencies=[Asker], summary="Answer a question or hand it over")
    def ask(body: wire.AskRequest) -> wire.AskResponse:
        return wire.asked_body(
            support.ask(
                body.text,
                now=datetime.now(UTC),
                conversation_id=body.conversation_id,
                language=body.language,
            )
        )

    @router.post("/retrieve", dependencies=[Reader], summary="The nearest articles")
    def retrieve(body: wire.RetrieveRequest) -> wire.RetrieveResponse:
        decision, version = support.decide(body.query, language=body.language)
        return wire.RetrieveResponse.model_validate(
            {
                "language": decision.language,
                "retriever": decision.retriever.value,
                "candidates": [candidate_json(found) for found in decision.candidates[: body.k]],
                "model_version": version,
            }
        )

    @router.get("/handovers", dependencies=[Reader], summary="Questions handed over, newest first")
    def handovers(limit: Limit = 50, cursor: Cursor = None) -> wire.HandoverList:
        position = decode_cursor("handovers", cursor, types=(int,))
        rows = reading.list_handovers(
            runtime.engine,
            runtime.vault,
            before=None if position is None else int(str(position[0])),
            limit=limit + 1,
        )
        page = page_of(
            rows, limit=limit, kind="handovers", position=lambda row: [row.message.sequence]
        )
        return wire.HandoverList(
            items=[
                wire.handover_body(
                    row.message.conversation_id, row.message.text, row.message.at, row.prediction
                )
                for row in page.items
            ],
            cursor=page.cursor,
        )

    return router


def article_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix="/articles", tags=["articles"])

    @router.get("", dependencies=[Reader], summary="Articles in the order of their ids")
    def list_articles(
        limit: Limit = 50,
        cursor: Cursor = None,
        category: Annotated[str | None, Query(max_length=100)] = None,
    ) -> wire.ArticleList:
        position = decode_cursor("articles", cursor, types=(str,))
        rows = reading.list_articles(
            runtime.engine,
            after=None if position is None else str(position[0]),
            limit=limit + 1,
            category=category,
        )
        page = page_of(rows, limit=limit, kind="articles", position=lambda row: [row.id])
        return wire.ArticleList(
            items=[wire.article_body(article) for article in page.items], cursor=page.cursor
        )

    @router.get("/{article_id}", dependencies=[Reader], summary="One article")
    def show(article_id: ArticleId) -> wire.ArticleBody:
        return wire.article_body(reading.find_article(runtime.engine, article_id))

    @router.put(
        "/{article_id}",
        summary="Insert or replace an article; it is found at once",
        responses={201: {"model": wire.ArticleBody, "description": "The article is new"}},
    )
    def put(
        article_id: ArticleId,
        body: wire.ArticleRequest,
        response: Response,
        principal: Annotated[Principal, require("support:write")],
    ) -> wire.ArticleBody:
        new = runtime.support.put_article(
            wire.article_of(article_id, body), actor=principal.name, now=datetime.now(UTC)
        )
        response.status_code = 201 if new else 200
        return wire.article_body(reading.find_article(runtime.engine, article_id))

    @router.delete("/{article_id}", status_code=204, summary="Remove an article at once")
    def delete(
        article_id: ArticleId, principal: Annotated[Principal, require("support:write")]
    ) -> None:
        runtime.support.delete_article(article_id, actor=principal.name, now=datetime.now(UTC))

    return router


def conversation_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix="/conversations", tags=["conversations"])
    support = runtime.support

    @router.post(
        "",
        status_code=201,
        dependencies=[require("support:write")],
        summary="Open a conversation, for a known customer where one is named",
    )
    def start(body: wire.ConversationRequest) -> wire.ConversationBody:
        found = support.start_conversation(
            now=datetime.now(UTC), conversation_id=body.id, customer_email=body.customer_email
        )
        return _conversation(runtime, found.id)

    @router.get("/{conversation_id}", dependencies=[Reader], summary="One conversation")
    def show(conversation_id: ConversationId) -> wire.ConversationBody:
        return _conversation(runtime, conversation_id)

    @router.get(
        "/{conversation_id}/messages", dependencies=[Reader], summary="Messages, oldest first"
    )
    def messages(
        conversation_id: ConversationId, limit: Limit = 50, cursor: Cursor = None
    ) -> wire.MessageList:
        position = decode_cursor("messages", cursor, types=(int,))
        rows = reading.list_messages(
            runtime.engine,
            runtime.vault,
            conversation_id=conversation_id,
            after=0 if position is None else int(str(position[0])),
            limit=limit + 1,
        )
        page = page_of(rows, limit=limit, kind="messages", position=lambda row: [row.sequence])
        items = [
            wire.MessageBody(id=row.id, author=row.author, text=row.text, at=row.at)
            for row in page.items
        ]
        return wire.MessageList(items=items, cursor=page.cursor)

    @router.post("/{conversation_id}/messages", dependencies=[Asker], summary="The next message")
    def post(conversation_id: ConversationId, body: wire.MessageRequest) -> wire.AskResponse:
        asked = support.ask(
            body.text,
            now=datetime.now(UTC),
            conversation_id=conversation_id,
            language=body.language,
        )
        return wire.asked_body(asked)

    @router.post(
        "/{conversation_id}/feedback", status_code=204, summary="What an agent says of a reply"
    )
    def feedback(
        conversation_id: ConversationId,
        body: wire.FeedbackRequest,
        principal: Annotated[Principal, require("support:write")],
    ) -> None:
        support.add_feedback(
            conversation_id,
            body.message_id,
            kind=body.kind,
            article_id=body.article_id,
            note=body.note,
            actor=principal.name,
            now=datetime.now(UTC),
        )

    return router


def _conversation(runtime: Runtime, conversation_id: str) -> wire.ConversationBody:
    found = reading.find_conversation(runtime.engine, conversation_id)
    return wire.ConversationBody(
        id=found.id,
        status=found.status,
        identified=found.customer_fingerprint is not None,
        created_at=found.created_at,
        updated_at=found.updated_at,
    )
