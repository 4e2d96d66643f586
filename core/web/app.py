"""The frame that every application's API and console stands in.

    def create_app(runtime: Runtime) -> FastAPI:          # apps/support/api.py
        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            async with runtime.workers():
                yield

        return core.web.app.create_app(
            App(name="support", title="Support", description="..."),
            access=runtime.access,        # core.web.access.Access.open(Directory(...), home=...)
            directory=runtime.directory,  # core.web.access.Directory(engine, ACCESS_TABLES)
            settings=runtime.settings,
            status=runtime.status,        # () -> core.web.health.AppStatus
            api=[articles.router],        # served under /api/v1
            console=[routes.router],      # served under /, not in the OpenAPI description
            other=[alertmanager.router],  # served under the paths they state
            pages=Pages(app="support", title="support.name", folder=CONSOLE, nav=(...)),
            lifespan=lifespan,
        )

The application is written as if it stood at the root; `apps.server` mounts it at `/support`, alone
or with others, so build links with `url(...)` in templates and `request.scope["root_path"]` in
code. It gets:

- errors: raise from `core.errors`; they become problem details (`core.web.problems`), for a browser
  an error page;
- access: `require("support:read")` (`core.web.access`);
- pages: `request.app.state.pages.render(request, "ask.html", answer=answer)` (`core.web.pages`);
- lists: `Limit`, `Cursor`, `encode_cursor`, `decode_cursor`, `page_of` (`core.web.cursors`);
- `Idempotency-Key` on every write, by middleware (`core.web.idempotency`);
- a body limit (`App.body_limit`, 1 MiB; other limits by path prefix in `App.larger_bodies`), a rate
  limit per key, security headers, metrics per route; metrics of its own go to
  `app.state.metrics.registry`;
- `/health/live`, `/health/ready`, `/status`, `/metrics`, `/login`, `/logout`, `/static`,
  `/api/openapi.json`, `/api/docs`.

Blocking work (a database, a model) belongs in `def` routes, which run in threads, or in
`run_in_threadpool`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import APIRouter, FastAPI, Response
from fastapi.responses import PlainTextResponse
from starlette.middleware import Middleware
from starlette.types import Lifespan

from core.crypto import Vault
from core.settings import CoreSettings
from core.web.access import Access, Directory, require
from core.web.documentation import DOCS, OPENAPI, describe, docs_router
from core.web.health import StatusReader, health_router
from core.web.idempotency import Idempotency
from core.web.login import login_router
from core.web.metrics import CONTENT_TYPE, expose, request_metrics
from core.web.middleware import BodyLimit, Envelope, RateLimit
from core.web.pages import Pages
from core.web.problems import add_handlers
from core.web.rates import Rate, RateLimiter

MIB = 1024 * 1024


@dataclass(frozen=True)
class App:
    """`body_limit` is in bytes; `larger_bodies` has other limits by path prefix."""

    name: str
    title: str
    description: str = ""
    version: str = "1"
    body_limit: int = MIB
    larger_bodies: Mapping[str, int] = field(default_factory=dict)
    openapi_path: str = OPENAPI
    docs_path: str = DOCS


def create_app(
    about: App,
    *,
    access: Access,
    settings: CoreSettings,
    status: StatusReader,
    pages: Pages,
    directory: Directory | None = None,
    api: Sequence[APIRouter] = (),
    console: Sequence[APIRouter] = (),
    other: Sequence[APIRouter] = (),
    lifespan: Lifespan[FastAPI] | None = None,
) -> FastAPI:
    """One application with everything that stands in the module's description.

    Without a `directory` there is no `Idempotency-Key`.
    """
    metrics = request_metrics()
    rate = Rate(per_second=settings.rate_per_second, burst=settings.rate_burst)
    middleware = [
        Middleware(Envelope, name=about.name, metrics=metrics),
        Middleware(BodyLimit, limit=about.body_limit, larger=dict(about.larger_bodies)),
        Middleware(RateLimit, limiter=RateLimiter(rate)),
    ]
    if directory is not None:
        vault = Vault.open(settings.vault_path)
        middleware.append(Middleware(Idempotency, access=access, directory=directory, vault=vault))
    app = FastAPI(
        title=about.title,
        description=about.description,
        version=about.version,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        middleware=middleware,
        lifespan=lifespan,
    )
    app.state.access = access
    app.state.pages = pages
    app.state.metrics = metrics
    app.state.siblings = ()
    app.state.read_status = status
    add_handlers(app)
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    _include(app, about, api=api, console=console, other=other)
    return app


def _include(
    app: FastAPI,
    about: App,
    *,
    api: Sequence[APIRouter],
    console: Sequence[APIRouter],
    other: Sequence[APIRouter],
) -> None:
    pages: Pages = app.state.pages
    for router in api:
        app.include_router(router, prefix="/api/v1")
    for router in other:
        app.include_router(router)
    app.include_router(health_router(app.state.read_status))
    app.include_router(_metrics_router(app))
    app.include_router(_static_router(pages))
    app.include_router(login_router(pages, app.state.access))
    app.include_router(
        docs_router(app, pages, openapi_path=about.openapi_path, docs_path=about.docs_path)
    )
    for router in console:
        app.include_router(router, include_in_schema=False)


def _metrics_router(app: FastAPI) -> APIRouter:
    router = APIRouter(tags=["health"])

    @router.get(
        "/metrics",
        dependencies=[require()],
        response_class=PlainTextResponse,
        summary="Prometheus metrics",
    )
    def metrics() -> Response:
        registries = [
            app.state.metrics.registry,
            *(sibling.state.metrics.registry for sibling in _mounted(app)),
        ]
        return Response(expose(registries), media_type=CONTENT_TYPE)

    return router


def _mounted(app: FastAPI) -> list[Any]:
    return list(getattr(app.state, "mounted", ()))


def _static_router(pages: Pages) -> APIRouter:
    router = APIRouter(include_in_schema=False)

    @router.get("/static/{name:path}")
    def static(name: str, v: str | None = None) -> Response:
        return pages.file(name, version=v)

    return router
