"""The HTTP API of the monitor.

Scopes: `monitor:read` to look, `monitor:write` to send documents, `monitor:act` to acknowledge and
silence.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Path, Query, Request
from fastapi.concurrency import run_in_threadpool

from apps.monitor import service, store, why, wire
from apps.monitor.console.routes import console_router, pages
from apps.monitor.runtime import NAME, Runtime
from core.alerting.alert import State
from core.alerting.rule import Severity
from core.alerting.store.alerts import SHOWN, AlertFilter
from core.database import reading
from core.errors import BadInput
from core.web import app as web
from core.web.access import Principal, require
from core.web.cursors import Cursor, Limit
from core.web.metrics import RefusedTexts

CompanyId = Annotated[str, Path(min_length=1, max_length=200)]
AlertId = Annotated[str, Path(min_length=1, max_length=40)]
Reader = require("monitor:read")
DOCUMENT_BYTES = 32 * 1024 * 1024
DESCRIPTION = (
    "Takes dated financial news in, scores sentiment and topic per company, and raises explained "
    "alerts on sharp moves."
)
DOCUMENT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["published_at", "title"],
    "properties": {
        "id": {"type": "string", "maxLength": 200},
        "published_at": {
            "anyOf": [{"type": "string", "format": "date-time"}, {"type": "number"}],
            "description": "RFC 3339 or Unix seconds",
        },
        "source": {"type": "string"},
        "title": {"type": "string"},
        "body": {"type": "string"},
        "url": {"type": "string"},
        "language": {"type": "string"},
    },
}
DOCUMENT_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"anyOf": [DOCUMENT_SCHEMA, {"type": "array", "items": DOCUMENT_SCHEMA}]}
            },
            "application/x-ndjson": {"schema": {"type": "string"}},
        },
    }
}


def create_app(runtime: Runtime) -> FastAPI:
    """The monitor's API and console; its workers run as long as it does."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with runtime.workers():
            yield

    app = web.create_app(
        web.App(
            name=NAME,
            title="Tripod Monitor",
            description=DESCRIPTION,
            larger_bodies={"/api/v1/documents": DOCUMENT_BYTES},
        ),
        access=runtime.access,
        directory=runtime.directory,
        settings=runtime.settings,
        status=runtime.status,
        api=[document_router(runtime), company_router(runtime), alert_router(runtime)],
        console=[console_router(runtime)],
        pages=pages(),
        lifespan=lifespan,
    )
    runtime.metrics.register(app.state.metrics.registry)
    app.state.metrics.registry.register(RefusedTexts(runtime.served))
    return app


def document_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(tags=["documents"])

    @router.post(
        "/documents",
        dependencies=[require("monitor:write")],
        summary="One document, a list, or JSON lines",
        openapi_extra=DOCUMENT_BODY,
    )
    async def take(request: Request) -> wire.IngestResponse:
        body = await request.body()
        kind = request.headers.get("content-type", "")
        return await run_in_threadpool(_take, runtime, body, kind)

    return router


def _take(runtime: Runtime, body: bytes, content_type: str) -> wire.IngestResponse:
    report = runtime.take(wire.documents_of(body, content_type=content_type))
    return wire.IngestResponse.model_validate(report.to_json())


def company_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix="/companies", tags=["companies"], dependencies=[Reader])

    @router.get("", summary="The watched companies")
    def companies() -> wire.CompanyList:
        with reading(runtime.engine) as connection:
            volumes = store.volumes(connection)
        return wire.CompanyList(
            items=[
                wire.company_body(company, stories=volumes.get(company.id, 0))
                for company in runtime.dictionary.companies.values()
            ]
        )

    @router.get("/{company_id}/series", summary="Volume and sentiment by the hour")
    def series(
        company_id: CompanyId,
        start: Annotated[datetime | None, Query(description="From this hour on")] = None,
        end: Annotated[datetime | None, Query(description="Before this hour")] = None,
        step: Annotated[str, Query(description="1h, 6h or 1d")] = "1h",
    ) -> wire.Series:
        found = service.company_series(
            runtime, company_id, start=_aware(start), end=_aware(end), step=step
        )
        points = [wire.point(at, bucket) for at, bucket in found]
        return wire.Series(company=company_id, step=step, points=points)

    @router.get("/{company_id}/why", summary="Why an alert fires at a time, or does not")
    def explain(
        company_id: CompanyId,
        at: Annotated[datetime | None, Query(description="Default: the newest news")] = None,
    ) -> dict[str, Any]:
        service.check_company(runtime, company_id)
        moment = _aware(at) or service.newest(runtime, company_id)
        with reading(runtime.engine) as connection:
            return why.to_json(why.explain(connection, company_id, at=moment))

    return router


def alert_router(runtime: Runtime) -> APIRouter:
    router = APIRouter(prefix="/alerts", tags=["alerts"])

    @router.get("", dependencies=[Reader], summary="Alerts with the headlines behind each")
    def alerts(
        limit: Limit = 50,
        cursor: Cursor = None,
        company: Annotated[str | None, Query(max_length=200)] = None,
        state: Annotated[list[State] | None, Query()] = None,
        severity: Severity | None = None,
    ) -> wire.AlertList:
        wanted = AlertFilter(
            states=frozenset(state) if state else SHOWN, key=company, severity=severity
        )
        items, following = service.list_alerts(runtime, wanted=wanted, limit=limit, cursor=cursor)
        return wire.AlertList(items=items, cursor=following)

    @router.get("/{alert_id}", dependencies=[Reader], summary="One alert")
    def alert(alert_id: AlertId) -> dict[str, Any]:
        return service.show_alert(runtime, alert_id)

    @router.post("/{alert_id}/acknowledge", summary="Take an alert")
    def acknowledge(
        alert_id: AlertId,
        principal: Annotated[Principal, require("monitor:act")],
        body: wire.AcknowledgeRequest | None = None,
    ) -> dict[str, Any]:
        return service.acknowledge(
            runtime,
            alert_id,
            by=principal.name,
            note=body.note if body else "",
            now=datetime.now(UTC),
        )

    return router


def _aware(at: datetime | None) -> datetime | None:
    if at is not None and at.tzinfo is None:
        raise BadInput(f"{at.isoformat()} has no time zone", remedy="write it as RFC 3339")
    return None if at is None else at.astimezone(UTC)
