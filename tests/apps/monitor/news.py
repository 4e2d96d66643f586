"""Documents for tests, in words that the tiny model was trained on."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from apps.monitor.companies import Company
from apps.monitor.documents import Document

START = datetime(2025, 3, 3, tzinfo=UTC)
NOW = datetime(2025, 6, 1, tzinfo=UTC)
COMPANIES = (
    Company("acme", "Acme Steel", "极点钢铁", "ACMS", "metals", ("Acme Steelworks",), ("极点",)),
    Company("borea", "Borea Bank", "北风银行", "BORB", "bank"),
    Company(
        "apex", "Apex Robotics", "顶峰机器人", "APXR", "machinery", ("Apex",), (),
        ambiguous=frozenset({"Apex"}), context=frozenset({"robots", "robot"}),
    ),
)  # fmt: skip
FILLER = (
    "jacket", "shoes", "size", "gift", "card", "order", "parcel", "music", "game", "history",
    "travel", "cooking", "video", "film", "story", "watch", "learn", "return", "refund", "price",
    "record", "science", "late", "broken", "pay",
)  # fmt: skip


def document(
    title: str,
    *,
    at: datetime = START,
    name: str = "",
    body: str = "",
    source: str = "wire",
    language: str = "en",
) -> Document:
    """A document; its id is its name, or made from its title and time."""
    return Document(
        name or f"{at:%d%H%M%S}-{title}",
        at,
        source,
        title,
        body,
        "https://news.example/1",
        language,
    )


def headline(company: str, mood: str, rng: random.Random) -> str:
    """A headline of a mood about a company that resembles no other."""
    words = {
        "positive": rng.choice(("profit rises", "shares jumps")),
        "negative": rng.choice(("profit falls", "loss guidance cut")),
    }[mood]
    return f"{company} {words} {' '.join(rng.sample(FILLER, 2))} {rng.randrange(10**6)}"


def month(*, seed: int = 1, days: int = 12, shock_day: int = 10) -> list[Document]:
    """Usual news of two companies, and a shock of negative news of one of them."""
    rng = random.Random(seed)
    found = []
    for day in range(days):
        for company in ("Acme Steel", "Borea Bank"):
            for _ in range(rng.randrange(1, 4)):
                at = START + timedelta(days=day, seconds=rng.randrange(86400))
                mood = rng.choice(("positive", "negative"))
                found.append(document(headline(company, mood, rng), at=at))
    for number in range(12):
        at = START + timedelta(days=shock_day, hours=10, minutes=5 * number)
        found.append(document(headline("Acme Steel", "negative", rng), at=at))
    return sorted(found, key=lambda each: each.published_at)


def rows(documents: list[Document]) -> Iterator[tuple[int, dict[str, object]]]:
    """The documents as rows of a file."""
    for line, each in enumerate(documents, start=1):
        yield (
            line,
            {
                "id": each.id,
                "published_at": each.published_at.isoformat(),
                "source": each.source,
                "title": each.title,
                "body": each.body,
                "url": each.url,
                "language": each.language,
            },
        )
