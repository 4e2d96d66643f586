"""Rules and the readings that they give: the input of the alert lifecycle."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from core.errors import BadInput

KEY_LENGTH = 500


class Severity(StrEnum):
    INFO = "info"
    WARNING = "warning"
    CRITICAL = "critical"


class Direction(StrEnum):
    """On which side of the threshold a value is bad."""

    ABOVE = "above"
    BELOW = "below"


class Absent(StrEnum):
    """What it means that a key went quiet (a reading whose value is None)."""

    CLEAR = "clear"
    FIRE = "fire"
    KEEP = "keep"


@dataclass(frozen=True)
class Evidence:
    """One thing that a person can look at to see why: a headline, a question, an event."""

    text: str
    source: str = ""
    url: str = ""
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What rule `rule_id` saw for `key` at the time `at`.

    `at` is the time for which the value holds, in the clock of the rule (stream time in a
    replay), not the time of the newest document. A reading that is not newer than the last one
    of its key changes nothing, so the same readings may be evaluated any number of times.
    `value` None says that there was nothing to see. `labels` serve routing and silences;
    `annotations` are for people (a model version, a note) and never part of the identity.
    """

    rule_id: str
    key: str
    value: float | None
    at: datetime
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()

    def __post_init__(self) -> None:
        if self.value is not None and not math.isfinite(self.value):
            raise BadInput(f"reading of {self.rule_id} for {self.key}: {self.value} is no value")
        if not 0 < len(self.key) <= KEY_LENGTH:
            raise BadInput(f"reading of {self.rule_id}: a key has 1 to {KEY_LENGTH} characters")
        if self.at.tzinfo is None:
            raise BadInput(f"reading of {self.rule_id} for {self.key}: its time has no zone")


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a reading is bad, how long it must stay so, and how it is told.

    A value at or beyond `fire_at` switches the condition on; only a value past `clear_at`, on
    the good side, switches it off (None: the same as `fire_at`). Between the two it stays what
    it was. The condition must be on for `hold` before the alert fires and off for `settle`
    before it is resolved. A firing alert that nobody acknowledged is told again every `repeat`.

    `summary` has a sentence for each language ("en", "zh") with the slots `{key}`, `{value}`,
    `{threshold}` and `{<label>}`.
    """

    id: str
    name: str
    severity: Severity
    fire_at: float
    clear_at: float | None = None
    direction: Direction = Direction.ABOVE
    absent: Absent = Absent.CLEAR
    hold: timedelta = timedelta(0)
    settle: timedelta = timedelta(0)
    repeat: timedelta = timedelta(hours=4)
    labels: Mapping[str, str] = field(default_factory=dict)
    summary: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if min(self.hold, self.settle) < timedelta(0):
            raise BadInput(f"rule {self.id}: hold and settle may not be negative")
        if self.repeat <= timedelta(0):
            raise BadInput(f"rule {self.id}: repeat must be longer than zero")
        if self.clear_at is not None and _beyond(self.clear_at, self.fire_at, self.direction):
            raise BadInput(
                f"rule {self.id}: clear_at {self.clear_at} is on the bad side of fire_at "
                f"{self.fire_at}",
                remedy=f"values are bad {self.direction.value} the threshold",
            )


def condition(rule: Rule, value: float | None, *, was_on: bool) -> bool:
    """Whether the condition is on after `value`, a Schmitt trigger over the two thresholds."""
    if value is None:
        return {Absent.CLEAR: False, Absent.FIRE: True, Absent.KEEP: was_on}[rule.absent]
    if value == rule.fire_at or _beyond(value, rule.fire_at, rule.direction):
        return True
    clear_at = rule.fire_at if rule.clear_at is None else rule.clear_at
    return was_on and (value == clear_at or _beyond(value, clear_at, rule.direction))


def _beyond(value: float, threshold: float, direction: Direction) -> bool:
    return value > threshold if direction is Direction.ABOVE else value < threshold
