"""The HTTP API of the recommender.

Scopes: `recommend:read` to ask for recommendations and to look things up, `recommend:write` to
send events, items, users and imports.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, FastAPI, Path, Request
from fastapi.concurrency import run_in_threadpool

from apps.recommend import service, wire
from apps.recommend.console.routes import console_router, pages
from apps.recommend.importing import Kind
from apps.recommend.items import Item, ItemBody, ItemChange, User, UserBody
from apps.recommend.runtime import Runtime
from apps.recommend.wording import Name
from core.web import app as web
from core.web.access import Principal, require
from core.web.cursors import Cursor, Limit, decode_cursor, page_of
from core.web.metrics import RefusedTexts

ItemId = Annotated[Name, Path()]
UserId = Annotated[Name, Path()]
JobId = Annotated[str, Path(pattern="^[0-9a-f]{32}$")]
Reader = require("recommend:read")
Writer = require("recommend:write")
DESCRIPTION = (
    "Turns watch events and item texts into ranked, explained recommendations; the next request "
    "sees the event that was sent a moment ago."
)
IMPORT_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/x-ndjson": {"schema": {"type": "string"}}},
    }
}


def create_app(runtime: Runtime) -> FastAPI:
    """The app with API, console and workers."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with runtime.workers():
            yield

    app = web.create_app(
        web.App(
            name="recommend",
            title="Tripod Recommend",
            description=DESCRIPTION,
            body_limit=4 * web.MIB,
            larger_bodies={"/api/v1/imports": runtime.settings.import_bytes},
        ),
        access=runtime.access,
        directory=runtime.directory,
        settings=runtime.settings,
        status=runtime.status,
        api=[
            recommendation_router(runtime),
            event_router(runtime),
            item_router(runtime),
            user_router(runtime),
        ],
        console=[console_router(runtime)],
        pages=pages(),
        lifespan=lifespan,
    )
    app.state.metrics.registry.register(RefusedTexts(runtime.served))
    return app


def recommendation_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(tags=["recommendations"], dependencies=[Reader])

    @router.post("/recommendations", summary="Recommendations for a user or session")
    def recommend(body: wire.RecommendationRequest) -> wire.RecommendationResponse:
        answer = service.recommend(runtime, body.query(), now=datetime.now(UTC))
        return wire.answer_body(answer)

    @router.get("/users/{user_id}/recommendations", summary="The short form")
    def recommend_user(
        user_id: UserId,
        n: wire.Count = 10,
        cursor: Cursor = None,
    ) -> wire.RecommendationResponse:
        query = wire.RecommendationRequest(user_id=user_id, n=n, cursor=cursor).query()
        return wire.answer_body(service.recommend(runtime, query, now=datetime.now(UTC)))

    @router.get("/items/{item_id}/similar", summary="Items like this one")
    def similar(item_id: ItemId, n: wire.Count = 10) -> wire.SimilarResponse:
        found = service.similar(runtime, item_id, n=n, now=datetime.now(UTC))
        return wire.SimilarResponse(
            item_id=item_id, items=[wire.shown_body(shown) for shown in found]
        )

    return router


def event_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(tags=["events"])

    @router.post("/events", dependencies=[Writer], summary="Append events")
    def events(body: wire.EventRows) -> wire.EventsResponse:
        """A list of events: `event_id`, `kind` (watch, click, like, share, save, purchase,
        dislike), `user_id` or `session_id`, `item_id`, `timestamp`, and optionally `value` and
        `request_id`. Each is taken or refused by itself; an `event_id` that is known changes
        nothing, so a list may be sent again."""
        return wire.events_body(service.post_events(runtime, body, now=datetime.now(UTC)))

    @router.post(
        "/imports",
        status_code=202,
        dependencies=[Writer],
        summary="Import many rows, one JSON object a line",
        openapi_extra=IMPORT_BODY,
    )
    async def start_import(request: Request, of: Kind = "events") -> wire.JobBody:
        upload = await run_in_threadpool(service.open_upload, runtime, of, now=datetime.now(UTC))
        async for part in request.stream():
            await run_in_threadpool(upload.write, part)
        return wire.job_body(await run_in_threadpool(upload.queue))

    @router.get("/jobs/{job_id}", dependencies=[Reader], summary="How far an import is")
    def job(job_id: JobId) -> wire.JobBody:
        return wire.job_body(service.find_job(runtime, job_id))

    return router


def item_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix="/items", tags=["items"])

    @router.get("", dependencies=[Reader], summary="Items in the order of their ids")
    def list_items(limit: Limit = 50, cursor: Cursor = None) -> wire.ItemList:
        position = decode_cursor("items", cursor, types=(str,))
        after = "" if position is None else str(position[0])
        rows = service.list_items(runtime, after=after, limit=limit + 1)
        page = page_of(rows, limit=limit, kind="items", position=lambda item: [item.item_id])
        return wire.ItemList(items=page.items, cursor=page.cursor)

    @router.get("/{item_id}", dependencies=[Reader], summary="One item")
    def show(item_id: ItemId) -> Item:
        return service.find_item(runtime, item_id)

    @router.put("/{item_id}", dependencies=[Writer], summary="Insert or replace an item")
    def put(item_id: ItemId, body: ItemBody) -> Item:
        item = Item.model_validate(body.model_dump() | {"item_id": item_id})
        service.put_item(runtime, item)
        return item

    @router.patch("/{item_id}", dependencies=[Writer], summary="Change some fields of an item")
    def patch(item_id: ItemId, body: ItemChange) -> Item:
        return service.patch_item(runtime, item_id, body)

    @router.delete("/{item_id}", status_code=204, dependencies=[Writer], summary="Take an item out")
    def delete(item_id: ItemId) -> None:
        service.delete_item(runtime, item_id, now=datetime.now(UTC))

    return router


def user_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix="/users", tags=["users"])

    @router.get("/{user_id}", dependencies=[Reader], summary="One user")
    def show(user_id: UserId) -> User:
        return service.find_user(runtime, user_id)

    @router.put("/{user_id}", dependencies=[Writer], summary="Insert or replace a user")
    def put(user_id: UserId, body: UserBody) -> User:
        user = User.model_validate(body.model_dump() | {"user_id": user_id})
        service.put_user(runtime, user)
        return user

    @router.patch("/{user_id}", dependencies=[Writer], summary="Change some fields of a user")
    def patch(user_id: UserId, body: wire.UserChange) -> User:
        fields = {name: getattr(body, name) for name in body.model_fields_set}
        return service.patch_user(runtime, user_id, fields)

    @router.delete("/{user_id}", status_code=204, summary="Forget a person, events and all")
    def delete(
        user_id: UserId, principal: Annotated[Principal, require("recommend:write")]
    ) -> None:
        service.delete_user(runtime, user_id, actor=principal.name, now=datetime.now(UTC))

    return router
