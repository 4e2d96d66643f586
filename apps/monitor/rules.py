"""The alert rules of the monitor: sharp moves of a company's news against its own past.

A threshold is -log10 of the chance that the company's usual news would bring as much or more in one
of the windows; the same for every company. `VERSION` changes with every change of meaning here.
"""

from collections.abc import Sequence
from datetime import timedelta

from apps.monitor.detect import Measurement
from core.alerting.matchers import Matcher, Operator
from core.alerting.routing import InhibitRule, Receiver, Route, Routing
from core.alerting.rule import Rule, Severity

VERSION = "2025-09-1"
RECEIVER = "desk"
LOG_CHANNEL = "log"
SETTLE = timedelta(hours=6)
# A month: an alert is told once; whoever wants reminders shortens it.
REPEAT = timedelta(days=31)

RULES = {
    "negative": Rule(
        id="negative_news",
        name="Negative news",
        severity=Severity.CRITICAL,
        fire_at=5.0,
        clear_at=2.0,
        settle=SETTLE,
        repeat=REPEAT,
        summary={
            "en": "{name}: far more negative news than usual",
            "zh": "{name_zh}:负面新闻远多于平常",
        },
    ),
    "positive": Rule(
        id="positive_news",
        name="Positive news",
        severity=Severity.WARNING,
        fire_at=5.0,
        clear_at=2.0,
        settle=SETTLE,
        repeat=REPEAT,
        summary={
            "en": "{name}: far more positive news than usual",
            "zh": "{name_zh}:正面新闻远多于平常",
        },
    ),
    "volume": Rule(
        id="volume_burst",
        name="News burst",
        severity=Severity.WARNING,
        fire_at=5.0,
        clear_at=2.0,
        settle=SETTLE,
        repeat=REPEAT,
        summary={
            "en": "{name}: far more news than usual",
            "zh": "{name_zh}:新闻数量远多于平常",
        },
    ),
}
LOWEST_CLEAR = min(
    rule.fire_at if rule.clear_at is None else rule.clear_at for rule in RULES.values()
)


def routing(channels: Sequence[str]) -> Routing:
    """Every alert to every channel, once; a burst that a turn of sentiment explains is not told."""
    sentiment = "|".join(RULES[kind].id for kind in ("negative", "positive"))
    return Routing(
        root=Route(receiver=RECEIVER),
        receivers=(
            Receiver(name=RECEIVER, channels=(LOG_CHANNEL, *channels), send_resolved=False),
        ),
        inhibit=(
            InhibitRule(
                source=(Matcher("rule", Operator.MATCH, sentiment),),
                target=(Matcher("rule", Operator.EQUAL, RULES["volume"].id),),
                equal=("company",),
            ),
        ),
    )


def annotations(measurement: Measurement, *, model_version: str) -> dict[str, str]:
    """What a person needs to judge the alert later, frozen with it."""
    return {
        "window_hours": f"{measurement.window / timedelta(hours=1):g}",
        "seen": f"{measurement.seen:.2f}",
        "expected": f"{measurement.expected:.3f}",
        "stories": str(len(measurement.stories)),
        "model_version": model_version,
        "rule_version": VERSION,
    }
