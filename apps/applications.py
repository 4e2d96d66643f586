"""The three applications, and what the server expects of each.

`apps.<name>` offers, and is imported only when it is asked for:

- `settings.<Name>Settings`, a `CoreSettings` with `database_url`;
- `runtime.build(settings)`, a context manager that gives a `Runtime`;
- `api.create_app(runtime)`, a `FastAPI` from `core.web.app.create_app`, whose lifespan runs the
  workers;
- `service.load_samples(runtime)`, which brings in the sample content and may be repeated;
- `tables.ACCESS`, the `AccessTables`, and `migrations/`;
- `python -m apps.<name>.train --home HOME`, which trains and promotes the models `MODELS[name]`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from fastapi import FastAPI

from core.commands import deferred
from core.errors import BadInput
from core.models.served import Served
from core.models.text_model import TextModel
from core.settings import CoreSettings
from core.web.access import Access, Directory
from core.web.health import AppStatus
from core.web.tables import AccessTables

HERE = Path(__file__).parent
MODELS = {
    "support": ("support",),
    "monitor": ("monitor",),
    "recommend": ("recommend", "recommend-ranker"),
}
NAMES = tuple(MODELS)


class Runtime(Protocol):
    """What an application has at hand while it runs."""

    @property
    def access(self) -> Access: ...

    @property
    def directory(self) -> Directory: ...

    @property
    def served(self) -> Served[TextModel]: ...

    def status(self) -> AppStatus: ...


@dataclass(frozen=True)
class Application:
    """One application by name; each property imports its module when it is read."""

    name: str

    @property
    def models(self) -> tuple[str, ...]:
        return MODELS[self.name]

    @property
    def migrations(self) -> Path:
        return HERE / self.name / "migrations"

    @property
    def settings(self) -> Callable[..., CoreSettings]:
        found: Callable[..., CoreSettings] = deferred(
            f"apps.{self.name}.settings:{self.name.capitalize()}Settings"
        )
        return found

    def database_url(self, home: Path) -> str:
        return str(self.settings(home=home).model_dump()["database_url"])

    @property
    def access(self) -> AccessTables:
        found: AccessTables = deferred(f"apps.{self.name}.tables:ACCESS")
        return found

    @property
    def build(self) -> Callable[[CoreSettings], AbstractContextManager[Runtime]]:
        found: Callable[[CoreSettings], AbstractContextManager[Runtime]] = deferred(
            f"apps.{self.name}.runtime:build"
        )
        return found

    @property
    def create_app(self) -> Callable[[Runtime], FastAPI]:
        found: Callable[[Runtime], FastAPI] = deferred(f"apps.{self.name}.api:create_app")
        return found

    @property
    def load_samples(self) -> Callable[[Runtime], object]:
        found: Callable[[Runtime], object] = deferred(f"apps.{self.name}.service:load_samples")
        return found


def applications(only: str = "") -> tuple[Application, ...]:
    """All, or those that the comma-separated `only` names. Raises BadInput."""
    names = [name.strip() for name in only.split(",") if name.strip()] or list(NAMES)
    for name in names:
        if name not in NAMES:
            raise BadInput(
                f"there is no application {name!r}", field="--only", remedy=", ".join(NAMES)
            )
    return tuple(Application(name) for name in NAMES if name in names)
