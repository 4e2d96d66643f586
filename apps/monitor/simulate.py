"""Write the simulated headlines and stream of `data/monitor`: seeded, the same files each time.

    python -m apps.monitor.simulate data/monitor

`headlines.jsonl` fills every pattern a few times and splits by pattern, and so does
`contrasts.jsonl` with those of two companies. `stream.jsonl.gz` is three months of news in order of
arrival, with wire copies, corrections, late arrivals, sources that fall silent (`outages.json`) and
the planted shocks of `shocks.json`.
"""

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from apps.monitor.companies import Company, read_companies
from apps.monitor.duplicates import resembling_groups
from apps.monitor.frames import read_frames
from apps.monitor.newsroom import Newsroom, Outage, Shock, Story, read_plan
from apps.monitor.wording import (
    Contrast,
    Parts,
    Pattern,
    read_contrasts,
    read_parts,
    read_patterns,
)
from core.errors import BadInput
from core.rows import write_rows

SEED = 20261001
DOCUMENTS = 30_000
# A story is printed more often than this on the average, so that surplus copies can be dropped.
PRINTINGS = 1.3
# Stories of result days and shocks, whatever the size of the stream.
FIXED_STORIES = 1300
FILLS = 4
FRAME_FILLS = 1
CONTRAST_FILLS = 2
HELD_OUT_SHARE = 0.2
SAME_WORDING = 0.5
COPIES = (0, 1, 2, 3, 5)
COPY_WEIGHTS = (80, 12, 5, 2, 1)
COPY_DELAY_MINUTES = 45
CORRECTED_SHARE = 0.01
LATE_SHARE = 0.025
LATE_HOURS = (2, 30)
UNMARKED_LANGUAGE_SHARE = 0.1
_SWAPS = {
    "en": ((" said", " says"), ("percent", "pct"), ("million", "mln"), (" to ", " to  "),
           ("year", "yr"), ("shares", "stock")),
    "zh": (("同比", "较上年同期"), ("公司", "本公司"), ("称", "表示")),
}  # fmt: skip
_PREFIXES = {"en": ("UPDATE 1-", "BRIEF-", "RPT-", ""), "zh": ("快讯:", "", "")}


def headlines(
    patterns: Sequence[Pattern], companies: Sequence[Company], parts: Parts
) -> Iterator[dict[str, str]]:
    """Labelled rows: each pattern filled a few times; alike patterns stand in one split."""
    rng = random.Random(SEED)
    newsroom = Newsroom(patterns, companies=companies, parts=parts, rng=rng)
    held_out = _held_out(patterns, rng)
    for pattern in patterns:
        fitting = [company for company in companies if pattern.fits(company)]
        wanted = FRAME_FILLS if pattern.is_frame else FILLS
        chosen = rng.sample(fitting, min(wanted, len(fitting)))
        for text in dict.fromkeys(newsroom.headline(pattern, company) for company in chosen):
            yield {
                "text": text,
                "language": pattern.language,
                "sentiment": pattern.sentiment,
                "topic": pattern.topic,
                "group": pattern.group,
                "split": "held_out" if pattern.group in held_out else "train",
            }


def contrasts(
    patterns: Sequence[Contrast], companies: Sequence[Company], parts: Parts
) -> Iterator[dict[str, object]]:
    """Labelled rows about two companies: the sentiment of each. Alike patterns of both languages
    have neighbouring places in their files, so the split is by place."""
    rng = random.Random(SEED + 2)
    newsroom = Newsroom([], companies=companies, parts=parts, rng=rng)
    for contrast in patterns:
        for first, second in (rng.sample(companies, 2) for _ in range(CONTRAST_FILLS)):
            yield {
                "text": newsroom.headline(contrast, first, other=second),
                "language": contrast.language,
                "topic": contrast.topic,
                "companies": {first.id: contrast.first, second.id: contrast.second},
                "group": contrast.group,
                "split": "held_out" if contrast.place % 5 == 0 else "train",
            }


def _held_out(patterns: Sequence[Pattern], rng: random.Random) -> set[str]:
    """About a fifth of the patterns of each language and sentiment, drawn by clusters."""
    joined = resembling_groups([pattern.text for pattern in patterns], threshold=SAME_WORDING)
    cluster_of: dict[str, int] = {}
    for pattern, cluster in zip(patterns, joined, strict=True):
        cluster_of.setdefault(pattern.group, cluster)
    clusters: dict[int, list[Pattern]] = {}
    for pattern in patterns:
        clusters.setdefault(cluster_of[pattern.group], []).append(pattern)
    strata: dict[tuple[str, str], list[list[Pattern]]] = {}
    for members in clusters.values():
        kind = "frame" if members[0].is_frame else members[0].sentiment
        strata.setdefault((members[0].language, kind), []).append(members)
    chosen: set[str] = set()
    for stratum in strata.values():
        rng.shuffle(stratum)
        wanted = HELD_OUT_SHARE * sum(len(members) for members in stratum)
        taken = 0
        for members in stratum:
            if taken + len(members) <= wanted:
                chosen.update(pattern.group for pattern in members)
                taken += len(members)
    return chosen


