"""Liveness, readiness and status of one application."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from core.web.access import require


@dataclass(frozen=True)
class ModelStatus:
    """`version` is what serves now; `error` says why a newer one, or any, could not be loaded."""

    name: str
    version: str | None
    error: str | None = None

    @property
    def ready(self) -> bool:
        return self.version is not None and self.error is None


@dataclass(frozen=True)
class AppStatus:
    """`queues` has the number of waiting entries by queue name."""

    app: str
    models: tuple[ModelStatus, ...] = ()
    queues: Mapping[str, int] = field(default_factory=dict)

    @property
    def ready(self) -> bool:
        return all(model.ready for model in self.models)

    @property
    def problems(self) -> tuple[str, ...]:
        return tuple(
            f"model {model.name}: {model.error or 'none is promoted'}"
            for model in self.models
            if not model.ready
        )


StatusReader = Callable[[], AppStatus]


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool
    problems: list[str]


def as_json(status: AppStatus) -> dict[str, object]:
    """The shape of `tripod status --json` and of `/status`."""
    return {
        "app": status.app,
        "ready": status.ready,
        "models": [asdict(model) | {"ready": model.ready} for model in status.models],
        "queues": dict(status.queues),
    }


def health_router(read_status: StatusReader) -> APIRouter:
    """`/health/live` and `/health/ready` for anyone, `/status` with a key."""
    router = APIRouter(tags=["health"])

    @router.get("/health/live", summary="The process answers")
    async def live() -> Live:
        return Live(live=True)

    @router.get(
        "/health/ready",
        summary="Every model is loaded",
        responses={200: {"model": Ready}, 503: {"model": Ready}},
    )
    async def ready() -> JSONResponse:
        status = await run_in_threadpool(read_status)
        body = Ready(ready=status.ready, problems=list(status.problems))
        return JSONResponse(body.model_dump(), status_code=200 if status.ready else 503)

    @router.get("/status", dependencies=[require()], summary="Models and queues")
    async def show_status(request: Request) -> dict[str, object]:
        return as_json(await run_in_threadpool(read_status))

    return router
