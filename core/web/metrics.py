"""Prometheus metrics of requests, by application, route and status."""

from collections.abc import Iterable
from dataclasses import dataclass

from prometheus_client import (
    GC_COLLECTOR,
    PLATFORM_COLLECTOR,
    PROCESS_COLLECTOR,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from core.models.served import Served
from core.models.text_model import UNSUPPORTED, TextModel

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class RequestMetrics:
    """An application adds metrics of its own to `registry`."""

    registry: CollectorRegistry
    requests: Counter
    seconds: Histogram

    def observe(self, scope: Scope, *, app: str, status: int, seconds: float) -> None:
        route = route_template(scope)
        method = scope["method"] if route != NO_ROUTE else "-"
        self.requests.labels(app, method, route, str(status)).inc()
        self.seconds.labels(app, method, route).observe(seconds)


class RefusedTexts(Collector):
    """`tripod_texts_refused_total`: texts that a model did not score, by the reason."""

    def __init__(self, served: Served[TextModel]) -> None:
        self._served = served

    def collect(self) -> Iterable[Metric]:
        family = CounterMetricFamily(
            "tripod_texts_refused",
            "Texts that the model in use did not score",
            labels=("model", "reason"),
        )
        if self._served.version is not None:
            refused = self._served.current.refused_texts
            family.add_metric((self._served.name, UNSUPPORTED), refused)
        yield family


NO_ROUTE = "(none)"


def request_metrics() -> RequestMetrics:
    """Metrics on a registry of their own: two applications in one process do not collide."""
    registry = CollectorRegistry()
    return RequestMetrics(
        registry=registry,
        requests=Counter(
            "tripod_http_requests_total",
            "Answered requests",
            ("app", "method", "route", "status"),
            registry=registry,
        ),
        seconds=Histogram(
            "tripod_http_request_seconds",
            "Seconds from the first byte of a request to the last of its answer",
            ("app", "method", "route"),
            buckets=SECONDS,
            registry=registry,
        ),
    )


def expose(registries: Iterable[CollectorRegistry]) -> bytes:
    """The metrics of several applications and of the process as one text."""
    together = CollectorRegistry()
    for collector in (PROCESS_COLLECTOR, PLATFORM_COLLECTOR, GC_COLLECTOR):
        together.register(collector)
    merged = _merged(registries)
    return generate_latest(together) + merged


def _merged(registries: Iterable[CollectorRegistry]) -> bytes:
    # The format allows a family once: samples of equal families are put together.
    families: dict[str, list[str]] = {}
    heads: dict[str, list[str]] = {}
    for registry in registries:
        name = ""
        for line in generate_latest(registry).decode().splitlines():
            if line.startswith("#"):
                name = line.split(" ", 3)[2]
                heads.setdefault(name, [])
                if line not in heads[name]:
                    heads[name].append(line)
            else:
                families.setdefault(name, []).append(line)
    lines = [line for name, head in heads.items() for line in [*head, *families.get(name, [])]]
    return ("\n".join(lines) + "\n").encode() if lines else b""


def route_template(scope: Scope) -> str:
    """The path with its parameters' names, so that ids do not become label values."""
    template = getattr(scope.get("route"), "path_format", None)
    if template is None:
        return NO_ROUTE
    path = scope["path"].removeprefix(scope.get("root_path", ""))
    concrete = template.format(**scope.get("path_params", {}))
    prefix = path[: -len(concrete)] if concrete and path.endswith(concrete) else ""
    return f"{prefix}{template}"
