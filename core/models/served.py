"""The model that a process serves, swapped whole when another version is promoted."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, Self, TypeVar

import structlog

from core.errors import ArtefactCorrupt, NotFound, Unavailable
from core.models.registry import Registry

log = structlog.get_logger(__name__)


class Servable(Protocol):
    """A loaded artefact that can replay its sample predictions."""

    version: str

    def verify(self) -> None: ...


M = TypeVar("M", bound=Servable)


class Served(Generic[M]):
    """One reference to the model in use under a name.

    Callers take `.current` once per request and use that object throughout, so no request mixes
    two versions. `refresh()` is called by a worker every few seconds: a new promotion is loaded,
    verified, warmed and swapped in; a failure keeps the old version and is told by `.error`.
    """

    def __init__(self, registry: Registry, name: str, *, load: Callable[[Path], M]) -> None:
        self.name = name
        self.error: str | None = None
        self._registry = registry
        self._load = load
        self._model: M | None = None
        self._seen: tuple[int, int] | None = None
        self._refreshing = threading.Lock()

    @property
    def current(self) -> M:
        """The model in use; `Unavailable` with the remedy where none is."""
        if self._model is None:
            raise Unavailable(self.error or f'no model serves as "{self.name}": train one first')
        return self._model

    @property
    def version(self) -> str | None:
        return None if self._model is None else self._model.version

    @property
    def ready(self) -> bool:
        return self._model is not None and self.error is None

    def refresh(self) -> bool:
        """Take over a new promotion; True where the model was swapped."""
        with self._refreshing:
            stamp = self._registry.log.stamp()
            if stamp == self._seen:
                return False
            swapped = self._follow()
            self._seen = stamp
            return swapped

    def started(self) -> Self:
        """This, after the first `refresh`."""
        self.refresh()
        return self

    def _follow(self) -> bool:
        wanted = self._registry.current(self.name)
        if wanted is None:
            self.error = f'no model serves as "{self.name}": train one first'
            return False
        if wanted == self.version:
            self.error = None
            return False
        try:
            artefact = self._registry.open(wanted)
            model = self._load(artefact.path)
            model.verify()
        except (ArtefactCorrupt, NotFound, OSError) as error:
            self.error = f'"{self.name}" {wanted} was not taken over: {error}'
            log.error("model refused", name=self.name, version=wanted, reason=str(error))
            return False
        previous, self._model, self.error = self.version, model, None
        log.info("model in use", name=self.name, version=wanted, previous=previous)
        return True
