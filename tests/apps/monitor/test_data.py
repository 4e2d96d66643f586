"""The sample content is what its README says."""

from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from apps.monitor.companies import Dictionary, read_companies
from apps.monitor.duplicates import fingerprints
from apps.monitor.headlines import LabelledHeadline, read_headlines
from apps.monitor.newsroom import read_plan
from apps.monitor.settings import SAMPLES
from apps.monitor.simulate import main
from apps.monitor.wording import SENTIMENTS, TOPICS, read_patterns
from core.rows import parse_time, read_rows

ALIKE = 0.75
WRITTEN = ("headlines.jsonl", "contrasts.jsonl", "stream.jsonl.gz")


@pytest.fixture(scope="module")
def headlines() -> tuple[LabelledHeadline, ...]:
    return read_headlines(SAMPLES / "headlines.jsonl")


def test_there_are_enough_headlines_of_every_label(
    headlines: tuple[LabelledHeadline, ...],
) -> None:
    languages = Counter(headline.language for headline in headlines)
    assert languages["en"] >= 3000
    assert languages["zh"] >= 3000
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
    train = np.array([each.signature for each in fingerprints(sides["train"])])
    for text, ours in zip(sides["held_out"], fingerprints(sides["held_out"]), strict=True):
        assert (train == ours.signature).mean(axis=1).max() < ALIKE, text


def test_patterns_are_many_and_all_different() -> None:
    patterns = read_patterns(SAMPLES)
    english = {pattern.text for pattern in patterns if pattern.language == "en"}
    assert len(english) >= 700
    assert len({pattern.text for pattern in patterns}) == len(patterns)
    assert {pattern.sentiment for pattern in patterns} == set(SENTIMENTS)
    assert {pattern.topic for pattern in patterns} <= set(TOPICS)


def test_companies_are_hundreds_with_names_in_both_languages() -> None:
    companies = read_companies(SAMPLES / "companies.jsonl")
    assert len(companies) >= 400
    assert all(each.name_en and each.name_zh and each.ticker for each in companies)
    assert sum(bool(each.ambiguous) for each in companies) >= 50
    names = Counter(name for each in companies for name in set(each.names()))
    assert names.most_common(1)[0][1] == 1


def test_contrasts_tell_the_sentiment_of_both_companies() -> None:
    rows = [row.values for row in read_rows(SAMPLES / "contrasts.jsonl", required=("text",))]
    known = Dictionary(read_companies(SAMPLES / "companies.jsonl"))
    assert len(rows) >= 600
    assert Counter(row["language"] for row in rows)["zh"] >= 300
    different = 0
    for row in rows:
        moods = row["companies"]
        assert isinstance(moods, dict)
        assert len(moods) == 2
        assert set(moods.values()) <= set(SENTIMENTS)
        assert set(moods) <= set(known.companies)
        different += len(set(moods.values())) == 2
    assert different >= 300


def test_companies_are_found_also_where_their_names_are_ambiguous() -> None:
    known = Dictionary(read_companies(SAMPLES / "companies.jsonl"))
    right = found = wanted = 0
    for row in read_rows(SAMPLES / "linking.jsonl", required=("text", "companies")):
        named = row.values["companies"]
        assert isinstance(named, list)
        mentioned = {mention.company_id for mention in known.find(row.text("text"))}
        right += len(mentioned & set(named))
        found += len(mentioned)
        wanted += len(named)
    assert right / found >= 0.92
    assert right / wanted >= 0.93


def test_terms_have_a_category_and_a_weight() -> None:
    rows = list(read_rows(SAMPLES / "terms.csv", required=("term", "language", "category")))
    assert len({(row.text("term"), row.text("language")) for row in rows}) == len(rows) >= 600
    assert all(0 < float(row.text("weight")) <= 1 for row in rows)
    assert min(Counter(row.text("category") for row in rows).values()) >= 20


def test_the_stream_spans_ninety_days_and_does_not_tell_its_shocks() -> None:
    rows = [row.values for row in read_rows(SAMPLES / "stream.jsonl.gz", required=("id",))]
    assert len({row["id"] for row in rows}) == len(rows) == 30_000
    times = [parse_time(row["published_at"]) for row in rows]
    assert 88 <= (max(times) - min(times)).days <= 91
    late = sum(later < earlier for earlier, later in pairwise(times))
    assert late > 300
    assert set(rows[0]) == {"id", "published_at", "source", "title", "body", "url", "language"}
    shocks, outages = read_plan(SAMPLES)
    assert len(shocks) == 24
    known = Dictionary(read_companies(SAMPLES / "companies.jsonl")).companies
    assert {shock.company for shock in shocks} <= set(known)
    for outage in outages:
        during = [
            row
            for row, at in zip(rows, times, strict=True)
            if row["source"] == outage.source and outage.start <= at < outage.end
        ]
        assert not during


def test_the_simulator_writes_what_is_committed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for file in SAMPLES.iterdir():
        if file.name not in WRITTEN:
            (tmp_path / file.name).write_bytes(file.read_bytes())
    monkeypatch.setattr("sys.argv", ["simulate", str(tmp_path)])
    main()
    for name in ("headlines.jsonl", "contrasts.jsonl"):
        assert (tmp_path / name).read_bytes() == (SAMPLES / name).read_bytes()
    ours, theirs = (
        [row.values for row in read_rows(folder / "stream.jsonl.gz", required=("id",))]
        for folder in (tmp_path, SAMPLES)
    )
    assert ours == theirs
