import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from apps.cli import app
from tests.apps.monitor.news import month, rows

NEWS = month(days=11)


def call(*arguments: object, input_text: str | None = None) -> Result:
    return CliRunner().invoke(app, ["monitor", *map(str, arguments)], input=input_text)


def said(result: Result) -> dict[str, Any]:
    assert result.exit_code == 0, result.output
    # Without `apps.cli.main` nobody has sent the log to standard error.
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


@pytest.fixture
def news(tmp_path: Path) -> Path:
    file = tmp_path / "news.jsonl"
    lines = [json.dumps(values) for _, values in rows(NEWS)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return file


@pytest.fixture
def taken(home: Path, news: Path) -> dict[str, Any]:
    return said(call("ingest", news, "--home", home, "--json"))


def test_ingest_counts_and_a_second_time_stores_nothing(
    home: Path, news: Path, taken: dict[str, Any]
) -> None:
    assert taken["read"] == taken["stored"] + taken["duplicates"] + taken["rejected"] == len(NEWS)
    assert taken["alerts"]
    assert taken["documents_per_second"] > 0
    again = said(call("ingest", news, "--home", home, "--json"))
    assert (again["stored"], again["duplicates"]) == (0, taken["read"])


def test_bad_rows_are_rejected_with_line_and_reason(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "mixed.jsonl"
    good = {"id": "1", "published_at": "2025-03-03T00:00:00Z", "title": "Acme Steel profit falls"}
    bad = [good | {"published_at": "soon"}, good | {"title": ""}, {"id": "4"}]
    lines = [json.dumps(good), "{broken", *map(json.dumps, bad), json.dumps(good | {"id": "9"})]
    file.write_text("\n".join(lines), encoding="utf-8")
    found = said(call("ingest", file, "--home", home, "--json"))
    assert (found["read"], found["rejected"]) == (6, 4)
    assert [each["line"] for each in found["rejections"]] == [2, 3, 4, 5]
    assert "soon" in found["rejections"][1]["reason"]


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("absent.csv", None, "no file"),
        ("empty.csv", b"", "empty"),
        ("columns.csv", b"id,headline\n1,x\n", "published_at"),
        (
            "latin.csv",
            "id,published_at,title\n1,2025-03-03T00:00:00Z,é\n".encode("latin-1"),
            "UTF-8",
        ),
        ("news.txt", b"x", ".jsonl"),
    ],
)
def test_a_bad_file_is_named(
    home: Path, tmp_path: Path, name: str, content: bytes | None, told: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    result = call("ingest", file, "--home", home)
    assert result.exit_code == 2
    assert name in result.stderr
    assert told in result.stderr


def test_standard_input_is_read_as_json_lines(home: Path, news: Path) -> None:
    text = news.read_text(encoding="utf-8")
    found = said(call("ingest", "-", "--home", home, "--json", input_text=text))
    assert found["read"] == len(NEWS)


def test_alerts_show_their_headlines_and_can_be_taken(home: Path, taken: dict[str, Any]) -> None:
    alerts = said(call("alerts", "--home", home, "--json"))["alerts"]
    assert {alert["id"] for alert in alerts} == set(taken["alerts"])
    assert all(alert["headlines"] for alert in alerts)
    text = call("alerts", "--home", home).stdout
    assert alerts[0]["headlines"][0]["title"] in text
    active = said(call("alerts", "--active", "--home", home, "--json"))["alerts"]
    acknowledged = said(call("ack", active[0]["id"], "--note", "seen", "--home", home, "--json"))
    assert (acknowledged["note"], acknowledged["acknowledged_by"][:4]) == ("seen", "cli:")


def test_an_alert_that_is_not_there(home: Path) -> None:
    result = call("ack", "none-1", "--home", home)
    assert result.exit_code == 2
    assert "none-1" in result.stderr


def test_why_explains_a_quiet_hour_and_a_loud_one(home: Path, taken: dict[str, Any]) -> None:
    loud = said(call("why", "acme", "--at", "2025-03-13T10:55:00Z", "--home", home, "--json"))
    assert loud["fires"]
    assert loud["rules"][0]["headlines"]
    quiet = said(call("why", "borea", "--at", "2025-03-13T10:55:00Z", "--home", home, "--json"))
    assert not quiet["fires"]
    assert all(rule["reason"] for rule in quiet["rules"])
    assert call("why", "nobody", "--home", home).exit_code == 2
    assert call("why", "acme", "--at", "noon", "--home", home).exit_code == 2


def test_a_silence_keeps_alerts_from_being_told(home: Path, news: Path) -> None:
    made = said(call("silence", 'company="acme"', "--hours", 1, "--home", home, "--json"))
    assert made["state"] == "active"
    said(call("ingest", news, "--home", home, "--json"))
    alerts = said(call("alerts", "--company", "acme", "--home", home, "--json"))["alerts"]
    assert alerts
    assert all(alert["notified_at"] is None for alert in alerts)
    assert call("silence", "company", "--home", home).exit_code == 2


def test_rules_are_listed() -> None:
    found = said(call("rules", "--json"))
    assert {rule["id"] for rule in found["rules"]} == {
        "negative_news",
        "positive_news",
        "volume_burst",
    }


def test_score_writes_what_the_contract_names(home: Path, tmp_path: Path) -> None:
    source, target = tmp_path / "texts.csv", tmp_path / "scores.jsonl"
    source.write_text(
        "headline\nAcme Steel profit falls\nBorea Bank shares jumps\n极点钢铁业绩下滑\n",
        encoding="utf-8",
    )
    found = said(
        call(
            "score", "--input", source, "--output", target, "--text-column", "headline",
            "--home", home, "--json",
        )
    )  # fmt: skip
    assert found["n"] == 3
    scored = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert [row["sentiment"] for row in scored] == ["negative", "positive", None]
    assert scored[0]["score"] < 0 < scored[1]["score"]
    assert scored[0]["companies"][0]["id"] == "acme"
    assert scored[2]["reason"] == "unsupported_language"


def test_detect_is_causal(home: Path, tmp_path: Path) -> None:
    series = [f"2025-01-01 {n // 60:02d}:{n % 60:02d}:00,{10 + n % 7}" for n in range(400)]
    scores = []
    for name, tail in (("a", "90"), ("b", "10")):
        source, target = tmp_path / f"{name}.csv", tmp_path / f"{name}-out.csv"
        source.write_text(
            "\n".join(["timestamp,value", *series, f"2025-01-01 07:00:00,{tail}"]), encoding="utf-8"
        )
        assert said(call("detect", source, "--output", target, "--json"))["n"] == 401
        scores.append(target.read_text(encoding="utf-8").splitlines())
    assert scores[0][:-1] == scores[1][:-1]
    assert scores[0][-1].endswith(",1")
    assert scores[1][-1].endswith(",0")
    assert scores[0][0] == "timestamp,value,anomaly_score,alert"


def test_backtest_finds_a_planted_shock(home: Path, news: Path, tmp_path: Path) -> None:
    events = tmp_path / "shocks.json"
    events.write_text(
        json.dumps(
            [
                {
                    "company": "acme",
                    "start": "2025-03-13T10:00:00Z",
                    "end": "2025-03-13T12:00:00Z",
                    "kind": "recall",
                }
            ]
        ),
        encoding="utf-8",
    )
    found = said(
        call("backtest", "--documents", news, "--events", events, "--home", home, "--json")
    )
    assert found["recall"] == 1.0
    assert found["lead_time_minutes"]["p50"] < 0
    assert set(found["baselines"]) == {"volume_only", "random"}
    assert found["baselines"]["random"]["recall"] < 1.0
    assert found["intervals"]["recall"] == [1.0, 1.0]
    assert found["alerts_per_company_day"] > 0


def test_backtest_wants_prices_or_events(home: Path, news: Path) -> None:
    assert call("backtest", "--documents", news, "--home", home).exit_code == 2


def test_channels_are_added_listed_and_removed(home: Path) -> None:
    url = "http://127.0.0.1:9/hook"
    added = said(call("channels", "add-webhook", url, "--name", "desk", "--home", home, "--json"))
    assert added["secret"].startswith("whsec_")
    listed = call("channels", "list", "--home", home, "--json")
    assert added["secret"] not in listed.stdout
    assert said(listed)["channels"] == [{"name": "desk", "kind": "webhook", "address": url}]
    assert call("channels", "add-webhook", url, "--name", "desk", "--home", home).exit_code == 1
    assert call("channels", "add-webhook", "ftp://x", "--home", home).exit_code == 2
    assert call("channels", "add-email", "a@b.example", "--home", home).exit_code == 2
    said(call("channels", "remove", "desk", "--home", home, "--json"))
    assert call("channels", "remove", "desk", "--home", home).exit_code == 2
