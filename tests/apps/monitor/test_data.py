"""The sample content is what its README says."""

import json
from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest

from apps.monitor.companies import Dictionary, read_companies
from apps.monitor.duplicates import fingerprints, resemblance
from apps.monitor.headlines import LabelledHeadline, read_headlines
from apps.monitor.settings import SAMPLES
from apps.monitor.simulate import main
from apps.monitor.wording import SENTIMENTS, TOPICS, read_patterns
from core.rows import parse_time, read_rows

ALIKE = 0.75


@pytest.fixture(scope="module")
def headlines() -> tuple[LabelledHeadline, ...]:
    return read_headlines(SAMPLES / "headlines.jsonl")


def test_there_are_enough_headlines_of_every_label(
    headlines: tuple[LabelledHeadline, ...],
) -> None:
    languages = Counter(headline.language for headline in headlines)
    assert languages["en"] >= 500
    assert languages["zh"] >= 250
    assert {headline.sentiment for headline in headlines} == set(SENTIMENTS)
    assert {headline.topic for headline in headlines} == set(TOPICS)
    for split in ("train", "held_out"):
        of_split = Counter(each.sentiment for each in headlines if each.split == split)
        assert min(of_split.values()) > 0.2 * sum(of_split.values())


def test_a_pattern_stands_in_one_split(headlines: tuple[LabelledHeadline, ...]) -> None:
    splits: dict[str, set[str]] = {}
    for headline in headlines:
        splits.setdefault(headline.group, set()).add(headline.split)
    assert all(len(found) == 1 for found in splits.values())


def test_no_near_duplicate_stands_on_both_sides(headlines: tuple[LabelledHeadline, ...]) -> None:
    sides = {
        split: [each.text for each in headlines if each.split == split]
        for split in ("train", "held_out")
    }
    train = fingerprints(sides["train"])
    for text, ours in zip(sides["held_out"], fingerprints(sides["held_out"]), strict=True):
        closest = max(resemblance(ours.signature, other.signature) for other in train)
        assert closest < ALIKE, text


def test_patterns_are_many_and_all_different() -> None:
    patterns = read_patterns(SAMPLES)
    english = {pattern.text for pattern in patterns if pattern.language == "en"}
    assert len(english) >= 250
    assert len({pattern.text for pattern in patterns}) == len(patterns)
    assert {pattern.sentiment for pattern in patterns} == set(SENTIMENTS)
    assert {pattern.topic for pattern in patterns} <= set(TOPICS)


def test_companies_are_sixty_with_names_in_both_languages() -> None:
    companies = read_companies(SAMPLES / "companies.jsonl")
    assert len(companies) == 60
    assert all(each.name_en and each.name_zh and each.ticker for each in companies)
    assert sum(bool(each.ambiguous) for each in companies) >= 5
    names = Counter(name for each in companies for name in set(each.names()))
    assert names.most_common(1)[0][1] == 1


def test_the_stream_spans_a_month_and_does_not_tell_its_shocks() -> None:
    rows = [row.values for row in read_rows(SAMPLES / "stream.jsonl.gz", required=("id",))]
    assert len(rows) == 8000
    assert len({row["id"] for row in rows}) == 8000
    times = [parse_time(row["published_at"]) for row in rows]
    assert 28 <= (max(times) - min(times)).days <= 31
    late = sum(later < earlier for earlier, later in pairwise(times))
    assert late > 100
    assert set(rows[0]) == {"id", "published_at", "source", "title", "body", "url", "language"}
    shocks = json.loads((SAMPLES / "shocks.json").read_text(encoding="utf-8"))
    assert len(shocks) == 5
    known = Dictionary(read_companies(SAMPLES / "companies.jsonl")).companies
    assert {shock["company"] for shock in shocks} <= set(known)


def test_the_simulator_writes_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in SAMPLES.iterdir():
        if file.name not in ("headlines.jsonl", "stream.jsonl.gz", "shocks.json"):
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr("sys.argv", ["simulate", str(tmp_path)])
    main()
    for name in ("headlines.jsonl", "shocks.json"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()
    ours, theirs = (
        [row.values for row in read_rows(folder / "stream.jsonl.gz", required=("id",))]
        for folder in (tmp_path, SAMPLES)
    )
    assert ours == theirs
