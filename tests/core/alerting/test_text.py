import json
from dataclasses import replace

from core.alerting.alert import Reason, State
from core.alerting.lifecycle import acknowledge, advance
from core.alerting.rule import Severity
from core.alerting.text import (
    REASONS,
    SEVERITIES,
    STATES,
    alert_text,
    delivery_html,
    delivery_text,
    headline,
    subject,
)
from core.alerting.wire import alert_from_json, alert_json
from tests.core.alerting.samples import SHOCK, at, message, shock


def test_an_alert_in_english() -> None:
    alert = message(5).alerts[0]
    assert alert_text(alert).splitlines() == [
        "[firing, critical] News on ACME turned (5)",
        "  value: 5",
        "  threshold: 4",
        "  started: 2026-03-02 09:00:00 UTC",
        "  why: the value passed the threshold",
        f"  alert: {alert.id}",
        "  evidence:",
        "  - acme recalls its <kettle> (wire, 2026-03-02 09:00:00 UTC)",
    ]


def test_an_alert_in_chinese() -> None:
    taken, _ = acknowledge(message(5).alerts[0], by="李", now=at(1))
    lines = alert_text(taken, "zh").splitlines()
    assert lines[0] == "[已确认，严重] ACME 的新闻急转（5）"
    assert "  确认人: 李" in lines


def test_without_a_summary_the_rule_and_the_key_are_named() -> None:
    alert, _ = advance(None, shock(5, 0), replace(SHOCK, summary={}), at(0))
    assert alert is not None
    assert headline(alert) == "[firing, critical] Sentiment shock: acme"


def test_values_are_not_parsed_again() -> None:
    rule = replace(SHOCK, summary={"en": "{company} {unknown} {value}"})
    tricky = replace(shock(5, 0), labels={"company": "{value}"})
    alert, _ = advance(None, tricky, rule, at(0))
    assert alert is not None
    assert alert.annotations["summary"] == "{value} {unknown} 5"


def test_every_word_is_there_in_both_languages() -> None:
    for language in ("en", "zh"):
        assert set(STATES[language]) == set(State)
        assert set(SEVERITIES[language]) == set(Severity)
        assert set(REASONS[language]) == set(Reason)


def test_long_messages_are_cut_and_say_so() -> None:
    one = message(5)
    many = replace(one, alerts=one.alerts * 60)
    assert subject(many) == "[firing, critical] News on ACME turned (5) (and 59 more alerts)"
    assert delivery_text(many).endswith("and 10 more alerts\n")
    assert "另有 10 条告警" in delivery_html(many, "zh")


def test_json_there_and_back() -> None:
    for alert in message(5, 1).alerts:
        assert alert_from_json(json.loads(json.dumps(alert_json(alert)))) == alert
