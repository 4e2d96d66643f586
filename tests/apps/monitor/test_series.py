import random
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from apps.monitor.series import (
    EMPTY,
    Bucket,
    Contribution,
    bucket_of,
    bucket_start,
    resampled,
)
from tests.apps.monitor.news import START

CONTRIBUTIONS = st.builds(
    Contribution,
    document_id=st.text(min_size=1, max_size=5),
    company_id=st.just("acme"),
    at=st.just(START),
    relevance=st.integers(1, 100),
    score=st.one_of(st.none(), st.floats(-1, 1)),
)


def total(contributions: list[Contribution]) -> Bucket:
    return sum((bucket_of(each) for each in contributions), EMPTY)


@given(st.lists(CONTRIBUTIONS, max_size=30), st.integers())
def test_a_bucket_does_not_depend_on_the_order(found: list[Contribution], seed: int) -> None:
    shuffled = list(found)
    random.Random(seed).shuffle(shuffled)
    assert total(found) == total(shuffled)


@given(st.lists(CONTRIBUTIONS, max_size=30))
def test_a_mean_lies_between_its_bounds(found: list[Contribution]) -> None:
    bucket = total(found)
    mean = bucket.mean_sentiment
    assert (mean is None) == (bucket.scored == 0)
    assert mean is None or -1.0 - 1e-6 <= mean <= 1.0 + 1e-6
    assert bucket.total == bucket.positive - bucket.negative


@given(CONTRIBUTIONS)
def test_what_is_withdrawn_leaves_nothing(contribution: Contribution) -> None:
    assert bucket_of(contribution) + -bucket_of(contribution) == EMPTY


def test_a_text_without_a_score_counts_for_volume_alone() -> None:
    assert bucket_of(Contribution("1", "acme", START, 100, None)) == Bucket(volume=1)


def test_a_passing_mention_does_not_count() -> None:
    assert bucket_of(Contribution("1", "acme", START, 20, -1.0)) == EMPTY


def test_hours_are_put_together() -> None:
    hours = [(START + timedelta(hours=hour), Bucket(volume=1)) for hour in range(7)]
    assert [
        (start, bucket.volume) for start, bucket in resampled(hours, step=timedelta(hours=6))
    ] == [
        (START, 6),
        (START + timedelta(hours=6), 1),
    ]


def test_an_hour_begins_on_the_hour() -> None:
    assert bucket_start(START + timedelta(minutes=59, microseconds=7)) == START
