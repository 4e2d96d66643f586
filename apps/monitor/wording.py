"""Headline patterns and what fills their slots. The words stand in `data/monitor`, not here.

A pattern is one hand-written headline with slots such as `{c}` (company), `{hi}` and `{lo}` (two
amounts of one currency, the first the larger) or `{q}` (a quarter); `data/monitor/README.md`
lists them all.
"""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.monitor.companies import Company
from apps.monitor.figures import figures, year_before

LANGUAGES = ("en", "zh")
SENTIMENTS = ("positive", "neutral", "negative")
TOPICS = (
    "earnings",
    "guidance",
    "m_and_a",
    "litigation",
    "regulation",
    "management",
    "credit",
    "product",
    "supply_chain",
    "labour",
    "macro",
    "market_move",
    "cyber",
    "esg",
)
SERVICE_SECTORS = frozenset({"asset_manager", "bank", "insurance", "media", "software"})
_GOODS = re.compile(
    r"plant|factor(y|ies)|mill|production|warehouse|shipment|cargo|recall|\{input\}|vessel"
    r"|工厂|停产|召回|仓库|产能|生产线"
)


@dataclass(frozen=True)
class Pattern:
    """One hand-written headline with slots; `sectors` is empty where any sector fits."""

    group: str
    language: str
    sentiment: str
    topic: str
    text: str
    sectors: frozenset[str]

    @property
    def is_frame(self) -> bool:
        """Made from a frame (see `apps.monitor.frames`)."""
        return self.group.partition("-")[2].startswith("f")

    def fits(self, company: Company) -> bool:
        """Whether a company of this sector could be in such a headline."""
        if self.sectors:
            return company.sector in self.sectors
        return company.sector not in SERVICE_SECTORS or not _GOODS.search(self.text)


@dataclass(frozen=True)
class Contrast:
    """A headline about two companies: the sentiment of `{c}` first, then that of `{c2}`."""

    group: str
    place: int
    language: str
    first: str
    second: str
    topic: str
    text: str


@dataclass(frozen=True)
class Parts:
    """Names, places and sector goods by language; `lists` are word lists by name."""

    lists: Mapping[str, Sequence[str]]
    sectors: Mapping[str, Mapping[str, str | Sequence[str]]]
    sources: Sequence[Mapping[str, str | int]]

    def words(self, name: str, language: str) -> Sequence[str]:
        """The list `name` in a language."""
        return self.lists[f"{name}_{language}"]

    def goods(self, company: Company, kind: str, language: str) -> Sequence[str]:
        """`products` or `inputs` of the company's sector."""
        return tuple(self.sectors[company.sector][f"{kind}_{language}"])


def read_patterns(folder: Path) -> tuple[Pattern, ...]:
    """All patterns of `folder`; a group id is the language and the line's place in its file."""
    found = []
    for language in LANGUAGES:
        for place, line in enumerate(_lines(folder / f"patterns.{language}.txt"), start=1):
            sentiment, topic, text, *sectors = line.split("|")
            only = frozenset(sectors[0].split(",")) if sectors else frozenset()
            group = f"{language}-{place:03d}"
            found.append(Pattern(group, language, sentiment, topic, text, only))
    return tuple(found)


def read_contrasts(folder: Path) -> tuple[Contrast, ...]:
    """The patterns of two companies; a group id is the language and the line's place."""
    return tuple(
        Contrast(f"{language}-c{place:03d}", place, language, *line.split("|"))
        for language in LANGUAGES
        for place, line in enumerate(_lines(folder / f"contrasts.{language}.txt"), start=1)
    )


def _lines(path: Path) -> list[str]:
    """Without empty ones and the comment at the top."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("# ")]


def read_parts(folder: Path) -> Parts:
    """The word lists of `parts.json`."""
    content = json.loads((folder / "parts.json").read_text(encoding="utf-8"))
    sectors, sources = content.pop("sectors"), content.pop("sources")
    return Parts(lists=content, sectors=sectors, sources=sources)


def fill(
    text: str,
    *,
    company: Company,
    other: Company,
    language: str,
    parts: Parts,
    rng: random.Random,
) -> str:
    """`text` with every slot filled; figures agree in currency, unit and order."""
    slots = figures(language, rng) | _names(company, other, language, parts, rng)
    if language == "en":
        noun = rng.choice((f"the {slots['ordinal']} quarter", slots["Q"]))
        text = re.sub(r"\b([Ii]n|for) \{q\}", rf"\1 {noun}", text)
        text = text.replace("Record {q} ", f"Record {slots['ordinal']} quarter ")
        text = text.replace("of {q} of", f"of {noun} of")
        text = text.replace(" in {py}", " {py}").replace("{py}", year_before(slots["yr"], rng))
    filled = re.sub(r"\{(\w+)\}", lambda match: slots[match[1]], text)
    return filled[0].upper() + filled[1:].replace("s's ", "s' ")


def _names(
    company: Company, other: Company, language: str, parts: Parts, rng: random.Random
) -> dict[str, str]:
    products = list(parts.goods(company, "products", language))
    places = rng.sample(list(parts.words("places", language)), 2)
    people = rng.sample(list(parts.words("people", language)), 2)
    product, product2 = rng.sample(products, 2)
    if language == "zh":
        division = f"{rng.choice(products)}{rng.choice(('业务', '事业部', '板块'))}"
        unit = division
    else:
        kind = rng.choice(("division", "unit", "business", "segment"))
        division = f"{rng.choice(products)} {kind}"
        unit = f"its {division}"
    return {
        "c": _name(company, language, rng),
        "c2": _name(other, language, rng),
        "t": company.ticker,
        "sector": str(parts.sectors[company.sector][f"name_{language}"]),
        "product": product,
        "product2": product2,
        "input": rng.choice(parts.goods(company, "inputs", language)),
        "place": places[0],
        "place2": places[1],
        "person": people[0],
        "person2": people[1],
        "role": rng.choice(parts.words("roles", language)),
        "agency": rng.choice(parts.words("agencies", language)),
        "agencyr": rng.choice(parts.words("raters", language)),
        "bank": rng.choice(parts.words("brokers", language)),
        "unit": unit,
        "division": division,
        **_ratings(parts.lists["ratings"], rng),
    }


def _name(company: Company, language: str, rng: random.Random) -> str:
    if language == "zh":
        return rng.choice(
            (company.name_zh, company.name_zh, company.name_zh, company.aliases_zh[0])
        )
    short = [name for name in company.aliases_en if name not in company.ambiguous]
    return rng.choice((company.name_en, company.name_en, rng.choice(short or [company.name_en])))


def _ratings(scale: Sequence[str], rng: random.Random) -> dict[str, str]:
    high = rng.randrange(len(scale) - 2)
    return {"rhi": scale[high], "rlo": scale[high + rng.choice((1, 1, 2))]}
