"""Alerts and the transitions between their states."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.alerting.rule import Evidence, Severity


class State(StrEnum):
    """`INACTIVE` closes an alert that went away before it fired; nobody was told of it."""

    INACTIVE = "inactive"
    PENDING = "pending"
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RECOVERING = "recovering"
    RESOLVED = "resolved"


CLOSED = frozenset({State.INACTIVE, State.RESOLVED})
ACTIVE = frozenset({State.FIRING, State.ACKNOWLEDGED, State.RECOVERING})


class Reason(StrEnum):
    """Why an alert changed, or was told again; `core.alerting.text` has the words."""

    BREACHED = "breached"
    HELD = "held"
    CLEARED_EARLY = "cleared_early"
    CLEARED = "cleared"
    WENT_QUIET = "went_quiet"
    BREACHED_AGAIN = "breached_again"
    SETTLED = "settled"
    ACKNOWLEDGED = "acknowledged"
    REPEATED = "repeated"
    UNMUTED = "unmuted"


class Notify(StrEnum):
    FIRING = "firing"
    RESOLVED = "resolved"


@dataclass(frozen=True, kw_only=True)
class Alert:
    """One episode of one key under one rule.

    `fingerprint` (16 hexadecimal digits) names rule and key, `episode` counts from 1, and `id`
    is both, so the same readings give the same ids everywhere. `value` is the one last read and
    `evidence` what was seen when it fired. `notified_at` is the time of the last reading for
    which a message went to the outbox, None while there was none. `version` grows with every
    save, `transitions` with every transition.
    """

    id: str
    fingerprint: str
    episode: int
    rule_id: str
    key: str
    state: State
    severity: Severity
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    evidence: tuple[Evidence, ...]
    value: float | None
    threshold: float
    reason: Reason
    started_at: datetime
    read_at: datetime
    changed_at: datetime
    fired_at: datetime | None = None
    recovering_since: datetime | None = None
    closed_at: datetime | None = None
    notified_at: datetime | None = None
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    note: str = ""
    muted_by: str = ""
    transitions: int = 0
    version: int = 0


@dataclass(frozen=True, kw_only=True)
class Transition:
    """A step of an alert, or its being told again (`before` equals `after`).

    `at` is the time of the reading or of the person's action, `notify` what people are to be
    told and None where nothing is sent; `muted_by` names the silence or the inhibiting alert
    that kept a message back.
    """

    alert_id: str
    number: int
    before: State
    after: State
    reason: Reason
    at: datetime
    value: float | None
    notify: Notify | None = None
    muted_by: str = ""
    actor: str = ""


def fingerprint(rule_id: str, key: str) -> str:
    return hashlib.sha256(f"{rule_id}\0{key}".encode()).hexdigest()[:16]


def alert_id(fingerprint: str, episode: int) -> str:
    return f"{fingerprint}-{episode}"