def stream(
    patterns: Sequence[Pattern],
    companies: Sequence[Company],
    parts: Parts,
    *,
    shocks: Sequence[Shock],
    outages: Sequence[Outage],
    documents: int = DOCUMENTS,
) -> list[dict[str, str]]:
    """So many rows in order of arrival."""
    rng = random.Random(SEED + 1)
    newsroom = Newsroom(patterns, companies=companies, parts=parts, rng=rng, shocks=shocks)
    arrivals: list[tuple[datetime, bool, dict[str, str]]] = []
    for story in newsroom.stories(originals=max(0, round(documents / PRINTINGS) - FIXED_STORIES)):
        for printed, at, title, body, source in _printings(story, parts.sources, rng):
            arrived = at + timedelta(
                seconds=rng.randrange(5, 90) + 60 * int(source["late_minutes"])
            )
            if not story.shock and rng.random() < LATE_SHARE:
                arrived += timedelta(hours=rng.uniform(*LATE_HOURS))
            marked = rng.random() >= UNMARKED_LANGUAGE_SHARE
            row = {
                "id": "",
                "published_at": at.isoformat().replace("+00:00", "Z"),
                "source": str(source["id"]),
                "title": title,
                "body": body,
                "url": "",
                "language": story.language if marked else "",
            }
            if not any(_silent(outage, str(source["id"]), at, arrived) for outage in outages):
                arrivals.append((arrived, printed == 0 or story.shock, row))
    return _numbered(arrivals, documents, rng)


def _silent(outage: Outage, source: str, at: datetime, arrived: datetime) -> bool:
    """Whether a document falls into an outage: not printed then, or lost on its way."""
    return source == outage.source and at < outage.end and arrived >= outage.start


def _printings(
    story: Story, sources: Sequence[Mapping[str, str | int]], rng: random.Random
) -> Iterator[tuple[int, datetime, str, str, Mapping[str, str | int]]]:
    """The first printing, its copies in other sources, and now and then a correction."""
    own = [source for source in sources if source["language"] == story.language]
    first = rng.choices(own, [int(source["weight"]) for source in own])[0]
    yield 0, story.at, story.title, story.body, first
    for copy in range(rng.choices(COPIES, COPY_WEIGHTS)[0]):
        delay = timedelta(minutes=rng.expovariate(1 / COPY_DELAY_MINUTES), seconds=20)
        at = (story.at + delay).replace(microsecond=0)
        body = story.body.rsplit("。" if story.language == "zh" else ". ", 1)[0]
        yield copy + 1, at, _reworded(story, rng), body, rng.choice(own)
    if rng.random() < CORRECTED_SHARE:
        at = (story.at + timedelta(hours=rng.uniform(0.3, 4))).replace(microsecond=0)
        mark = "更正:" if story.language == "zh" else "CORRECTED-"
        yield 99, at, mark + _misprint_mended(story.title, rng), story.body, first


def _reworded(story: Story, rng: random.Random) -> str:
    title = story.title
    for old, new in rng.sample(_SWAPS[story.language], 2):
        title = title.replace(old, new, 1)
    if story.language == "en" and rng.random() < 0.15:
        title = title.rstrip(".") + " - sources"
    return rng.choice(_PREFIXES[story.language]) + title


def _misprint_mended(title: str, rng: random.Random) -> str:
    digits = [place for place, character in enumerate(title) if character in "123456789"]
    if not digits:
        return title
    place = rng.choice(digits)
    return title[:place] + rng.choice("123456789") + title[place + 1 :]


def _numbered(
    arrivals: list[tuple[datetime, bool, dict[str, str]]], documents: int, rng: random.Random
) -> list[dict[str, str]]:
    """Exactly `documents` rows: surplus copies are dropped at random."""
    surplus = len(arrivals) - documents
    droppable = [place for place, (_, kept, _) in enumerate(arrivals) if not kept]
    if not 0 <= surplus <= len(droppable):
        raise BadInput(
            f"{len(arrivals)} documents came out, which cannot be cut to {documents}",
            field="documents",
            remedy="take another number: it takes 2,500 to show the result days and planted shocks",
        )
    dropped = set(rng.sample(droppable, surplus))
    kept = [arrival for place, arrival in enumerate(arrivals) if place not in dropped]
    kept.sort(key=lambda arrival: arrival[0])
    rows = []
    for number, (_, _, row) in enumerate(kept, start=1):
        name = f"{row['source']}-{number:05d}"
        rows.append(row | {"id": name, "url": f"https://news.example/{row['source']}/{number:05d}"})
    return rows


def write(folder: Path, *, parts: Path | None = None, documents: int = DOCUMENTS) -> int:
    """Write `headlines.jsonl`, `contrasts.jsonl` and `stream.jsonl.gz`; returns the number of
    documents. `parts` is the folder of patterns, companies and plan, the same one by default."""
    source = parts or folder
    patterns, words = read_patterns(source), read_parts(source)
    frames = read_frames(source, seed=SEED)
    companies = read_companies(source / "companies.jsonl")
    shocks, outages = read_plan(source)
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "headlines.jsonl", headlines((*patterns, *frames), companies, words))
    write_rows(folder / "contrasts.jsonl", contrasts(read_contrasts(source), companies, words))
    rows = stream(patterns, companies, words, shocks=shocks, outages=outages, documents=documents)
    return write_rows(folder / "stream.jsonl.gz", rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    write(parser.parse_args().folder)


if __name__ == "__main__":
    main()
