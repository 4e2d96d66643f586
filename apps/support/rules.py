"""Alert rules of the support app: questions that nobody answers pile up."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta

from core.alerting.rule import Evidence, Reading, Rule, Severity

WINDOW = timedelta(minutes=15)
USUAL_OVER = timedelta(days=7)
# Less history than this says nothing about what is usual.
LEAST_HISTORY = timedelta(hours=2)

UNANSWERED_SPIKE = Rule(
    id="unanswered_spike",
    name="Unanswered questions",
    severity=Severity.WARNING,
    fire_at=5.0,
    clear_at=2.0,
    settle=timedelta(minutes=15),
    repeat=timedelta(hours=4),
    summary={
        "en": "Far more questions than usual found no answer",
        "zh": "没有得到回答的问题远多于平时",
    },
)
RULES = (UNANSWERED_SPIKE,)


def unanswered_spike(
    handovers: Sequence[datetime],
    *,
    observed_since: datetime | None,
    now: datetime,
    examples: Sequence[Evidence] = (),
) -> Reading:
    """How surprising the hand-overs of the last 15 minutes are, as -log10 of their probability.

    `handovers` are the times of the last seven days, `observed_since` is when the first question
    came. 5 means that a Poisson count with the usual mean reaches this number in one window of
    100,000: three times the usual for a shop with 7 hand-overs in 15 minutes, more for a smaller
    one. With less than two hours of history there is no value.
    """
    start = now - WINDOW
    recent = [at for at in handovers if start < at <= now]
    since = max(observed_since or now, now - USUAL_OVER)
    if start - since < LEAST_HISTORY:
        return _reading(None, count=len(recent), usual=0.0, now=now, examples=())
    before = sum(since <= at <= start for at in handovers)
    # One more than was seen, so that a quiet week does not make a single question a surprise.
    usual = (before + 1) / ((start - since) / WINDOW)
    value = surprise(len(recent), usual=usual)
    return _reading(value, count=len(recent), usual=usual, now=now, examples=examples)


def surprise(count: int, *, usual: float) -> float:
    """-log10 of the probability that a Poisson variable of mean `usual` is `count` or more."""
    if count <= usual:
        return 0.0
    # The first term of the tail, times the sum of the following ones relative to it.
    first = count * math.log(usual) - usual - math.lgamma(count + 1)
    total, term = 1.0, 1.0
    for following in range(count + 1, count + 400):
        term *= usual / following
        total += term
        if term < 1e-12 * total:
            break
    return max(0.0, -(first + math.log(total)) / math.log(10))


def _reading(
    value: float | None,
    *,
    count: int,
    usual: float,
    now: datetime,
    examples: Sequence[Evidence],
) -> Reading:
    return Reading(
        rule_id=UNANSWERED_SPIKE.id,
        key="all",
        value=value,
        at=now,
        annotations={
            "summary": f"{count} questions in 15 minutes found no answer; usual are {usual:.1f}",
            "summary_zh": f"15 分钟内有 {count} 个问题没有得到回答，平时约 {usual:.1f} 个",
        },
        evidence=tuple(examples),
    )
