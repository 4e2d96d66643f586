"""Articles of the knowledge base."""

import re
import unicodedata
from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime

from apps.support.slots import ORDER_SLOTS, check
from core.errors import BadInput

LANGUAGES = ("en", "zh")
ARTICLE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
MAX_QUESTION = 1_000
MAX_ANSWER = 20_000
MAX_VARIANTS = 500


@dataclass(frozen=True)
class ArticleText:
    """An article in one language; `variants` are other wordings of `question`."""

    question: str
    answer: str
    variants: tuple[str, ...] = ()

    @property
    def wordings(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((self.question, *self.variants)))


@dataclass(frozen=True)
class Article:
    """`texts` by language ("en", "zh")."""

    id: str
    category: str
    texts: Mapping[str, ArticleText] = field(default_factory=dict)
    updated_at: datetime | None = None


def check_article(article: Article, *, policies: Set[str]) -> None:
    """Raise `BadInput` for an article that could not be found or sent.

    `policies` names the slots that always have a value.
    """
    if ARTICLE_ID.fullmatch(article.id) is None:
        raise BadInput(
            f"{article.id[:40]!r} cannot be an article's id",
            field="id",
            remedy="use up to 100 letters, digits, dots, dashes and underscores",
        )
    if not article.texts:
        raise BadInput("the article has no text", remedy="give a question and an answer")
    for language, text in article.texts.items():
        if language not in LANGUAGES:
            raise BadInput(
                f"{language!r} is not a language of the knowledge base",
                field="language",
                remedy=f"use one of: {', '.join(LANGUAGES)}",
            )
        _check_text(text, policies=policies)


def _check_text(text: ArticleText, *, policies: Set[str]) -> None:
    for field_name, value, limit in (
        ("question", text.question, MAX_QUESTION),
        ("answer", text.answer, MAX_ANSWER),
        *(("variants", variant, MAX_QUESTION) for variant in text.variants),
    ):
        if not has_words(value):
            raise BadInput(f"the {field_name} has no words in it", field=field_name)
        if len(value) > limit:
            raise BadInput(
                f"the {field_name} has {len(value)} characters, more than {limit}",
                field=field_name,
            )
    if len(text.variants) > MAX_VARIANTS:
        raise BadInput(f"more than {MAX_VARIANTS} variants", field="variants")
    check(text.answer, always=policies, sometimes=frozenset(ORDER_SLOTS))


def has_words(text: str) -> bool:
    """Whether there is a letter or digit in it."""
    return any(unicodedata.category(character)[0] in "LN" for character in text)
