"""What the recommender raises alerts about: a silent event stream and a stale ranker."""

from datetime import datetime, timedelta

from core.alerting.rule import Absent, Reading, Rule, Severity

STREAM = "events"
# Without an event for so long there is no stream: a new installation, or imported history alone.
RUNNING = timedelta(days=7)


def silent_stream(minutes: float) -> Rule:
    """No event for `minutes`: somebody's integration broke, or the site is down."""
    return Rule(
        id="event_stream_silent",
        name="Event stream silent",
        severity=Severity.CRITICAL,
        fire_at=minutes,
        absent=Absent.KEEP,
        repeat=timedelta(hours=4),
        summary={
            "en": "No viewing event has come in for {value} minutes (limit {threshold})",
            "zh": "已有 {value} 分钟没有收到任何观看事件（上限 {threshold}）",
        },
    )


def stale_ranker(days: float) -> Rule:
    """The ranker in use was trained more than `days` ago."""
    return Rule(
        id="ranker_stale",
        name="Ranker stale",
        severity=Severity.WARNING,
        fire_at=days,
        repeat=timedelta(days=1),
        summary={
            "en": "The ranker in use is {value} days old (limit {threshold}): train it again",
            "zh": "正在使用的排序模型已有 {value} 天（上限 {threshold}），请重新训练",
        },
    )


def stream_reading(newest: datetime | None, *, now: datetime) -> Reading:
    """Minutes since the newest event; nothing to see where no stream ran within `RUNNING`."""
    running = newest is not None and now - newest <= RUNNING
    value = round((now - newest) / timedelta(minutes=1), 1) if newest and running else None
    return Reading(rule_id="event_stream_silent", key=STREAM, value=value, at=now)


def ranker_reading(trained_at: datetime | None, *, version: str, now: datetime) -> Reading:
    """Days since the ranker in use was trained; nothing to see without one."""
    age = None if trained_at is None else round((now - trained_at) / timedelta(days=1), 1)
    return Reading(
        rule_id="ranker_stale",
        key="recommend-ranker",
        value=age,
        at=now,
        annotations={"model_version": version} if version else {},
    )
