from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st

from core.errors import Overloaded
from core.web.rates import Rate, RateLimiter, take
from tests.core.web.conftest import Shop, build


@given(
    gaps=st.lists(st.floats(0, 5), min_size=1, max_size=60),
    per_second=st.floats(0.1, 20),
    burst=st.integers(1, 10),
)
def test_never_more_than_the_burst_and_the_rate(
    gaps: list[float], per_second: float, burst: int
) -> None:
    rate, now, bucket, admitted = Rate(per_second, burst), 0.0, None, 0
    for gap in gaps:
        now += gap
        bucket, wait = take(bucket, rate, now=now)
        admitted += wait == 0.0

    assert admitted <= burst + now * per_second - gaps[0] * per_second + 1e-6


@given(tokens=st.integers(1, 5), per_second=st.floats(0.1, 20))
def test_after_the_wait_one_is_admitted(tokens: int, per_second: float) -> None:
    rate, bucket, wait, now = Rate(per_second, tokens), None, 0.0, 0.0
    for _ in range(tokens + 1):
        bucket, wait = take(bucket, rate, now=now)

    assert wait > 0
    assert take(bucket, rate, now=now + wait * 1.000001)[1] == 0.0


def test_callers_do_not_disturb_each_other() -> None:
    limiter = RateLimiter(Rate(1, 1), clock=lambda: 0.0)
    limiter.admit("a")
    limiter.admit("b")

    with pytest.raises(Overloaded):
        limiter.admit("a")


def test_callers_are_forgotten_before_they_fill_the_memory() -> None:
    limiter = RateLimiter(Rate(1, 1), callers=2, clock=lambda: 0.0)
    for caller in ("a", "b", "c"):
        limiter.admit(caller)

    limiter.admit("a")


def test_too_many_requests_are_told_when_to_come_back(shop: Shop, console: Path) -> None:
    client = TestClient(build(shop, console, rate_per_second=0.5, rate_burst=2))
    one, other = shop.key("one", "shop:*"), shop.key("other", "shop:*")

    answers = [client.get("/api/v1/items", headers=one) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "2"
    assert answers[2].headers["content-type"] == "application/problem+json"
    assert client.get("/api/v1/items", headers=other).status_code == 200
    assert [client.get("/health/live").status_code for _ in range(5)] == [200] * 5
