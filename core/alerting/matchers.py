"""Label matchers with the meaning and the syntax of Alertmanager.

A label that is missing counts as the empty string. Regular expressions are anchored on both
ends.
"""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

from core.errors import BadInput

LIMIT = 500
SYNTAX = re.compile(
    r"\s*(?P<name>[a-zA-Z_][a-zA-Z0-9_]*)\s*(?P<op>=~|!~|!=|=)\s*"
    r'(?:"(?P<quoted>(?:[^"\\]|\\.)*)"|(?P<bare>[^\s,"{}]*))\s*(?:,|$)'
)
ESCAPES = {"n": "\n", '"': '"', "\\": "\\"}


class Operator(StrEnum):
    EQUAL = "="
    NOT_EQUAL = "!="
    MATCH = "=~"
    NOT_MATCH = "!~"


@dataclass(frozen=True)
class Matcher:
    """One comparison of one label; raises BadInput for a bad regular expression."""

    name: str
    operator: Operator
    value: str

    def __post_init__(self) -> None:
        if len(self.value) > LIMIT:
            raise BadInput(f"matcher on {self.name}: longer than {LIMIT} characters")
        if self.operator in (Operator.MATCH, Operator.NOT_MATCH):
            try:
                _compiled(self.value)
            except re.error as error:
                raise BadInput(f"matcher {self}: {error}") from error

    def __str__(self) -> str:
        quoted = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator.value}"{quoted}"'

    def matches(self, labels: Mapping[str, str]) -> bool:
        given = labels.get(self.name, "")
        match self.operator:
            case Operator.EQUAL:
                return given == self.value
            case Operator.NOT_EQUAL:
                return given != self.value
            case Operator.MATCH:
                return _compiled(self.value).fullmatch(given) is not None
            case Operator.NOT_MATCH:
                return _compiled(self.value).fullmatch(given) is None


def parse(text: str) -> tuple[Matcher, ...]:
    """Matchers from `severity="critical", key=~"acme|globex"`, with or without braces.

    Raises BadInput that names the column where the text stops making sense.
    """
    body = text.strip()
    if body.startswith("{") and body.endswith("}"):
        body = body[1:-1].strip()
    found: list[Matcher] = []
    position = 0
    while position < len(body):
        part = SYNTAX.match(body, position)
        if part is None:
            raise BadInput(
                f"cannot read the matcher {body[position:]!r}",
                column=text.find(body) + position + 1,
                remedy='write name="value" with =, !=, =~ or !~, separated by commas',
            )
        value = part["bare"] if part["quoted"] is None else _unescape(part["quoted"])
        found.append(Matcher(part["name"], Operator(part["op"]), value))
        position = part.end()
    return tuple(found)


def all_match(matchers: Collection[Matcher], labels: Mapping[str, str]) -> bool:
    """True for no matchers at all."""
    return all(matcher.matches(labels) for matcher in matchers)


def _unescape(text: str) -> str:
    return re.sub(r"\\(.)", lambda escape: ESCAPES.get(escape[1], escape[0]), text)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
