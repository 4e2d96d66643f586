"""Token buckets: how many requests one caller may send to this process."""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from core.errors import Overloaded


@dataclass(frozen=True)
class Rate:
    """`burst` requests at once, and `per_second` in the long run."""

    per_second: float
    burst: int


@dataclass(frozen=True)
class Bucket:
    tokens: float
    at: float


def take(bucket: Bucket | None, rate: Rate, *, now: float) -> tuple[Bucket, float]:
    """The bucket after one request at `now` seconds, and the seconds to wait (0: admitted)."""
    if bucket is None:
        return Bucket(tokens=rate.burst - 1.0, at=now), 0.0
    tokens = min(float(rate.burst), bucket.tokens + max(0.0, now - bucket.at) * rate.per_second)
    if tokens < 1.0:
        return Bucket(tokens=tokens, at=now), (1.0 - tokens) / rate.per_second
    return Bucket(tokens=tokens - 1.0, at=now), 0.0


class RateLimiter:
    """One bucket per caller; forgets the callers that were quiet the longest."""

    def __init__(
        self, rate: Rate, *, callers: int = 10_000, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._rate = rate
        self._callers = callers
        self._clock = clock
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def admit(self, caller: str) -> None:
        """Count one request. Raises Overloaded with the seconds to wait."""
        bucket, wait = take(self._buckets.get(caller), self._rate, now=self._clock())
        self._buckets[caller] = bucket
        self._buckets.move_to_end(caller)
        if len(self._buckets) > self._callers:
            self._buckets.popitem(last=False)
        if wait > 0:
            raise Overloaded("too many requests from this caller", retry_after=wait)
