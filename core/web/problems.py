"""Errors as problem details (RFC 9457), and the one place where an error gets its HTTP status.

A page that a browser asks for gets the same content as an HTML page, or is sent to the login.
"""

import math
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, RedirectResponse, Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from core.errors import (
    ArtefactCorrupt,
    BadInput,
    Conflict,
    DeliveryFailed,
    Forbidden,
    NotAuthenticated,
    NotFound,
    Overloaded,
    PromotionRefused,
    TooLarge,
    TripodError,
    Unavailable,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"
STATUS: dict[type[TripodError], int] = {
    BadInput: 422,
    NotFound: 404,
    Conflict: 409,
    NotAuthenticated: 401,
    Forbidden: 403,
    TooLarge: 413,
    Overloaded: 429,
    Unavailable: 503,
    ArtefactCorrupt: 503,
    PromotionRefused: 409,
    DeliveryFailed: 502,
}
API_PATHS = ("/api/", "/v1/")


class FieldProblem(BaseModel):
    """`field` is the path of the wrong field, such as `items.3.title`."""

    field: str
    message: str
    remedy: str | None = None


class Problem(BaseModel):
    """An error (RFC 9457). `detail` is for a person, `type` for a program."""

    model_config = ConfigDict(extra="allow")

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    errors: list[FieldProblem] = Field(default_factory=list)


def problem_response(
    status: int,
    detail: str,
    *,
    kind: str | None = None,
    errors: Sequence[FieldProblem] = (),
    headers: Mapping[str, str] | None = None,
    **extra: object,
) -> JSONResponse:
    """An answer of `application/problem+json`; `kind` names the error for programs."""
    problem = Problem(
        type=f"urn:tripod:problem:{kind}" if kind else "about:blank",
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        errors=list(errors),
        **extra,
    )
    body = problem.model_dump(exclude_none=True)
    if not errors:
        del body["errors"]
    return JSONResponse(body, status_code=status, headers=headers, media_type=MEDIA_TYPE)


def from_error(error: TripodError) -> JSONResponse:
    """The problem of an error of our tree."""
    return problem_response(
        _status(error),
        str(error),
        kind=_kind(error),
        errors=_fields(error),
        headers=_headers(error),
        **({"reasons": error.reasons} if isinstance(error, PromotionRefused) else {}),
    )


def _status(error: TripodError) -> int:
    return next((STATUS[cls] for cls in type(error).__mro__ if cls in STATUS), 500)


def _kind(error: TripodError) -> str:
    name = type(error).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


def _fields(error: TripodError) -> list[FieldProblem]:
    if isinstance(error, BadInput) and error.field is not None:
        return [FieldProblem(field=error.field, message=error.message, remedy=error.remedy)]
    return []


def _headers(error: TripodError) -> dict[str, str]:
    if isinstance(error, Overloaded):
        return {"Retry-After": str(max(1, math.ceil(error.retry_after)))}
    if isinstance(error, NotAuthenticated):
        return {"WWW-Authenticate": "Bearer"}
    return {"Retry-After": "5"} if _status(error) == 503 else {}


def add_handlers(app: FastAPI) -> None:
    """Answer every error of `app` with a problem."""
    app.add_exception_handler(TripodError, _on_tripod_error)
    app.add_exception_handler(RequestValidationError, _on_validation_error)
    app.add_exception_handler(HTTPException, _on_http_exception)
    app.add_exception_handler(Exception, _on_unforeseen)


async def _on_tripod_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, TripodError)
    response = from_error(error)
    if response.status_code >= 500:
        log.warning("request failed", path=request.url.path, error=str(error))
    if isinstance(error, NotAuthenticated) and wants_page(request):
        return _to_login(request)
    return _as_page(request, response, str(error))


async def _on_validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    fields = [_field_problem(item) for item in error.errors()]
    first = fields[0]
    detail = f"{first.field}: {first.message}" if first.field else first.message
    response = problem_response(422, detail, kind="bad-input", errors=fields)
    return _as_page(request, response, detail)


def _field_problem(item: Mapping[str, Any]) -> FieldProblem:
    place = [str(part) for part in item["loc"]]
    if item["type"] == "json_invalid":
        return FieldProblem(
            field="body", message="the body is not valid JSON", remedy=str(item["ctx"]["error"])
        )
    inside = place[1:] if place[0] in ("body", "query", "path", "header", "cookie") else place
    remedy = f"send {item['loc'][0]} {'.'.join(inside)}" if item["type"] == "missing" else None
    return FieldProblem(field=".".join(inside) or place[0], message=item["msg"], remedy=remedy)


async def _on_http_exception(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    headers = dict(error.headers or {})
    if error.status_code < 400 or error.status_code in (204, 304):
        return Response(status_code=error.status_code, headers=headers)
    response = problem_response(error.status_code, str(error.detail), headers=headers)
    return _as_page(request, response, str(error.detail))


async def _on_unforeseen(request: Request, error: Exception) -> Response:
    log.error("unforeseen error", path=request.url.path, exc_info=error)
    detail = "an error that nobody foresaw; the log of the server has it"
    return _as_page(request, problem_response(500, detail), detail)


def wants_page(request: Request) -> bool:
    """A browser asks for a page, and not for the API."""
    path = request.url.path.removeprefix(request.scope.get("root_path", ""))
    accepts = request.headers.get("accept", "")
    return "text/html" in accepts and not path.startswith(API_PATHS)


def _to_login(request: Request) -> Response:
    root = request.scope.get("root_path", "")
    back = request.url.path if request.method == "GET" else f"{root}/"
    if request.url.query and request.method == "GET":
        back = f"{back}?{request.url.query}"
    target = f"{root}/login?next={quote(back, safe='')}"
    if request.headers.get("hx-request"):
        return Response(status_code=204, headers={"HX-Redirect": target})
    return RedirectResponse(target, status_code=303)


def _as_page(request: Request, response: JSONResponse, detail: str) -> Response:
    pages = request.app.state.pages
    if pages is None or not wants_page(request):
        return response
    page: Response = pages.render(
        request,
        "error.html",
        status_code=response.status_code,
        status=response.status_code,
        detail=detail,
    )
    for name in ("retry-after", "www-authenticate"):
        if name in response.headers:
            page.headers[name] = response.headers[name]
    return page
