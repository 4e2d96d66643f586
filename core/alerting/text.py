"""Alerts in words, English and Chinese, for messages, mails and the command line."""

from collections.abc import Mapping
from datetime import UTC, datetime
from html import escape
from typing import Literal

from core.alerting.alert import Alert, Reason, State
from core.alerting.message import Delivery
from core.alerting.rule import Evidence, Severity

Language = Literal["en", "zh"]

STATES: Mapping[Language, Mapping[State, str]] = {
    "en": {state: state.value for state in State},
    "zh": {
        State.INACTIVE: "未触发",
        State.PENDING: "待确认",
        State.FIRING: "告警中",
        State.ACKNOWLEDGED: "已确认",
        State.RECOVERING: "恢复中",
        State.RESOLVED: "已恢复",
    },
}
SEVERITIES: Mapping[Language, Mapping[Severity, str]] = {
    "en": {severity: severity.value for severity in Severity},
    "zh": {Severity.INFO: "提示", Severity.WARNING: "警告", Severity.CRITICAL: "严重"},
}
REASONS: Mapping[Language, Mapping[Reason, str]] = {
    "en": {
        Reason.BREACHED: "the value passed the threshold",
        Reason.HELD: "the value stayed past the threshold for the whole hold time",
        Reason.CLEARED_EARLY: "the value went back before the hold time was over",
        Reason.CLEARED: "the value went back to normal",
        Reason.WENT_QUIET: "no value was seen any more",
        Reason.BREACHED_AGAIN: "the value passed the threshold again before it had settled",
        Reason.SETTLED: "the value stayed normal for the whole settling time",
        Reason.ACKNOWLEDGED: "somebody took the alert",
        Reason.REPEATED: "the alert is still firing and nobody took it",
        Reason.UNMUTED: "the silence or the inhibition is over and the alert is still firing",
    },
    "zh": {
        Reason.BREACHED: "数值越过阈值",
        Reason.HELD: "数值在整个确认期内持续越过阈值",
        Reason.CLEARED_EARLY: "数值在确认期结束前恢复",
        Reason.CLEARED: "数值恢复正常",
        Reason.WENT_QUIET: "不再有数值",
        Reason.BREACHED_AGAIN: "数值在稳定之前再次越过阈值",
        Reason.SETTLED: "数值在整个稳定期内保持正常",
        Reason.ACKNOWLEDGED: "已有人确认该告警",
        Reason.REPEATED: "告警仍在持续且无人确认",
        Reason.UNMUTED: "静默或抑制已结束，告警仍在持续",
    },
}
WORDS: Mapping[Language, Mapping[str, str]] = {
    "en": {
        "value": "value",
        "threshold": "threshold",
        "started": "started",
        "ended": "ended",
        "taken": "taken by",
        "why": "why",
        "evidence": "evidence",
        "more": "and {count} more alerts",
        "id": "alert",
    },
    "zh": {
        "value": "数值",
        "threshold": "阈值",
        "started": "开始",
        "ended": "结束",
        "taken": "确认人",
        "why": "原因",
        "evidence": "依据",
        "more": "另有 {count} 条告警",
        "id": "告警编号",
    },
}
SHOWN_ALERTS = 50


def summary(alert: Alert, language: Language = "en") -> str:
    """The rule's sentence in `language`; in English, or by name and key, where it has none."""
    own = alert.annotations.get("summary" if language == "en" else f"summary_{language}")
    name = alert.labels.get("alertname", alert.rule_id)
    return own or alert.annotations.get("summary") or f"{name}: {alert.key}"


def headline(alert: Alert, language: Language = "en") -> str:
    """One line without line breaks, such as `[firing, critical] News on ACME turned sharply`."""
    state, severity = STATES[language][alert.state], SEVERITIES[language][alert.severity]
    comma = "，" if language == "zh" else ", "
    return f"[{state}{comma}{severity}] {' '.join(summary(alert, language).split())}"


def subject(delivery: Delivery, language: Language = "en") -> str:
    """The headline of the first alert and how many others there are."""
    first = headline(delivery.alerts[0], language)
    others = len(delivery.alerts) - 1
    more = WORDS[language]["more"].format(count=others)
    return f"{first} ({more})" if others else first


def alert_text(alert: Alert, language: Language = "en") -> str:
    """Some lines of plain text: headline, value, times, reason, evidence."""
    return "\n".join(
        [headline(alert, language), *_facts(alert, language), *_lines(alert, language)]
    )


def delivery_text(delivery: Delivery, language: Language = "en") -> str:
    """All alerts of a message, at most 50 in full."""
    shown = [alert_text(alert, language) for alert in delivery.alerts[:SHOWN_ALERTS]]
    return "\n\n".join([*shown, *_more(delivery, language)]) + "\n"


def delivery_html(delivery: Delivery, language: Language = "en") -> str:
    """The same as a plain HTML page; everything that came from outside is escaped."""
    parts = [_alert_html(alert, language) for alert in delivery.alerts[:SHOWN_ALERTS]]
    parts += [f"<p>{escape(line)}</p>" for line in _more(delivery, language)]
    return (
        f'<!doctype html><html lang="{language}"><meta charset="utf-8">'
        f"<title>{escape(subject(delivery, language))}</title><body>{''.join(parts)}</body></html>"
    )


def _more(delivery: Delivery, language: Language) -> list[str]:
    hidden = len(delivery.alerts) - SHOWN_ALERTS
    return [WORDS[language]["more"].format(count=hidden)] if hidden > 0 else []


def _facts(alert: Alert, language: Language) -> list[str]:
    words = WORDS[language]
    facts = [
        (words["value"], "-" if alert.value is None else f"{alert.value:.4g}"),
        (words["threshold"], f"{alert.threshold:.4g}"),
        (words["started"], _time(alert.started_at)),
        (words["ended"], "" if alert.closed_at is None else _time(alert.closed_at)),
        (words["taken"], alert.acknowledged_by),
        (words["why"], REASONS[language][alert.reason]),
        (words["id"], alert.id),
    ]
    return [f"  {name}: {value}" for name, value in facts if value]


def _lines(alert: Alert, language: Language) -> list[str]:
    if not alert.evidence:
        return []
    items = [f"  - {_evidence(item)}" for item in alert.evidence]
    return [f"  {WORDS[language]['evidence']}:", *items]


def _evidence(item: Evidence) -> str:
    origin = ", ".join(
        part for part in (item.source, "" if item.at is None else _time(item.at), item.url) if part
    )
    text = " ".join(item.text.split())
    return f"{text} ({origin})" if origin else text


def _alert_html(alert: Alert, language: Language) -> str:
    facts = "".join(f"<li>{escape(fact.strip())}</li>" for fact in _facts(alert, language))
    evidence = "".join(f"<li>{escape(_evidence(item))}</li>" for item in alert.evidence)
    listed = f"<p>{WORDS[language]['evidence']}</p><ul>{evidence}</ul>" if evidence else ""
    return f"<h2>{escape(headline(alert, language))}</h2><ul>{facts}</ul>{listed}"


def _time(value: datetime) -> str:
    return value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
