"""What raises an alert, and that it reaches the alert tables."""

import base64
from datetime import timedelta

from apps.recommend import service
from apps.recommend.rules import ranker_reading, stream_reading
from apps.recommend.runtime import Runtime
from apps.recommend.worker import notifiers_of, read_rules, routing_of, tidy
from tests.apps.recommend.conftest import NOW
from tests.apps.recommend.test_service import watch

SECRET = base64.b64encode(b"a secret of enough bytes").decode()


def fired(runtime: Runtime, minutes: float) -> list[str]:
    found = read_rules(
        runtime.engine,
        runtime.current,
        settings=runtime.settings,
        routing=routing_of(notifiers_of(runtime.settings)),
        now=NOW + timedelta(minutes=minutes),
    )
    return [f"{step.after}" for step in found]


def test_old_imported_events_are_no_stream() -> None:
    assert stream_reading(NOW - timedelta(days=60), now=NOW).value is None
    assert stream_reading(None, now=NOW).value is None
    assert stream_reading(NOW - timedelta(minutes=90), now=NOW).value == 90.0


def test_the_age_of_the_ranker_is_told_in_days() -> None:
    found = ranker_reading(NOW - timedelta(days=31), version="v", now=NOW)
    assert (found.value, found.annotations) == (31.0, {"model_version": "v"})
    assert ranker_reading(None, version="", now=NOW).value is None


def test_a_silent_stream_is_told_once_and_resolved_by_the_next_event(runtime: Runtime) -> None:
    assert fired(runtime, 0) == []
    watch(runtime, "v0001", minute=0)
    assert fired(runtime, 30) == []
    assert fired(runtime, 61) == ["firing"]
    assert fired(runtime, 62) == []
    watch(runtime, "v0002", minute=63)
    assert fired(runtime, 64) == ["resolved"]


def test_a_stale_ranker_is_told(runtime: Runtime) -> None:
    assert fired(runtime, 31 * 24 * 60) == ["firing"]


def test_a_webhook_is_a_channel_where_it_is_set(runtime: Runtime) -> None:
    hooked = runtime.settings.model_copy(
        update={"webhook_url": "https://example.org/hook", "webhook_secret": f"whsec_{SECRET}"}
    )
    assert set(notifiers_of(hooked)) == {"log", "webhook"}
    assert set(notifiers_of(runtime.settings)) == {"log"}


def test_old_answers_are_tidied_away(runtime: Runtime) -> None:
    service.recommend(runtime, service.Query(user_id="u0002"), now=NOW)
    later = NOW + timedelta(days=31)
    assert tidy(runtime.engine, settings=runtime.settings, now=NOW) == 0
    assert tidy(runtime.engine, settings=runtime.settings, now=later) == 1
