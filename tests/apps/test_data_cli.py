import json
from pathlib import Path

from typer.testing import CliRunner

from apps.cli import app
from core.rows import read_rows


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["data", "simulate", *arguments])
    return result.exit_code, result.output


def test_videos_viewers_and_events_of_the_size_asked_for(tmp_path: Path) -> None:
    size = ["--videos", "700", "--users", "9", "--events", "300"]
    code, output = run("recommend", "--output", str(tmp_path), *size, "--json")
    assert code == 0
    found = json.loads(output.strip().splitlines()[-1])
    assert (found["videos"], found["users"], found["events"]) == (700, 9, 300)
    items = [row.text("item_id") for row in read_rows(tmp_path / "items.jsonl", required=())]
    assert len(set(items)) == 700
    events = list(read_rows(tmp_path / "events.csv.gz", required=("user_id", "item_id")))
    assert len(events) == 300
    assert {event.text("item_id") for event in events} <= set(items)


def test_more_videos_than_there_are_parts_for_is_an_error_that_says_so(tmp_path: Path) -> None:
    code, output = run("recommend", "--output", str(tmp_path), "--videos", "6000")
    assert code == 2
    assert "5184" in output


def test_a_stream_of_the_size_asked_for(tmp_path: Path) -> None:
    code, _ = run("monitor", "--output", str(tmp_path), "--documents", "4000")
    assert code == 0
    assert len(list(read_rows(tmp_path / "stream.jsonl.gz", required=("id", "title")))) == 4000
