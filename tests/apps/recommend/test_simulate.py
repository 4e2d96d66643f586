"""The shipped sample data, and the simulator that writes it."""

import gzip
import hashlib
import json
from collections import Counter
from pathlib import Path

import pytest

from apps.recommend.sample_videos import CATEGORY_ZH, Catalogue, videos
from apps.recommend.settings import SAMPLES
from apps.recommend.simulate import SEED, Scale, simulate, viewers, write
from core.rows import read_rows


def shipped_events() -> list[dict[str, object]]:
    rows = read_rows(SAMPLES / "events.csv.gz", required=("event_id", "user_id"))
    return [dict(row.values) for row in rows]


def test_the_shipped_videos_are_those_that_the_parts_give() -> None:
    lines = (SAMPLES / "items.jsonl").read_text(encoding="utf-8").splitlines()
    assert [json.loads(line) for line in lines] == videos(SAMPLES, seed=SEED)


def test_there_are_six_hundred_different_videos_in_both_languages() -> None:
    items = videos(SAMPLES, seed=SEED)
    assert len(items) == 600
    for field in ("title", "title_zh", "description", "description_zh"):
        assert len({item[field] for item in items}) == 600
    assert not any("{" in str(item[field]) for item in items for field in ("title", "title_zh"))
    counts = Counter(str(item["categories"][0]) for item in items)  # type: ignore[index]
    assert counts == dict.fromkeys(CATEGORY_ZH, 50)


def test_all_topics_and_forms_give_thousands_of_videos() -> None:
    items = videos(SAMPLES, seed=SEED, catalogue=Catalogue(topics=36, forms=14, kept=12))
    assert len(items) == 36 * 12 * len(CATEGORY_ZH) == 5184
    for field in ("title", "title_zh", "description", "description_zh"):
        assert len({item[field] for item in items}) == len(items), field
    assert not any("{" in str(item[field]) for item in items for field in ("title", "title_zh"))


def test_the_events_of_the_first_viewers_come_out_again() -> None:
    again = simulate(videos(SAMPLES, seed=SEED), seed=SEED, scale=Scale(only=12))
    ours = {f"u{number:04d}" for number in range(1, 13)}
    shipped = [
        {key: str(value) for key, value in event.items() if key != "event_id"}
        for event in shipped_events()
        if event["user_id"] in ours
    ]
    assert [{key: str(value) for key, value in event.items()} for event in again] == shipped


def test_the_shipped_log_has_what_its_readme_says() -> None:
    events = shipped_events()
    assert len(events) == 60_000 == len({event["event_id"] for event in events})
    assert len({event["user_id"] for event in events}) == 1000
    times = [str(event["timestamp"]) for event in events]
    assert times == sorted(times)
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    content = gzip.decompress((SAMPLES / "events.csv.gz").read_bytes())
    assert hashlib.sha256(content).hexdigest() in readme
    assert "simulated" in readme


def test_nobody_watches_what_is_not_published() -> None:
    published = {
        str(item["item_id"]): str(item["published_at"]) for item in videos(SAMPLES, seed=SEED)
    }
    early = [e for e in shipped_events() if str(e["timestamp"]) < published[str(e["item_id"])]]
    assert early == []


def test_viewers_have_a_language() -> None:
    assert Counter(row["language"] for row in viewers(seed=SEED)).keys() == {"en", "zh"}


@pytest.mark.slow
def test_the_documented_command_writes_the_same_bytes(tmp_path: Path) -> None:
    for name in ("topics.tsv", "angles.tsv"):
        (tmp_path / name).write_bytes((SAMPLES / name).read_bytes())
    write(tmp_path)
    for name in ("items.jsonl", "users.csv"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()
    again = gzip.decompress((tmp_path / "events.csv.gz").read_bytes())
    assert again == gzip.decompress((SAMPLES / "events.csv.gz").read_bytes())
