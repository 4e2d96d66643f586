"""Sign in to and out of the consoles. One session holds for all applications of one home."""

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

import structlog
from fastapi import APIRouter, Form, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import RedirectResponse, Response

from core.errors import Forbidden, NotAuthenticated, Overloaded
from core.web.access import Access, Principal, require
from core.web.pages import Pages
from core.web.rates import Rate, RateLimiter
from core.web.sessions import COOKIE, LIFETIME

log = structlog.get_logger(__name__)

ATTEMPTS = Rate(per_second=0.1, burst=10)


def login_router(pages: Pages, access: Access) -> APIRouter:
    """`/login` and `/logout`."""
    router = APIRouter(include_in_schema=False)
    attempts = RateLimiter(ATTEMPTS)

    def form(request: Request, *, target: str, status: int = 200, wrong: str = "") -> Response:
        return pages.render(request, "login.html", status_code=status, target=target, wrong=wrong)

    @router.get("/login")
    async def show(request: Request, next: str = "") -> Response:
        return form(request, target=_own_path(request, next))

    @router.post("/login")
    async def sign_in(
        request: Request,
        account: Annotated[str, Form(max_length=100)],
        password: Annotated[str, Form(max_length=200)],
        target: Annotated[str, Form(max_length=2000)] = "",
    ) -> Response:
        refuse_cross_site(request)
        target = _own_path(request, target)
        address = request.client.host if request.client else "unknown"
        try:
            attempts.admit(address)
            cookie = await run_in_threadpool(
                access.login, account=account, password=password, now=datetime.now(UTC)
            )
        except Overloaded:
            return form(request, target=target, status=429, wrong="login.wait")
        except NotAuthenticated:
            log.warning("login refused", account=account, address=address)
            return form(request, target=target, status=401, wrong="login.wrong")
        log.info("login", account=account, address=address)
        response = RedirectResponse(target, status_code=303)
        response.set_cookie(
            COOKIE,
            cookie,
            max_age=int(LIFETIME.total_seconds()),
            httponly=True,
            samesite="lax",
            secure=request.url.scheme == "https",
        )
        return response

    @router.post("/logout")
    async def sign_out(request: Request, principal: Annotated[Principal, require()]) -> Response:
        response = RedirectResponse(f"{request.scope.get('root_path', '')}/", status_code=303)
        response.delete_cookie(COOKIE)
        return response

    return router


def refuse_cross_site(request: Request) -> None:
    """Refuse a form that another site sends; browsers name the relation of the two."""
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise Forbidden("this form was sent from another site")


def _own_path(request: Request, target: str) -> str:
    home = f"{request.scope.get('root_path', '')}/"
    parts = urlsplit(target)
    own = target.startswith("/") and not target.startswith(("//", "/\\"))
    return target if own and not parts.scheme and not parts.netloc else home
