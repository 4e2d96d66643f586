"""A small application in the frame, with a key for each kind of sender."""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import pytest
from fastapi import APIRouter, Form, Request, Response
from fastapi.testclient import TestClient
from pydantic import BaseModel, Field
from sqlalchemy import Engine, MetaData

from core.database import connect, transaction
from core.errors import Overloaded, Unavailable
from core.logs import configure
from core.settings import CoreSettings
from core.web import store
from core.web.access import Access, Directory, Principal, create_key, hash_password, require
from core.web.app import App, create_app
from core.web.cursors import Cursor, Limit, Page, decode_cursor, page_of
from core.web.health import AppStatus, ModelStatus
from core.web.pages import Pages
from core.web.tables import AccessTables, access_tables

PASSWORD = "correct horse"
METADATA = MetaData()
TABLES = access_tables(METADATA)
ITEMS = [f"item {number}" for number in range(7)]


class Order(BaseModel):
    article: str = Field(min_length=1)
    count: int = Field(ge=1)


@dataclass
class Shop:
    """`orders` are those that were placed, `models` what the status tells."""

    home: Path
    directory: Directory
    orders: list[Order]
    models: tuple[ModelStatus, ...] = (ModelStatus("shop", "v1"),)

    @property
    def engine(self) -> Engine:
        return self.directory.engine

    @property
    def tables(self) -> AccessTables:
        return self.directory.tables

    def key(self, name: str, *scopes: str) -> dict[str, str]:
        """Headers with a new API key."""
        with transaction(self.engine) as connection:
            key = create_key(
                connection, self.tables, name=name, scopes=scopes, now=datetime.now(UTC)
            )
        return {"X-API-Key": key}

    def status(self) -> AppStatus:
        return AppStatus("shop", self.models, {"deliveries": 2})


def api_router(shop: Shop) -> APIRouter:
    router = APIRouter()

    @router.post("/orders", status_code=201)
    def order(
        body: Order, principal: Annotated[Principal, require("shop:write")]
    ) -> dict[str, str | int]:
        shop.orders.append(body)
        return {"number": len(shop.orders), "by": principal.name, "article": body.article}

    @router.get("/orders/{number}")
    def show(number: int, principal: Annotated[Principal, require("shop:read")]) -> Order:
        return shop.orders[number - 1]

    @router.get("/items", dependencies=[require("shop:read")])
    def items(limit: Limit = 3, cursor: Cursor = None) -> Page[str]:
        position = decode_cursor("items", cursor, types=(int,))
        start = 0 if position is None else int(str(position[0])) + 1
        return page_of(
            ITEMS[start : start + limit + 1],
            limit=limit,
            kind="items",
            position=lambda item: [ITEMS.index(item)],
        )

    @router.post("/broken", dependencies=[require()])
    def broken(kind: str) -> None:
        if kind == "unavailable":
            raise Unavailable("the warehouse is closed")
        if kind == "overloaded":
            raise Overloaded(retry_after=2.5)
        raise ZeroDivisionError(kind)

    return router


def console_router(shop: Shop) -> APIRouter:
    router = APIRouter()

    @router.get("/")
    def start(request: Request, principal: Annotated[Principal, require("shop:read")]) -> Response:
        page: Response = request.app.state.pages.render(
            request, "shop.html", orders=shop.orders, note="<b>fresh</b>"
        )
        return page

    @router.post("/orders")
    def order(
        request: Request,
        article: Annotated[str, Form()],
        principal: Annotated[Principal, require("shop:write")],
    ) -> dict[str, str]:
        shop.orders.append(Order(article=article, count=1))
        return {"by": principal.name}

    return router


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Logs as a server writes them: structlog's default draws tracebacks for seconds."""
    configure(style="json", stream=io.StringIO())


@pytest.fixture(scope="session")
def password_argon2() -> str:
    return hash_password(PASSWORD)


@pytest.fixture
def shop(tmp_path: Path, password_argon2: str) -> Iterator[Shop]:
    engine = connect(f"sqlite:///{tmp_path}/shop.db")
    METADATA.create_all(engine)
    with transaction(engine) as connection:
        store.insert_account(
            connection,
            TABLES,
            name="admin",
            password_argon2=password_argon2,
            scopes=["*"],
            now=datetime.now(UTC),
        )
    yield Shop(home=tmp_path, directory=Directory(engine, TABLES), orders=[])
    engine.dispose()


@pytest.fixture
def console(tmp_path: Path) -> Path:
    """The console folder of the application: a template, a script, two catalogues."""
    folder = tmp_path / "console"
    for name in ("templates", "static", "locale"):
        (folder / name).mkdir(parents=True)
    (folder / "templates" / "shop.html").write_text(
        '{% extends "layout.html" %}{% block main %}<h1>{{ t("shop.title", n=orders|length) }}</h1>'
        "<p>{{ note }}</p>{{ csrf_field() }}"
        "<script src=\"{{ static('shop/shop.js') }}\" defer></script>{% endblock %}"
    )
    (folder / "static" / "shop.js").write_text("'use strict';\n")
    (folder / "locale" / "en.json").write_text('{"shop.name": "Shop", "shop.title": "{n} orders"}')
    (folder / "locale" / "zh.json").write_text('{"shop.name": "商店", "shop.title": "{n} 个订单"}')
    return folder


@pytest.fixture
def client(shop: Shop, console: Path) -> Iterator[TestClient]:
    with TestClient(build(shop, console), raise_server_exceptions=False) as client:
        yield client


def build(shop: Shop, console: Path, **settings: float) -> object:
    return create_app(
        App("shop", "Shop", body_limit=2000, larger_bodies={"/api/v1/items": 5000}),
        access=Access.open(shop.directory, home=shop.home),
        directory=shop.directory,
        settings=CoreSettings(home=shop.home, **settings),
        status=shop.status,
        api=[api_router(shop)],
        console=[console_router(shop)],
        pages=Pages(app="shop", title="shop.name", folder=console, nav=(("/", "shop.name"),)),
    )


@pytest.fixture
def writer(shop: Shop) -> dict[str, str]:
    return shop.key("writer", "shop:*")


@pytest.fixture
def reader(shop: Shop) -> dict[str, str]:
    return shop.key("reader", "shop:read")
