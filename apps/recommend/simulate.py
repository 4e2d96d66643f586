"""Simulated viewers of the sample videos. No event here was made by a person.

    python -m apps.recommend.simulate data/recommend

writes `items.jsonl`, `users.csv` and `events.csv.gz` again, byte for byte. What is modelled:

- a taste per viewer over the categories, few of them strong, that drifts from session to session;
- favourite topics and favourite forms, so that what a viewer took says what comes next;
- sessions in the evening that stay with a subject; the next episode of a series is often next;
- trends: videos that everybody meets for some days, mostly new ones;
- a page of twelve suggestions with position bias, and noise in every choice;
- a like now and then, a dislike more rarely.
"""

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.recommend.sample_videos import CATEGORY_ZH, Catalogue, Video, videos
from core.progress import say, track
from core.rows import write_rows

SEED = 20260601
BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
DAYS = 92
PAGE = 12
CATEGORIES = tuple(CATEGORY_ZH)
Event = dict[str, object]


@dataclass(frozen=True)
class Scale:
    """How much to simulate; `only` keeps the first viewers, whose events stay the same."""

    viewers: int = 1000
    events: int = 60_000
    only: int | None = None


@dataclass(frozen=True)
class World:
    """The videos as arrays: category, topic, form and series numbers, publication day, appeal.

    `trend` is (DAYS, videos), what everybody adds to a video on a day.
    """

    ids: tuple[str, ...]
    category: NDArray[np.int64]
    topic: NDArray[np.int64]
    form: NDArray[np.int64]
    following: NDArray[np.int64]
    day: NDArray[np.float64]
    appeal: NDArray[np.float64]
    trend: NDArray[np.float64]


def simulate(items: Sequence[Video], *, seed: int, scale: Scale) -> list[Event]:
    """Events in time order without ids: user_id, item_id, kind, value, timestamp."""
    world = world_of(items, seed=seed)
    counts = _events_per_viewer(scale, seed=seed)
    events = [
        event
        for viewer in track(range(scale.only or scale.viewers), description="Simulating viewers")
        for event in _viewer(viewer, int(counts[viewer]), world, seed=seed)
    ]
    return sorted(events, key=lambda event: (str(event["timestamp"]), str(event["user_id"])))


def world_of(items: Sequence[Video], *, seed: int) -> World:
    """Number what the viewers react to and draw appeal and trends."""
    rng = np.random.default_rng([seed, 1])
    tags = [list(map(str, item["tags"])) for item in items]  # type: ignore[call-overload]
    category = [str(item["categories"][0]) for item in items]  # type: ignore[index]
    topics = [
        f"{group}/{'/'.join(words[:-1])}" for group, words in zip(category, tags, strict=True)
    ]
    series = [str(item["series"] or "") for item in items]
    begin = BEGIN.timestamp()
    published = [datetime.fromisoformat(str(item["published_at"])).timestamp() for item in items]
    day = (np.array(published) - begin) / 86_400
    return World(
        ids=tuple(str(item["item_id"]) for item in items),
        category=np.array([CATEGORIES.index(group) for group in category]),
        topic=_numbers(topics),
        form=_numbers([words[-1] for words in tags]),
        following=_following(series),
        day=day,
        appeal=rng.normal(0.0, 0.7, size=len(items)),
        trend=_trends(day, rng),
    )


def _numbers(names: Sequence[str]) -> NDArray[np.int64]:
    order = {name: number for number, name in enumerate(sorted(set(names)))}
    return np.array([order[name] for name in names])


def _following(series: Sequence[str]) -> NDArray[np.int64]:
    """The next episode of each video's series, -1 where there is none."""
    following = np.full(len(series), -1)
    last: dict[str, int] = {}
    for row, name in enumerate(series):
        if name and name in last:
            following[last[name]] = row
        if name:
            last[name] = row
    return following


def _trends(day: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.float64]:
    trend = np.zeros((DAYS, len(day)))
    for today in range(DAYS):
        there = np.flatnonzero(day < today)
        fresh = np.exp(-(today - day[there]) / 20.0) + 0.05
        for row in rng.choice(there, size=3, replace=False, p=fresh / fresh.sum()):
            for later in range(today, min(DAYS, today + 8)):
                trend[later, row] += 2.2 * 0.7 ** (later - today)
    return trend


def _events_per_viewer(scale: Scale, *, seed: int) -> NDArray[np.int64]:
    """Few viewers watch a lot: log-normal counts of at least 8 that sum to `scale.events`."""
    rng = np.random.default_rng([seed, 2])
    raw = rng.lognormal(0.0, 0.75, size=scale.viewers)
    spare = scale.events - 8 * scale.viewers
    counts: NDArray[np.int64] = 8 + np.floor(raw / raw.sum() * spare).astype(np.int64)
    counts[: scale.events - int(counts.sum())] += 1
    return counts


