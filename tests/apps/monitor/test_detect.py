import random
from datetime import datetime, timedelta

import pytest

from apps.monitor.detect import FEWEST_STORIES, Watch
from apps.monitor.rules import RULES
from apps.monitor.series import Contribution
from tests.apps.monitor.news import START

SHOCK = START + timedelta(days=12, hours=10)


def usual(seed: int = 0, days: int = 14) -> list[Contribution]:
    rng = random.Random(seed)
    return [
        Contribution(
            f"{company}-{day}-{number}",
            company,
            START + timedelta(days=day, seconds=rng.randrange(86400)),
            100,
            rng.choice((-0.9, 0.0, 0.9)),
        )
        for day in range(days)
        for company in ("acme", "borea")
        for number in range(rng.randrange(5))
    ]


def burst(n: int, *, score: float | None, at: datetime = SHOCK) -> list[Contribution]:
    return [
        Contribution(f"burst-{number}", "acme", at + timedelta(minutes=3 * number), 100, score)
        for number in range(n)
    ]


def watching(*contributions: Contribution) -> Watch:
    watch = Watch()
    for contribution in sorted(contributions, key=lambda each: each.at):
        watch.apply(contribution)
    return watch


def values(watch: Watch, at: datetime, company: str = "acme") -> dict[str, float]:
    return {each.kind: each.value for each in watch.measure(company, at=at)}


def test_usual_news_is_not_odd() -> None:
    watch = watching(*usual())
    for day in range(3, 14):
        found = values(watch, START + timedelta(days=day, hours=12))
        assert all(value < RULES[kind].fire_at for kind, value in found.items())


@pytest.mark.parametrize(("score", "kind"), [(-0.9, "negative"), (0.9, "positive")])
def test_a_burst_is_odd_in_its_direction(score: float, kind: str) -> None:
    watch = watching(*usual(), *burst(10, score=score))
    found = values(watch, SHOCK + timedelta(minutes=30))
    assert found[kind] >= RULES[kind].fire_at
    assert found["volume"] >= RULES["volume"].fire_at
    other = "positive" if kind == "negative" else "negative"
    assert found[other] < RULES[other].fire_at


def test_texts_without_scores_make_a_burst_of_volume_alone() -> None:
    found = values(watching(*usual(), *burst(12, score=None)), SHOCK + timedelta(minutes=40))
    assert found["volume"] >= RULES["volume"].fire_at
    assert found["negative"] < RULES["negative"].fire_at


def test_a_few_stories_are_a_coincidence() -> None:
    watch = watching(*usual(), *burst(FEWEST_STORIES - 1, score=-1.0))
    at = SHOCK + timedelta(minutes=10)
    assert values(watch, at)["volume"] < RULES["volume"].fire_at


def test_what_comes_later_changes_nothing() -> None:
    at = SHOCK + timedelta(minutes=10)
    before = watching(*usual(days=12), *burst(4, score=-0.9)).measure("acme", at=at)
    later = watching(*usual(days=12), *burst(30, score=-0.9)).measure("acme", at=at)
    assert [each.value for each in before] == [each.value for each in later]


def test_the_burst_of_one_company_leaves_the_other_alone() -> None:
    watch = watching(*usual(), *burst(20, score=-0.9))
    at = SHOCK + timedelta(hours=1)
    assert values(watch, at, "borea")["negative"] < RULES["negative"].fire_at


def test_a_withdrawn_document_is_gone() -> None:
    shock = burst(10, score=-0.9)
    watch = watching(*usual(), *shock)
    for contribution in shock:
        watch.withdraw(contribution)
    at = SHOCK + timedelta(minutes=30)
    assert values(watch, at) == values(watching(*usual()), at)


def test_the_stories_behind_a_measurement_are_the_heaviest_first() -> None:
    weak = [Contribution("weak", "acme", SHOCK, 50, -0.4)]
    watch = watching(*usual(), *weak, *burst(5, score=-0.9))
    negative = watch.measure("acme", at=SHOCK + timedelta(minutes=20))[0]
    masses = [story.mass for story in negative.stories]
    assert masses == sorted(masses)
    assert negative.stories[-1].document_id == "weak"


def test_a_company_never_seen_is_quiet() -> None:
    assert set(values(Watch(), SHOCK).values()) == {0.0}


def test_a_passing_mention_of_an_unknown_company_can_be_withdrawn() -> None:
    watch = watching(*usual())
    before = values(watch, SHOCK)
    watch.withdraw(Contribution("copy", "never-seen", SHOCK, 20, -0.9))
    assert values(watch, SHOCK) == before
    assert "never-seen" not in watch.companies()
