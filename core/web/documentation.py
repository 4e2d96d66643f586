"""The API's description and its page: Swagger UI from our own files, without inline script."""

from typing import Any

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from core.web.pages import Pages
from core.web.problems import MEDIA_TYPE, Problem

OPENAPI = "/api/openapi.json"
DOCS = "/api/docs"


def docs_router(app: FastAPI, pages: Pages, *, openapi_path: str, docs_path: str) -> APIRouter:
    """The description is public: it has no data, and clients are generated from it."""
    router = APIRouter(include_in_schema=False)

    @router.get(openapi_path)
    async def description(request: Request) -> JSONResponse:
        root = request.scope.get("root_path", "")
        servers = {"servers": [{"url": root}]} if root else {}
        return JSONResponse(app.openapi() | servers)

    @router.get(docs_path)
    async def docs(request: Request) -> Response:
        return pages.render(request, "docs.html", openapi_path=openapi_path)

    return router


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI description, with problem details for every error."""
    if app.openapi_schema:
        return app.openapi_schema
    schema = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
    )
    components = schema.setdefault("components", {}).setdefault("schemas", {})
    problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    components.update(problem.pop("$defs", {}))
    components["Problem"] = problem
    for name in ("HTTPValidationError", "ValidationError"):
        components.pop(name, None)
    refused = {
        "description": "Problem details (RFC 9457)",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    for path in schema.get("paths", {}).values():
        for operation in path.values():
            operation["responses"].pop("422", None)
            operation["responses"]["default"] = refused
    app.openapi_schema = schema
    return schema
