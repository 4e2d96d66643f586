import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.alerting.alert import CLOSED, Alert, Notify, Reason, State, Transition
from core.alerting.lifecycle import acknowledge, advance
from core.alerting.rule import Absent, Direction, Reading, Rule
from core.errors import BadInput, Conflict
from tests.core.alerting.samples import SHOCK, START, at, minutes, shock

HELD = replace(SHOCK, hold=minutes(5), settle=minutes(10))
LEGAL = {
    (State.INACTIVE, State.PENDING),
    (State.INACTIVE, State.FIRING),
    (State.PENDING, State.INACTIVE),
    (State.PENDING, State.FIRING),
    (State.FIRING, State.FIRING),
    (State.FIRING, State.RECOVERING),
    (State.FIRING, State.RESOLVED),
    (State.FIRING, State.ACKNOWLEDGED),
    (State.ACKNOWLEDGED, State.RECOVERING),
    (State.ACKNOWLEDGED, State.RESOLVED),
    (State.RECOVERING, State.FIRING),
    (State.RECOVERING, State.ACKNOWLEDGED),
    (State.RECOVERING, State.RECOVERING),
    (State.RECOVERING, State.RESOLVED),
}

Played = tuple[Alert | None, list[Transition]]


def play(
    rule: Rule, *readings: Reading, alert: Alert | None = None, now: datetime | None = None
) -> Played:
    steps: list[Transition] = []
    for reading in readings:
        alert, step = advance(alert, reading, rule, now or reading.at)
        if step is not None:
            steps.append(step)
    return alert, steps


def states(steps: list[Transition]) -> list[State]:
    return [step.after for step in steps]


def test_a_breach_fires_at_once_without_hold() -> None:
    alert, [step] = play(SHOCK, shock(5, 0))
    assert alert is not None
    assert (alert.state, alert.fired_at, alert.episode) == (State.FIRING, START, 1)
    assert (step.reason, step.notify) == (Reason.BREACHED, Notify.FIRING)
    assert alert.annotations["summary"] == "News on ACME turned (5)"
    assert alert.annotations["summary_zh"] == "ACME 的新闻急转（5）"
    assert alert.evidence[0].text == "acme recalls its <kettle>"


def test_the_whole_life() -> None:
    alert, steps = play(
        HELD, shock(5, 0), shock(4.5, 4), shock(6, 5), shock(1, 20), shock(1, 29), shock(0, 30)
    )
    assert states(steps) == [State.PENDING, State.FIRING, State.RECOVERING, State.RESOLVED]
    assert [step.reason for step in steps] == [
        Reason.BREACHED,
        Reason.HELD,
        Reason.CLEARED,
        Reason.SETTLED,
    ]
    assert [step.notify for step in steps] == [None, Notify.FIRING, None, Notify.RESOLVED]
    assert alert is not None
    assert alert.closed_at == at(30)


def test_a_breach_shorter_than_hold_is_told_to_nobody() -> None:
    alert, steps = play(HELD, shock(5, 0), shock(1, 3))
    assert states(steps) == [State.PENDING, State.INACTIVE]
    assert steps[-1].reason is Reason.CLEARED_EARLY
    assert not any(step.notify for step in steps)
    again, steps = play(HELD, shock(5, 4), alert=alert)
    assert again is not None
    assert again.episode == 2
    assert states(steps) == [State.PENDING]


def test_back_before_it_settled_is_no_news() -> None:
    _, steps = play(HELD, shock(5, 0), shock(5, 6), shock(1, 10), shock(5, 12), shock(1, 15))
    assert states(steps)[2:] == [State.RECOVERING, State.FIRING, State.RECOVERING]
    assert [step.notify for step in steps[2:]] == [None, None, None]


def test_it_is_told_again_after_the_repeat_interval_only() -> None:
    _, steps = play(SHOCK, *(shock(5, minute) for minute in range(0, 9 * 60, 10)))
    told = [step.at for step in steps if step.notify]
    assert told == [at(0), at(240), at(480)]


def test_who_takes_it_hears_of_its_end_only() -> None:
    alert, _ = play(SHOCK, shock(5, 0))
    assert alert is not None
    taken, step = acknowledge(alert, by="li", now=at(1), note="looking")
    assert step is not None
    assert (taken.state, step.actor, step.notify) == (State.ACKNOWLEDGED, "li", None)
    assert acknowledge(taken, by="wang", now=at(2)) == (taken, None)
    _, steps = play(SHOCK, shock(5, 600), shock(1, 610), alert=taken)
    assert [(step.after, step.notify) for step in steps] == [(State.RESOLVED, Notify.RESOLVED)]


