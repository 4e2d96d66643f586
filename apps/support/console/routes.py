"""The support console: ask, articles, hand-overs."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Form, Request
from fastapi.responses import HTMLResponse

from apps.support import reading
from apps.support.runtime import Runtime
from core.web.access import require
from core.web.cursors import Cursor, decode_cursor, page_of
from core.web.messages import language_of
from core.web.pages import Pages

FOLDER = Path(__file__).parent
NAV = (
    ("/", "support.nav.ask"),
    ("/articles", "support.nav.articles"),
    ("/handovers", "support.nav.handovers"),
)
PAGE = 25
EXAMPLES = {
    "en": (
        "I want to send back the jacket I bought last week",
        "Where is my order LH-482913? anna.whitfield@example.com",
        "我想退掉上周买的夹克",
        "What will the weather be like tomorrow?",
    ),
    "zh": (
        "我想退掉上周买的夹克",
        "我的订单到哪里了？LH-480041，wang.xue@example.com",
        "I want to send back the jacket I bought last week",
        "明天天气怎么样",
    ),
}


def pages() -> Pages:
    return Pages(app="support", title="app.support", folder=FOLDER, nav=NAV)


def console_router(runtime: Runtime) -> APIRouter:
    router = APIRouter()

    @router.get("/", dependencies=[require("support:ask")])
    def ask_page(request: Request) -> HTMLResponse:
        return _pages(request).render(
            request, "ask.html", examples=EXAMPLES[language_of(request)], problem=_problem(runtime)
        )

    @router.post("/ask", dependencies=[require("support:ask")])
    def ask(
        request: Request,
        text: Annotated[str, Form(max_length=100_000)] = "",
        conversation_id: Annotated[str, Form(max_length=64)] = "",
    ) -> HTMLResponse:
        asked = runtime.support.ask(
            text, now=datetime.now(UTC), conversation_id=conversation_id or None
        )
        return _pages(request).render(request, "exchange.html", text=text, asked=asked)

    @router.get("/articles", dependencies=[require("support:read")])
    def articles(request: Request, cursor: Cursor = None) -> HTMLResponse:
        position = decode_cursor("articles", cursor, types=(str,))
        rows = reading.list_articles(
            runtime.engine, after=None if position is None else str(position[0]), limit=PAGE + 1
        )
        page = page_of(rows, limit=PAGE, kind="articles", position=lambda row: [row.id])
        return _pages(request).render(
            request, "articles.html", page=page, total=reading.count_articles(runtime.engine)
        )

    @router.get("/articles/{article_id}", dependencies=[require("support:read")])
    def article(request: Request, article_id: str) -> HTMLResponse:
        found = reading.find_article(runtime.engine, article_id)
        return _pages(request).render(request, "article.html", article=found)

    @router.get("/handovers", dependencies=[require("support:read")])
    def handovers(request: Request, cursor: Cursor = None) -> HTMLResponse:
        position = decode_cursor("handovers", cursor, types=(int,))
        rows = reading.list_handovers(
            runtime.engine,
            runtime.vault,
            before=None if position is None else int(str(position[0])),
            limit=PAGE + 1,
        )
        page = page_of(
            rows, limit=PAGE, kind="handovers", position=lambda row: [row.message.sequence]
        )
        return _pages(request).render(request, "handovers.html", page=page)

    return router


def _pages(request: Request) -> Pages:
    found: Pages = request.app.state.pages
    return found


def _problem(runtime: Runtime) -> str | None:
    return runtime.knowledge.problem
