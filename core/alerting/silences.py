"""Silences and inhibition: why an active alert is kept back. A muted alert is still recorded."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from core.alerting.matchers import Matcher, all_match
from core.alerting.routing import InhibitRule
from core.errors import BadInput


class SilenceState(StrEnum):
    PENDING = "pending"
    ACTIVE = "active"
    EXPIRED = "expired"


@dataclass(frozen=True, kw_only=True)
class Silence:
    """Alerts that match all `matchers` are not told from `starts_at` until before `ends_at`."""

    id: str
    matchers: tuple[Matcher, ...]
    starts_at: datetime
    ends_at: datetime
    created_at: datetime
    created_by: str
    comment: str

    def state(self, now: datetime) -> SilenceState:
        if now >= self.ends_at:
            return SilenceState.EXPIRED
        return SilenceState.ACTIVE if now >= self.starts_at else SilenceState.PENDING


def check(matchers: Collection[Matcher], starts_at: datetime, ends_at: datetime) -> None:
    """Raise BadInput for a silence that could mute everything by mistake, or nothing at all."""
    if not matchers:
        raise BadInput("a silence needs at least one matcher", field="matchers")
    if all(matcher.matches({}) for matcher in matchers):
        raise BadInput(
            "a silence needs a matcher that does not match the empty string", field="matchers"
        )
    if ends_at <= starts_at:
        raise BadInput("a silence must end after it starts", field="ends_at")


def silenced_by(
    silences: Collection[Silence], labels: Mapping[str, str], now: datetime
) -> Silence | None:
    """The first silence that is active at `now` and matches."""
    for silence in silences:
        if silence.state(now) is SilenceState.ACTIVE and all_match(silence.matchers, labels):
            return silence
    return None


def inhibited_by(
    rules: Collection[InhibitRule],
    labels: Mapping[str, str],
    active: Mapping[str, Mapping[str, str]],
) -> str | None:
    """The id of an active alert that inhibits one with `labels`, out of `active` (id to labels).

    A label that neither has counts as equal. An alert on both sides of a rule is not inhibited
    by another that is on both sides too, so no alert inhibits itself.
    """
    for rule in rules:
        if not all_match(rule.target, labels):
            continue
        both_sides = all_match(rule.source, labels)
        for source_id, source in active.items():
            if not all_match(rule.source, source):
                continue
            if both_sides and all_match(rule.target, source):
                continue
            if all(source.get(name, "") == labels.get(name, "") for name in rule.equal):
                return source_id
    return None
