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
_ORDINALS = ("first", "second", "third", "fourth")
_ORDINALS_ZH = ("一", "二", "三", "四")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Oct. 14", "March 3", "20 May")
_MONTHS = ("January", "March", "April", "June", "September", "October", "November", "December")
_CURRENCIES = (
    "EUR {} mn",
    "EUR {}m",
    "EUR{} million",
    "{} million euros",
    "${} million",
    "${}m",
    "${} billion",
    "USD {} mn",
    "{} million pounds",
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
    for language in ("en", "zh"):
        lines = (folder / f"patterns.{language}.txt").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line and not line.startswith("#")]
        for place, line in enumerate(kept, start=1):
            sentiment, topic, text, *sectors = line.split("|")
            only = frozenset(sectors[0].split(",")) if sectors else frozenset()
            group = f"{language}-{place:03d}"
            found.append(Pattern(group, language, sentiment, topic, text, only))
    return tuple(found)


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
    slots = _figures(language, rng) | _names(company, other, language, parts, rng)
    if language == "en":
        noun = rng.choice((f"the {slots['ordinal']} quarter", slots["Q"]))
        text = re.sub(r"\b([Ii]n|for) \{q\}", rf"\1 {noun}", text)
        text = text.replace("Record {q} ", f"Record {slots['ordinal']} quarter ")
        text = text.replace("of {q} of", f"of {noun} of")
        text = text.replace(" in {py}", " {py}").replace("{py}", _year_before(slots["yr"], rng))
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


def _year_before(year: str, rng: random.Random) -> str:
    return rng.choice(
        (
            "in the same period a year earlier",
            "in the corresponding period of the year before",
            f"in the same quarter of {int(year) - 1}",
            "a year earlier",
            "a year ago",
            "in the comparable period",
            f"in {int(year) - 1}",
        )
    )


def _figures(language: str, rng: random.Random) -> dict[str, str]:
    low, high = sorted((rng.uniform(2, 35), rng.uniform(2, 35)))
    quarter, year = rng.randrange(4), rng.choice((2024, 2025, 2026))
    share = rng.uniform(3, 180)
    shared = {
        "n": str(rng.randrange(30, 900)),
        "n10": str(rng.randrange(3, 30)),
        "bp": str(rng.choice((10, 25, 50, 75, 120))),
        "qn": str(quarter + 1),
        "Q": f"Q{quarter + 1}",
        "ordinal": _ORDINALS[quarter],
        "hour": f"{rng.randrange(7, 19)}:{rng.choice(('00', '15', '30', '45'))}",
    }
    if language == "zh":
        unit = rng.choice(("亿元", "亿元", "万元", "亿美元"))
        scale = 100 if unit == "万元" else 1
        top = rng.uniform(2, 90) * scale
        amount = [top / rng.uniform(1.05, 2.6), top]
        shown = [f"{value:,.0f}" if scale > 1 else f"{value:.2f}" for value in amount]
        return shared | {
            "amt": shown[rng.randrange(2)] + unit,
            "amt2": shown[0] + unit,
            "hi": shown[1] + unit,
            "lo": shown[0] + unit,
            "pc": f"{rng.uniform(3, 60):.1f}%",
            "pch": f"{high:.1f}%",
            "pcl": f"{low:.1f}%",
            "q": rng.choice((f"第{_ORDINALS_ZH[quarter]}季度", f"{year}年{quarter + 1}季度")),
            "half": rng.choice(("上半年", "下半年")),
            "yr": str(year),
            "ny": str(year + 1),
            "month": f"{rng.randrange(1, 13)}月",
            "day": f"{rng.randrange(1, 13)}月{rng.randrange(1, 29)}日",
            "N": f"{rng.randrange(1100, 60000)}",
            "ehi": f"{0.4 + rng.random():.2f}元",
            "elo": f"{rng.uniform(0.05, 0.4):.2f}元",
            "shi": f"{share * 1.2:.2f}元",
            "slo": f"{share:.2f}元",
        }
    money = rng.choice(_CURRENCIES)
    top = 9 if "billion" in money else 400
    larger = rng.uniform(3, top)
    amount = [larger / rng.uniform(1.08, 2.6), larger]
    digits = rng.choice((0, 1)) if top > 9 and amount[1] - amount[0] > 2 else 1
    shown = [money.format(f"{value:.{digits}f}") for value in amount]
    percent = rng.choice(("{} percent", "{}%", "{} %", "{} pct", "{} per cent"))
    places = rng.choice((0, 1)) if high - low > 1.5 else 1
    coin = rng.choice(("${}", "EUR {}", "EUR{}"))
    return shared | {
        "amt": shown[rng.randrange(2)],
        "amt2": shown[0],
        "hi": shown[1],
        "lo": shown[0],
        "pc": percent.format(f"{rng.uniform(2, 40):.{rng.choice((0, 1))}f}"),
        "pch": percent.format(f"{high:.{places}f}"),
        "pcl": percent.format(f"{low:.{places}f}"),
        "q": rng.choice((f"{_ORDINALS[quarter]}-quarter", f"Q{quarter + 1}")),
        "half": rng.choice(("first-half", "half-year", "second-half")),
        "yr": str(year),
        "ny": str(year + 1),
        "month": rng.choice(_MONTHS[:4]),
        "month2": rng.choice(_MONTHS[4:]),
        "day": rng.choice(_DAYS),
        "N": f"{rng.randrange(1100, 60000):,}",
        "N2": f"{rng.randrange(1100, 60000):,}",
        "n2": f"{rng.randrange(200, 1000)}",
        "ehi": coin.format(f"{0.45 + rng.random():.2f}"),
        "elo": coin.format(f"{rng.uniform(0.05, 0.4):.2f}"),
        "shi": f"${share * rng.uniform(1.1, 1.4):.2f}",
        "slo": f"${share:.2f}",
    }
