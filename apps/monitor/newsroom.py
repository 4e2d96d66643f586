"""Simulated months of stories about invented companies: who is written about, when, and how.

Nothing here looks at what the detectors do: coverage, hours, moods and events are drawn from a
seeded generator; the constants are those of a plausible mid-sized news feed.
"""

import json
import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from apps.monitor.companies import Company
from apps.monitor.wording import Contrast, Parts, Pattern, fill
from core.rows import parse_time

START = datetime(2025, 9, 1, tzinfo=UTC)
DAYS = 90
SHARES = {"positive": 0.27, "neutral": 0.47, "negative": 0.26}
# Share of a day's news in each hour (UTC), and of a usual weekday's on each day of the week.
HOURS = (2, 2, 2, 3, 4, 7, 10, 11, 9, 8, 7, 8, 9, 10, 9, 8, 7, 6, 5, 5, 5, 4, 3, 2)
WEEKDAYS = (1.0, 1.05, 1.1, 1.1, 0.95, 0.3, 0.35)
SECTOR_DAYS = 72
CHINESE_SHARE = {True: 0.55, False: 0.1}
RESULT_TOPICS = ("earnings", "guidance", "market_move")


@dataclass(frozen=True)
class Shock:
    """A planted event: `per_hour` extra stories on the average of its first half, fading over
    `hours`; the smaller `onset` is below one, the more of them come at once. `chinese` is the share
    of Chinese ones."""

    company: str
    start: datetime
    hours: float
    per_hour: float
    moods: Mapping[str, float]
    topics: tuple[str, ...]
    chinese: float
    onset: float


@dataclass(frozen=True)
class Outage:
    """A source that sends nothing for a time."""

    source: str
    start: datetime
    end: datetime


@dataclass(frozen=True)
class Story:
    """What one newsroom writes first; `shock` marks those that nobody may drop."""

    at: datetime
    title: str
    body: str
    language: str
    shock: bool


def read_plan(folder: Path) -> tuple[tuple[Shock, ...], tuple[Outage, ...]]:
    """What is planted in the stream: `shocks.json` and `outages.json` of `folder`."""
    shocks = json.loads((folder / "shocks.json").read_text(encoding="utf-8"))
    outages = json.loads((folder / "outages.json").read_text(encoding="utf-8"))
    return tuple(_shock(each) for each in shocks), tuple(
        Outage(each["source"], parse_time(each["start"]), parse_time(each["end"]))
        for each in outages
    )


def _shock(each: Mapping[str, Any]) -> Shock:
    start = parse_time(each["start"])
    return Shock(
        company=each["company"],
        start=start,
        hours=(parse_time(each["end"]) - start) / timedelta(hours=1),
        per_hour=each["per_hour"],
        moods=each["moods"],
        topics=tuple(each["topics"]),
        chinese=each["chinese"],
        onset=each["onset"],
    )


