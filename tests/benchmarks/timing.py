"""Side-by-side timing: systems take turns in one run, so that noise of the machine hits all."""

import statistics
import time
from collections.abc import Callable, Mapping

ROUNDS = 3


def rounds(systems: Mapping[str, Callable[[], object]], *, n: int) -> dict[str, float]:
    """Items per second of each system: the median of its rounds; each warms up once."""
    for run in systems.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in systems}
    for _ in range(ROUNDS):
        for name, run in systems.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return {name: n / statistics.median(values) for name, values in seconds.items()}


def quantiles(seconds: list[float]) -> dict[str, float]:
    """p50, p95 and p99 in milliseconds."""
    ordered = sorted(seconds)
    return {
        f"p{share}_ms": 1000 * ordered[min(len(ordered) - 1, len(ordered) * share // 100)]
        for share in (50, 95, 99)
    }
