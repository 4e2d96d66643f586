"""Companies named in a text: one pass of a dictionary automaton, then word boundaries and context.

Relevance follows the usual reading of a newswire: a company in the headline is the subject, the
first one more so; a company named only further down is a passing mention.
"""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ahocorasick_rs import AhoCorasick, MatchKind

from core.errors import BadInput
from core.rows import read_rows

HEADLINE_FIRST = 100
HEADLINE_LATER = 70
BODY_FIRST_SENTENCE = 50
BODY_LATER = 20
REPEATED_MENTION = 5
_WORD = re.compile(r"[a-z0-9]+")


@dataclass(frozen=True)
class Company:
    """A company that is watched; `country` is that of its listing (ISO 3166), empty if unknown.

    `ambiguous` are aliases that are also plain words (such as "Apex"): they count only where a
    word of `context` or another name of the company stands in the same text.
    """

    id: str
    name_en: str
    name_zh: str
    ticker: str
    sector: str
    aliases_en: tuple[str, ...] = ()
    aliases_zh: tuple[str, ...] = ()
    ambiguous: frozenset[str] = frozenset()
    context: frozenset[str] = frozenset()
    country: str = ""

    def names(self) -> tuple[str, ...]:
        """Every spelling that may stand in a text, the ticker with and without its dollar sign."""
        spelled = (self.name_en, self.name_zh, *self.aliases_en, *self.aliases_zh)
        return tuple(dict.fromkeys(name for name in (*spelled, self.ticker) if name))


@dataclass(frozen=True)
class Mention:
    """A company in a document; `relevance` is 1 to 100, 100 being the subject of the headline."""

    company_id: str
    relevance: int
    spellings: tuple[str, ...]


def read_companies(path: Path) -> tuple[Company, ...]:
    """The watched companies of a file with columns id, name_en, name_zh, ticker, sector, country,
    aliases_en, aliases_zh, ambiguous, context; raises `BadInput`."""
    companies = []
    seen: set[str] = set()
    for row in read_rows(path, required=("id", "name_en")):
        company = Company(
            id=row.text("id"),
            name_en=row.text("name_en"),
            name_zh=row.text("name_zh"),
            ticker=row.text("ticker"),
            sector=row.text("sector"),
            country=row.text("country"),
            aliases_en=_names(row.values.get("aliases_en")),
            aliases_zh=_names(row.values.get("aliases_zh")),
            ambiguous=frozenset(_names(row.values.get("ambiguous"))),
            context=frozenset(name.lower() for name in _names(row.values.get("context"))),
        )
        if not company.id or company.id in seen:
            raise BadInput(
                "the id is empty or stands twice", file=str(path), line=row.line, column="id"
            )
        seen.add(company.id)
        companies.append(company)
    return tuple(companies)


def _names(value: object) -> tuple[str, ...]:
    """A JSON list, or its text in a CSV cell, or names separated by semicolons."""
    if isinstance(value, str) and value.startswith("["):
        value = json.loads(value)
    if isinstance(value, list):
        return tuple(str(name) for name in value if str(name).strip())
    return tuple(name.strip() for name in str(value or "").split(";") if name.strip())


class Dictionary:
    """All spellings of all companies in one automaton; finding takes one pass over the text."""

    def __init__(self, companies: Iterable[Company]) -> None:
        self.companies = {company.id: company for company in companies}
        self._spellings: list[tuple[str, str]] = []
        for company in self.companies.values():
            self._spellings += [(name, company.id) for name in company.names()]
        self._automaton = AhoCorasick(
            [name.lower() for name, _ in self._spellings] or ["\0"],
            matchkind=MatchKind.Standard,
        )

    def find(self, title: str, body: str = "") -> tuple[Mention, ...]:
        """The companies in a document, the most relevant first; equal ones in order of mention."""
        headline = self._spans(title)
        text = self._spans(body)
        whole = f"{title} {body}".lower()
        words = frozenset(_WORD.findall(whole))
        sure = {company for _, name, company in (*headline, *text) if self._is_sure(name, company)}

        def holds(company: str) -> bool:
            return company in sure or any(
                word in words if word.isascii() else word in whole
                for word in self.companies[company].context
            )

        first_stop = _first_stop(body)
        found: dict[str, list[tuple[int, str]]] = {}
        subjects = 0
        for _, name, company in headline:
            if holds(company):
                subjects += company not in found
                weight = HEADLINE_FIRST if subjects == 1 else HEADLINE_LATER
                found.setdefault(company, []).append((weight, name))
        for start, name, company in text:
            if holds(company):
                weight = BODY_FIRST_SENTENCE if start < first_stop else BODY_LATER
                found.setdefault(company, []).append((weight, name))
        mentions = [_mention(company, hits) for company, hits in found.items()]
        return tuple(sorted(mentions, key=lambda mention: -mention.relevance))

    def _is_sure(self, name: str, company: str) -> bool:
        return name not in self.companies[company].ambiguous

    def _spans(self, text: str) -> list[tuple[int, str, str]]:
        """(start, spelling, company) of the longest matches that stand as words."""
        lowered = text.lower()
        if len(lowered) != len(text):
            # A few characters change length when lowered; positions must fit the original.
            lowered = "".join(low if len(low := c.lower()) == 1 else c for c in text)
        hits = []
        for index, start, end in self._automaton.find_matches_as_indexes(lowered, overlapping=True):
            name, company = self._spellings[index]
            if _stands_alone(text, start, end) and _case_fits(name, text[start:end], company, self):
                hits.append((start, -end, name, company))
        hits.sort()
        kept: list[tuple[int, str, str]] = []
        covered = 0
        for start, negative_end, name, company in hits:
            if start >= covered:
                kept.append((start, name, company))
                covered = -negative_end
        return kept


def _mention(company: str, hits: Sequence[tuple[int, str]]) -> Mention:
    best = max(weight for weight, _ in hits)
    # However often the body names it, a company is not one of the headline.
    most = HEADLINE_FIRST if best >= HEADLINE_LATER else HEADLINE_LATER - 1
    relevance = min(most, best + REPEATED_MENTION * (len(hits) - 1))
    return Mention(company, relevance, tuple(dict.fromkeys(name for _, name in hits)))


def _stands_alone(text: str, start: int, end: int) -> bool:
    """Latin names need word boundaries; Chinese is written without any."""
    return not (
        (start > 0 and _is_latin(text[start]) and _is_latin(text[start - 1]))
        or (end < len(text) and _is_latin(text[end - 1]) and _is_latin(text[end]))
    )


def _is_latin(character: str) -> bool:
    return character.isalnum() and character < "⺀"


def _case_fits(name: str, found: str, company: str, dictionary: Dictionary) -> bool:
    """A ticker is written in capitals; an alias that is a plain word starts with one where its
    script has them."""
    owner = dictionary.companies[company]
    if name == owner.ticker:
        return found == name
    return name not in owner.ambiguous or not found[:1].islower()


def _first_stop(body: str) -> int:
    stop = re.search(r"[.!?。!?](\s|$)|[。!?]", body)
    return stop.end() if stop else len(body)
