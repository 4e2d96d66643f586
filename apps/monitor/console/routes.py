"""The monitor's console: a company's sentiment, volume and alerts; all alerts; acknowledge."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import HTMLResponse, RedirectResponse

from apps.monitor import service, store, why
from apps.monitor.runtime import Runtime
from apps.monitor.store import Counts
from apps.monitor.wording import TOPICS
from core.alerting.store.alerts import AlertFilter
from core.database import reading
from core.web.access import Principal, require
from core.web.cursors import Cursor
from core.web.pages import Pages

FOLDER = Path(__file__).parent
NAV = (("/", "monitor.nav.company"), ("/alerts", "monitor.nav.alerts"))
PAGE = 20
COMPANY_ALERTS = 50


def pages() -> Pages:
    """The templates, texts and static files of the console."""
    return Pages(app="monitor", title="app.monitor", folder=FOLDER, nav=NAV)


def console_router(runtime: Runtime) -> APIRouter:
    """The pages under `/`."""
    router = APIRouter()

    @router.get("/", dependencies=[require("monitor:read")])
    def company_page(
        request: Request,
        company: Annotated[str | None, Query(max_length=200)] = None,
        at: datetime | None = None,
    ) -> HTMLResponse:
        companies = sorted(runtime.dictionary.companies.values(), key=lambda each: each.name_en)
        chosen = company or _first(runtime) or companies[0].id
        service.check_company(runtime, chosen)
        wanted = AlertFilter(key=chosen)
        alerts, _ = service.list_alerts(runtime, wanted=wanted, limit=COMPANY_ALERTS, cursor=None)
        moment = at if at and at.tzinfo else service.newest(runtime, chosen)
        with reading(runtime.engine) as connection:
            explained = why.to_json(why.explain(connection, chosen, at=moment))
            counts = store.counts(connection)
        return _pages(request).render(
            request,
            "company.html",
            company=runtime.dictionary.companies[chosen],
            companies=companies,
            alerts=alerts,
            why=explained,
            moment=moment,
            totals=_totals(counts),
            problem=runtime.served.error,
            topics=TOPICS,
        )

    @router.get("/alerts", dependencies=[require("monitor:read")])
    def alerts_page(request: Request, cursor: Cursor = None) -> HTMLResponse:
        alerts, following = service.list_alerts(
            runtime, wanted=AlertFilter(), limit=PAGE, cursor=cursor
        )
        return _pages(request).render(
            request,
            "alerts.html",
            alerts=alerts,
            cursor=following,
            topics=TOPICS,
        )

    @router.post("/alerts/{alert_id}/acknowledge")
    def acknowledge(
        request: Request,
        alert_id: str,
        principal: Annotated[Principal, require("monitor:act")],
        note: Annotated[str, Form(max_length=2000)] = "",
        back: Annotated[str, Form(max_length=300, pattern="^/[A-Za-z0-9?=&._-]*$")] = "/alerts",
    ) -> RedirectResponse:
        service.acknowledge(runtime, alert_id, by=principal.name, note=note, now=datetime.now(UTC))
        root = request.scope.get("root_path", "")
        return RedirectResponse(f"{root}{back}", status_code=303)

    return router


def _first(runtime: Runtime) -> str | None:
    """The company of the newest alert."""
    found, _ = service.list_alerts(runtime, wanted=AlertFilter(), limit=1, cursor=None)
    key = str(found[0]["key"]) if found else None
    return key if key in runtime.dictionary.companies else None


def _totals(counts: Counts) -> dict[str, Any]:
    return {
        "documents": counts.documents,
        "copies": counts.copies,
        "unscored": counts.unscored,
        "newest": counts.newest,
    }


def _pages(request: Request) -> Pages:
    found: Pages = request.app.state.pages
    return found
