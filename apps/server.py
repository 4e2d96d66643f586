"""One process on one port: the start page, the models, and the applications.

`/` is an application of its own (start page, inference API, health and metrics of all); the others
stand at `/support`, `/monitor` and `/recommend` with all their paths. Each has its own keys and
database; the root takes the keys of all of them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Mount, Route

from apps.applications import Application, Runtime
from apps.start.routes import start_router
from core.settings import CoreSettings
from core.web.access import Access, Directory
from core.web.app import MIB, App, create_app
from core.web.health import AppStatus
from core.web.inference import inference_router
from core.web.pages import Pages

VERSION = "0.1.0"
START = Path(__file__).parent / "start"


@dataclass(frozen=True)
class Assembly:
    """Open runtimes by application name, and the ASGI application over all of them."""

    app: Starlette
    runtimes: Mapping[str, Runtime]
    stack: ExitStack

    @classmethod
    def open(cls, applications: Sequence[Application], *, settings: CoreSettings) -> Self:
        """Build every runtime, all at once; `close` closes them."""
        with ExitStack() as stack, ThreadPoolExecutor(len(applications)) as pool:
            building = [
                application.build(application.settings(home=settings.home))
                for application in applications
            ]
            built = pool.map(stack.enter_context, building)
            runtimes = {
                application.name: runtime
                for application, runtime in zip(applications, built, strict=True)
            }
            apps = {
                application.name: application.create_app(runtimes[application.name])
                for application in applications
            }
            return cls(
                app=compose(apps, root=root_app(runtimes, apps=apps, settings=settings)),
                runtimes=runtimes,
                stack=stack.pop_all(),
            )

    @property
    def directories(self) -> list[tuple[str, Directory]]:
        return [(name, runtime.directory) for name, runtime in self.runtimes.items()]

    def close(self) -> None:
        self.stack.close()


def root_app(
    runtimes: Mapping[str, Runtime], *, apps: Mapping[str, FastAPI], settings: CoreSettings
) -> FastAPI:
    """What stands at `/`."""
    served = {runtime.served.name: runtime.served for runtime in runtimes.values()}
    app = create_app(
        App(
            name="core",
            title="Tripod",
            description="Embeddings, labels and similarity from the fine-tuned models.",
            version=VERSION,
            body_limit=4 * MIB,
        ),
        access=Access.open(
            *(runtime.directory for runtime in runtimes.values()), home=settings.home
        ),
        settings=settings,
        status=lambda: overall(runtimes),
        other=[inference_router(served, version=VERSION)],
        console=[start_router(runtimes)],
        pages=Pages(app="start", title="core.name", folder=START),
    )
    app.state.mounted = tuple(apps.values())
    return app


def overall(runtimes: Mapping[str, Runtime]) -> AppStatus:
    """The models of all applications, and their queues as `<application>.<queue>`."""
    found = [runtime.status() for runtime in runtimes.values()]
    return AppStatus(
        app="core",
        models=tuple(model for status in found for model in status.models),
        queues={
            f"{status.app}.{queue}": length
            for status in found
            for queue, length in status.queues.items()
        },
    )


def compose(apps: Mapping[str, FastAPI], *, root: FastAPI) -> Starlette:
    """Mount `apps` by name beside `root`; the lifespans of all of them run."""
    for app in (root, *apps.values()):
        app.state.siblings = tuple(apps)

    @asynccontextmanager
    async def lifespan(outer: Starlette) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            for app in (*apps.values(), root):
                await stack.enter_async_context(app.router.lifespan_context(app))
            yield

    routes = [
        route
        for name, app in apps.items()
        for route in (Route(f"/{name}", _add_slash), Mount(f"/{name}", app))
    ]
    return Starlette(routes=[*routes, Mount("/", root)], lifespan=lifespan)


async def _add_slash(request: Request) -> Response:
    return RedirectResponse(request.url.replace(path=f"{request.url.path}/"), status_code=308)