class Newsroom:
    """Writes stories from patterns with one seeded generator."""

    def __init__(
        self,
        patterns: Sequence[Pattern],
        *,
        companies: Sequence[Company],
        parts: Parts,
        rng: random.Random,
        shocks: Sequence[Shock] = (),
    ) -> None:
        self.rng = rng
        self._shocks = shocks
        self._patterns = patterns
        self._companies = companies
        self._parts = parts

    def stories(self, *, originals: int) -> list[Story]:
        """About `originals` background stories and those of the shocks, by time."""
        found = [*self._background(originals), *self._planted()]
        return sorted(found, key=lambda story: story.at)

    def headline(
        self, pattern: Pattern | Contrast, company: Company, *, other: Company | None = None
    ) -> str:
        """The pattern filled for a company; the other one named in it is `other`, or any."""
        return self._fill(pattern.text, company, pattern.language, other=other)

    def _background(self, originals: int) -> Iterator[Story]:
        rng = self.rng
        coverage = {company.id: math.exp(rng.gauss(0, 0.7)) for company in self._companies}
        weekdays = [WEEKDAYS[(START + timedelta(days=day)).weekday()] for day in range(DAYS)]
        scale = originals / (sum(coverage.values()) * sum(weekdays))
        sectors = {
            (rng.randrange(DAYS), rng.choice(self._companies).sector): rng.choice((-0.9, 0.9))
            for _ in range(SECTOR_DAYS)
        }
        results = {company.id: rng.randrange(DAYS) for company in self._companies}
        mood = dict.fromkeys(coverage, 0.0)
        for day in range(DAYS):
            market = rng.gauss(0, 0.35)
            for company in self._companies:
                mood[company.id] = 0.85 * mood[company.id] + rng.gauss(0, 0.25)
                push = sectors.get((day, company.sector), 0.0)
                rate = scale * coverage[company.id] * weekdays[day] * (1.8 if push else 1.0)
                # Days differ more than a Poisson count does.
                n = self._poisson(rate * rng.gammavariate(4, 0.25))
                tilt = mood[company.id] + market + push
                for hour in rng.choices(range(24), HOURS, k=n):
                    yield self._usual(company, day, hour, tilt)
                if results[company.id] == day and weekdays[day] > 0.5:
                    yield from self._results(company, day)

    def _results(self, company: Company, day: int) -> Iterator[Story]:
        surprise, hour = self.rng.gauss(0, 0.9), self.rng.randrange(5, 17)
        for later in self.rng.choices((0, 0, 1, 3), k=self.rng.randrange(1, 5)):
            yield self._usual(company, day, hour + later, surprise, topics=RESULT_TOPICS)

    def _usual(
        self,
        company: Company,
        day: int,
        hour: int,
        tilt: float,
        *,
        topics: tuple[str, ...] = (),
    ) -> Story:
        at = START + timedelta(days=day, hours=hour, seconds=self.rng.randrange(3600))
        moods = {
            "positive": SHARES["positive"] * math.exp(tilt),
            "neutral": SHARES["neutral"],
            "negative": SHARES["negative"] * math.exp(-tilt),
        }
        chinese = CHINESE_SHARE[company.country == "CN"]
        return self._write(at, company, moods, topics, chinese=chinese, shock=False)

    def _planted(self) -> Iterator[Story]:
        by_id = {company.id: company for company in self._companies}
        for shock in self._shocks:
            for _ in range(self._poisson(shock.per_hour * shock.hours * 0.55)):
                seconds = round(shock.hours * 3600 * self.rng.betavariate(shock.onset, 1.8))
                yield self._write(
                    shock.start + timedelta(seconds=seconds),
                    by_id[shock.company],
                    shock.moods,
                    shock.topics,
                    chinese=shock.chinese,
                    shock=True,
                )

    def _write(
        self,
        at: datetime,
        company: Company,
        moods: Mapping[str, float],
        topics: tuple[str, ...],
        *,
        chinese: float,
        shock: bool,
    ) -> Story:
        rng = self.rng
        language = "zh" if rng.random() < chinese else "en"
        mood = rng.choices(list(moods), list(moods.values()))[0]
        pattern = rng.choice(
            [
                pattern
                for pattern in self._patterns
                if (pattern.language, pattern.sentiment) == (language, mood)
                and (not topics or pattern.topic in topics)
                and pattern.fits(company)
            ]
        )
        lines = [
            rng.choice(self._parts.lists[f"bodies_{mood}_{language}"]),
            *rng.sample(list(self._parts.words("bodies", language)), rng.randrange(1, 4)),
        ]
        body = ("" if language == "zh" else " ").join(
            self._fill(line, company, language) for line in lines
        )
        title = self._fill(pattern.text, company, language)
        return Story(at, title, body, language, shock)

    def _fill(
        self, text: str, company: Company, language: str, *, other: Company | None = None
    ) -> str:
        anyone = [each for each in self._companies if each.id != company.id]
        return fill(
            text,
            company=company,
            other=other or self.rng.choice(anyone),
            language=language,
            parts=self._parts,
            rng=self.rng,
        )

    def _poisson(self, mean: float) -> int:
        limit, product, n = math.exp(-mean), self.rng.random(), 0
        while product > limit:
            product *= self.rng.random()
            n += 1
        return n