def test_acknowledged_stays_so_over_a_short_recovery() -> None:
    rule = replace(SHOCK, settle=minutes(30))
    alert, _ = play(rule, shock(5, 0), shock(1, 10))
    assert alert is not None
    taken, _ = acknowledge(alert, by="li", now=at(11))
    assert taken.state is State.RECOVERING
    back, [step] = play(rule, shock(5, 500), alert=replace(taken, recovering_since=at(490)))
    assert back is not None
    assert (back.state, step.notify) == (State.ACKNOWLEDGED, None)


def test_only_an_active_alert_can_be_taken() -> None:
    pending, _ = play(HELD, shock(5, 0))
    closed, _ = play(SHOCK, shock(5, 0), shock(1, 1))
    for alert in (pending, closed):
        assert alert is not None
        with pytest.raises(Conflict, match=alert.state.value):
            acknowledge(alert, by="li", now=at(2))


@pytest.mark.parametrize(
    ("absent", "expected"),
    [
        (Absent.CLEAR, [State.FIRING, State.RECOVERING, State.RESOLVED]),
        (Absent.KEEP, [State.FIRING]),
        (Absent.FIRE, [State.FIRING]),
    ],
)
def test_a_key_that_goes_quiet(absent: Absent, expected: list[State]) -> None:
    rule = replace(SHOCK, absent=absent, settle=minutes(10))
    _, steps = play(rule, shock(5, 0), shock(None, 5), shock(None, 15))
    assert states(steps) == expected


def test_silence_of_a_key_can_be_the_alert() -> None:
    rule = replace(SHOCK, absent=Absent.FIRE)
    alert, [step] = play(rule, shock(None, 0))
    assert alert is not None
    assert (step.after, alert.value) == (State.FIRING, None)


def test_low_values_can_be_bad() -> None:
    rule = replace(SHOCK, direction=Direction.BELOW, fire_at=-4.0, clear_at=-2.0)
    _, steps = play(rule, shock(-3, 0), shock(-4, 1), shock(-3, 2), shock(-1, 3))
    assert states(steps) == [State.FIRING, State.RESOLVED]


def test_muted_is_recorded_and_told_once_it_is_over() -> None:
    alert, step = advance(None, shock(5, 0), SHOCK, at(0), muted_by="silence 1")
    assert step is not None
    assert (step.notify, step.muted_by, step.after) == (None, "silence 1", State.FIRING)
    alert, step = advance(alert, shock(5, 10), SHOCK, at(10), muted_by="silence 1")
    assert step is None
    alert, step = advance(alert, shock(5, 20), SHOCK, at(20))
    assert step is not None
    assert (step.reason, step.notify) == (Reason.UNMUTED, Notify.FIRING)


def test_the_end_of_what_nobody_was_told_is_told_to_nobody() -> None:
    alert, _ = advance(None, shock(5, 0), SHOCK, at(0), muted_by="silence 1")
    _, step = advance(alert, shock(1, 10), SHOCK, at(10))
    assert step is not None
    assert (step.after, step.notify) == (State.RESOLVED, None)


def test_a_reading_from_the_future_counts_as_of_now() -> None:
    alert, _ = advance(None, shock(5, 500), SHOCK, at(0))
    assert alert is not None
    assert alert.read_at == at(0)
    _, step = advance(alert, shock(1, 1), SHOCK, at(1))
    assert step is not None


@pytest.mark.parametrize(
    "change",
    [
        {"clear_at": 5.0},
        {"clear_at": 2.0, "direction": Direction.BELOW},
        {"hold": timedelta(-1)},
        {"repeat": timedelta(0)},
    ],
)
def test_a_rule_that_cannot_work_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(BadInput, match="shock"):
        replace(SHOCK, **change)


def test_a_reading_needs_a_key_a_real_value_and_an_aware_time() -> None:
    with pytest.raises(BadInput, match="nan"):
        shock(float("nan"), 0)
    with pytest.raises(BadInput, match="key"):
        shock(1, 0, key="x" * 501)
    with pytest.raises(BadInput, match="zone"):
        replace(shock(1, 0), at=datetime(2026, 1, 1))  # noqa: DTZ001


values = st.one_of(st.none(), st.floats(0, 8), st.sampled_from([2.0, 4.0]))
durations = st.integers(0, 30).map(minutes)
rules = st.builds(
    lambda hold, settle, repeat, absent: replace(
        SHOCK, hold=hold, settle=settle, repeat=repeat + minutes(1), absent=absent
    ),
    durations,
    durations,
    durations,
    st.sampled_from(Absent),
)
ordered = st.lists(st.tuples(st.integers(1, 20), values), max_size=60)


def stream(gaps: list[tuple[int, float | None]]) -> list[Reading]:
    minute, readings = 0, []
    for gap, value in gaps:
        minute += gap
        readings.append(shock(value, minute))
    return readings


