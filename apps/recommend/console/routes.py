"""The recommender's console: a user's history, what is recommended and why, similar items."""

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse

from apps.recommend import answering, service
from apps.recommend.answering import Answer
from apps.recommend.events import Kind
from apps.recommend.items import Item
from apps.recommend.runtime import Runtime
from apps.recommend.store.events import Logged
from apps.recommend.wording import Name
from core.web.access import require
from core.web.pages import Pages

FOLDER = Path(__file__).parent
NAV = (("/", "recommend.nav.users"), ("/items", "recommend.nav.items"))
SHOWN_HISTORY = 15
SHOWN = 12
Text = Annotated[str, Query(max_length=200)]
ConsoleKind = Annotated[Kind, Form()]


@dataclass(frozen=True)
class Watched:
    """An event of a history; `item` is None where the catalogue does not have it."""

    event: Logged
    item: Item | None


def pages() -> Pages:
    return Pages(app="recommend", title="app.recommend", folder=FOLDER, nav=NAV)


def console_router(runtime: Runtime) -> APIRouter:
    router = APIRouter()
    reader, writer = require("recommend:read"), require("recommend:write")

    @router.get("/", dependencies=[reader])
    def home(request: Request, user: Text = "", q: Text = "") -> HTMLResponse:
        if user:
            return _pages(request).render(request, "user.html", **_user(runtime, user))
        found = service.search_users(runtime, q)
        return _pages(request).render(request, "users.html", users=found, q=q)

    @router.post("/watch", dependencies=[writer])
    def watch(
        request: Request,
        user_id: Annotated[Name, Form()],
        item_id: Annotated[Name, Form()],
        kind: ConsoleKind = "watch",
    ) -> HTMLResponse:
        now = datetime.now(UTC)
        before = _answer(runtime, user_id)
        event = {
            "event_id": f"console-{secrets.token_hex(12)}",
            "kind": kind,
            "user_id": user_id,
            "item_id": item_id,
            "timestamp": now,
            "request_id": before.request_id,
        }
        service.post_events(runtime, [event], now=now)
        old = {shown.item.item_id for shown in before.items}
        context = _user(runtime, user_id) | {"old": old, "done": kind, "done_item": item_id}
        return _pages(request).render(request, "lists.html", **context)

    @router.get("/items", dependencies=[reader])
    def items(request: Request, q: Text = "") -> HTMLResponse:
        found = service.search_items(runtime, q, limit=60)
        return _pages(request).render(request, "items.html", items=found, q=q)

    @router.get("/items/{item_id}", dependencies=[reader])
    def item(request: Request, item_id: str) -> HTMLResponse:
        return _pages(request).render(
            request,
            "item.html",
            item=service.find_item(runtime, item_id),
            similar=service.similar(runtime, item_id, n=SHOWN, now=datetime.now(UTC)),
        )

    return router


def _answer(runtime: Runtime, user_id: str) -> Answer:
    query = answering.Query(user_id=user_id, n=SHOWN, scenario="console")
    return service.recommend(runtime, query, now=datetime.now(UTC))


def _user(runtime: Runtime, user_id: str) -> dict[str, Any]:
    events = service.history(runtime, user_id, limit=SHOWN_HISTORY)
    items = service.find_items(runtime, [event.item_id for event in events])
    answer = _answer(runtime, user_id)
    return {
        "user_id": user_id,
        "history": [Watched(event, items.get(event.item_id)) for event in events],
        "answer": answer,
        "cited": service.find_items(
            runtime,
            [
                reason.item_id
                for shown in answer.items
                for reason in shown.reasons
                if reason.item_id is not None
            ],
        ),
        "old": {shown.item.item_id for shown in answer.items},
        "done": None,
        "done_item": None,
    }


def _pages(request: Request) -> Pages:
    found: Pages = request.app.state.pages
    return found