def _viewer(viewer: int, count: int, world: World, *, seed: int) -> Iterator[Event]:
    rng = np.random.default_rng([seed, 3, viewer])
    taste = np.log(rng.dirichlet(np.full(len(CATEGORIES), 0.25)) + 0.003)
    topic = rng.normal(0.0, 1.0, size=int(world.topic.max()) + 1)
    form = rng.normal(0.0, 0.8, size=int(world.form.max()) + 1)
    joined = rng.uniform(0.0, 0.6 * DAYS)
    sessions = max(2, round(count / 6))
    starts = np.sort(rng.uniform(joined, DAYS - 1, size=sessions)).astype(int)
    seen = np.zeros(len(world.ids), dtype=bool)
    made = 0
    for number, day in enumerate(starts):
        taste = taste + rng.normal(0.0, 0.25, size=len(taste))
        left = count - made
        length = left if number == sessions - 1 else min(left, int(rng.geometric(1 / 6)))
        moment = BEGIN + timedelta(days=int(day), seconds=_evening(rng))
        liking = 0.8 * taste[world.category] + topic[world.topic] + form[world.form]
        for event in _session(viewer, moment, length, liking, seen, world, rng):
            made += 1
            yield event
        if made >= count:
            return


def _evening(rng: np.random.Generator) -> int:
    return int(np.clip(rng.normal(20.0, 2.5), 6.0, 23.2) * 3600)


def _session(
    viewer: int,
    moment: datetime,
    length: int,
    liking: NDArray[np.float64],
    seen: NDArray[np.bool_],
    world: World,
    rng: np.random.Generator,
) -> Iterator[Event]:
    """At most `length` events; one choice from one page at a time."""
    day = (moment - BEGIN).days
    value = liking + world.appeal + world.trend[day]
    previous = -1
    done = 0
    while done < length:
        open_rows = np.flatnonzero(~seen & (world.day < day))
        if not len(open_rows):
            return
        page = _page(open_rows, value, previous, world, rng)
        utility = value[page] + _continuity(page, previous, world) + rng.gumbel(0, 0.9, len(page))
        utility -= 0.35 * np.log2(np.arange(len(page)) + 1.0)
        row = int(page[np.argmax(utility)])
        seen[row] = True
        share = float(np.clip(rng.normal(0.75 + 0.05 * liking[row], 0.2), 0.05, 1.0))
        for kind, worth in _reactions(share, liking[row], rng):
            if done < length:
                done += 1
                yield {
                    "user_id": f"u{viewer + 1:04d}",
                    "item_id": world.ids[row],
                    "kind": kind,
                    "value": worth,
                    "timestamp": moment.isoformat().replace("+00:00", "Z"),
                }
            moment += timedelta(seconds=int(rng.integers(5, 40)))
        moment += timedelta(seconds=int(share * rng.integers(300, 1500)))
        previous = row


def _reactions(
    share: float, liking: float, rng: np.random.Generator
) -> Iterator[tuple[str, float]]:
    yield "watch", round(share, 2)
    draw = rng.random()
    if draw < 0.04 + 0.04 * max(0.0, min(2.0, liking)):
        yield "like", 1.0
    elif draw > 0.99 and share < 0.6:
        yield "dislike", 1.0


def _continuity(page: NDArray[np.int64], previous: int, world: World) -> NDArray[np.float64]:
    if previous < 0:
        return np.zeros(len(page))
    same_topic = world.topic[page] == world.topic[previous]
    same_category = world.category[page] == world.category[previous]
    episode = page == world.following[previous]
    pull: NDArray[np.float64] = 0.9 * same_category + 1.2 * same_topic + 2.0 * episode
    return pull


def _page(
    open_rows: NDArray[np.int64],
    value: NDArray[np.float64],
    previous: int,
    world: World,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """Twelve suggestions: what goes on from the last video, what is liked, what is there."""
    pull = 0.6 * value[open_rows] + 1.5 * _continuity(open_rows, previous, world)
    noisy = pull + rng.gumbel(0.0, 1.2, size=len(open_rows))
    ranked = open_rows[np.argsort(-noisy, kind="stable")]
    return ranked[: min(PAGE, len(ranked))]


def write(
    folder: Path,
    *,
    parts: Path | None = None,
    seed: int = SEED,
    scale: Scale = Scale(),
    catalogue: Catalogue = Catalogue(),
) -> int:
    """Write `items.jsonl`, `users.csv` and `events.csv.gz`; returns the number of events.

    `parts` is the folder of `topics.tsv` and `angles.tsv`, the same one by default.
    """
    items = videos(parts or folder, seed=seed, catalogue=catalogue)
    events = simulate(items, seed=seed, scale=scale)
    numbered = ({"event_id": f"e{n:05d}", **event} for n, event in enumerate(events, start=1))
    folder.mkdir(parents=True, exist_ok=True)
    write_rows(folder / "items.jsonl", items)
    write_rows(folder / "users.csv", viewers(seed=seed, n=scale.viewers))
    return write_rows(folder / "events.csv.gz", numbered)


def viewers(*, seed: int, n: int = Scale().viewers) -> Iterator[dict[str, object]]:
    """The viewers' rows: an id and the language of their pages."""
    rng = np.random.default_rng([seed, 4])
    for number in range(1, n + 1):
        yield {"user_id": f"u{number:04d}", "language": "zh" if rng.random() < 0.35 else "en"}


if __name__ == "__main__":
    say(f"{write(Path(sys.argv[1]))} events")
