"""The start page: what this is, and whether it works."""

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool

from apps.applications import Runtime
from core.web.health import AppStatus


def start_router(runtimes: Mapping[str, Runtime]) -> APIRouter:
    """`/`, for anyone: it tells no more than readiness and the versions that serve."""
    router = APIRouter()

    def statuses() -> list[AppStatus]:
        return [runtime.status() for runtime in runtimes.values()]

    @router.get("/")
    async def start(request: Request) -> Response:
        page: Response = request.app.state.pages.render(
            request, "start.html", statuses=await run_in_threadpool(statuses)
        )
        return page

    return router
