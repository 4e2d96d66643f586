import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.monitor.streams import LEARNING, judge
from tests.apps.monitor.news import START


def points(values: list[float]) -> list[tuple[object, float]]:
    return [(START + timedelta(minutes=5 * n), value) for n, value in enumerate(values)]


def noise(n: int, seed: int = 0) -> list[float]:
    rng = random.Random(seed)
    return [rng.gauss(100, 5) for _ in range(n)]


@given(st.lists(st.floats(-1e9, 1e9), max_size=200))
def test_scores_lie_between_zero_and_one(values: list[float]) -> None:
    found = list(judge(points(values)))  # type: ignore[arg-type]
    assert all(0 <= each.anomaly_score <= 1 for each in found)
    assert not any(each.alert for each in found[:LEARNING])


def test_noise_raises_few_alerts_and_a_jump_raises_one() -> None:
    values = noise(5000)
    quiet = sum(each.alert for each in judge(points(values)))  # type: ignore[arg-type]
    assert quiet <= 1
    jumped = values[:3000] + [value + 80 for value in values[3000:]]
    found = [n for n, each in enumerate(judge(points(jumped))) if each.alert]  # type: ignore[arg-type]
    assert 3000 in found
    assert len(found) <= quiet + 3


def test_a_score_knows_only_the_past() -> None:
    values = noise(300)
    changed = [*values[:200], *(value * 9 for value in values[200:])]
    first, second = list(judge(points(values))), list(judge(points(changed)))  # type: ignore[arg-type]
    assert first[:200] == second[:200]