def by_episode(steps: list[Transition]) -> dict[str, list[Transition]]:
    found: dict[str, list[Transition]] = {}
    for step in steps:
        found.setdefault(step.alert_id, []).append(step)
    return found


@given(rules, ordered)
def test_nothing_is_told_without_firing(rule: Rule, gaps: list[tuple[int, float | None]]) -> None:
    _, steps = play(rule, *stream(gaps))
    for episode in by_episode(steps).values():
        told = [step for step in episode if step.notify]
        assert all(step.after is State.FIRING for step in told if step.notify is Notify.FIRING)
        ends = [step for step in told if step.notify is Notify.RESOLVED]
        assert len(ends) <= 1
        assert not ends or (told[0].notify is Notify.FIRING and ends[0].after is State.RESOLVED)


@given(rules, ordered)
def test_at_most_one_message_in_a_repeat_interval(
    rule: Rule, gaps: list[tuple[int, float | None]]
) -> None:
    _, steps = play(rule, *stream(gaps))
    for episode in by_episode(steps).values():
        told = [step.at for step in episode if step.notify is Notify.FIRING]
        assert all(later - sooner >= rule.repeat for sooner, later in itertools.pairwise(told))


@given(rules, ordered)
def test_only_legal_steps_numbered_without_gaps(
    rule: Rule, gaps: list[tuple[int, float | None]]
) -> None:
    _, steps = play(rule, *stream(gaps))
    for episode in by_episode(steps).values():
        assert [step.number for step in episode] == list(range(1, len(episode) + 1))
        assert episode[0].before is State.INACTIVE
        for step, after in itertools.pairwise(episode):
            assert step.after is after.before
        assert {(step.before, step.after) for step in episode} <= LEGAL


@given(rules, ordered)
def test_hold_and_settle_are_kept(rule: Rule, gaps: list[tuple[int, float | None]]) -> None:
    _, steps = play(rule, *stream(gaps))
    for episode in by_episode(steps).values():
        for sooner, later in itertools.pairwise(episode):
            if later.reason is Reason.HELD:
                assert later.at - sooner.at >= rule.hold
            if later.after is State.RESOLVED and sooner.after is State.RECOVERING:
                assert later.at - sooner.at >= rule.settle


@given(rules, st.lists(st.tuples(st.integers(1, 20), st.floats(2, 3.99)), max_size=40))
def test_no_flapping_inside_the_band(rule: Rule, gaps: list[tuple[int, float | None]]) -> None:
    alert, steps = play(rule, *stream(gaps))
    assert (alert, steps) == (None, [])
    _, steps = play(rule, *stream([(1, 5.0), *gaps]))
    changes = [step for step in steps if step.before is not step.after]
    assert {step.after for step in changes} <= {State.PENDING, State.FIRING}
    assert len(changes) <= 2


@given(rules, ordered)
def test_the_same_readings_twice_change_nothing(
    rule: Rule, gaps: list[tuple[int, float | None]]
) -> None:
    readings = stream(gaps)
    alert, _ = play(rule, *readings)
    assert play(rule, *readings, alert=alert) == (alert, [])


@given(rules, ordered, st.data())
def test_a_clock_that_goes_back_is_harmless(
    rule: Rule, gaps: list[tuple[int, float | None]], data: st.DataObject
) -> None:
    """Between the readings, an open alert is evaluated with a clock that jumped back."""
    alert: Alert | None = None
    steps: list[Transition] = []
    for reading in stream(gaps):
        alert, step = advance(alert, reading, rule, reading.at)
        steps += [] if step is None else [step]
        if alert is not None and alert.state not in CLOSED:
            back = data.draw(st.integers(0, 100_000))
            later = replace(reading, at=reading.at + minutes(data.draw(st.integers(0, 100))))
            stale = replace(later, value=data.draw(values))
            assert advance(alert, stale, rule, alert.read_at - minutes(back)) == (alert, None)
    assert (alert, steps) == play(rule, *stream(gaps))


@given(rules, ordered)
def test_muting_keeps_messages_back_and_nothing_else(
    rule: Rule, gaps: list[tuple[int, float | None]]
) -> None:
    _, loud = play(rule, *stream(gaps))
    alert: Alert | None = None
    quiet: list[Transition] = []
    for reading in stream(gaps):
        alert, step = advance(alert, reading, rule, reading.at, muted_by="silence 1")
        quiet += [] if step is None else [step]
    assert not any(step.notify for step in quiet)
    assert [(step.at, step.before, step.after) for step in quiet] == [
        (step.at, step.before, step.after) for step in loud if step.reason is not Reason.REPEATED
    ]
