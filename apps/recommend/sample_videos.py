"""The sample videos: every one joins a topic and a form that were written by hand."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from core.rows import Row, read_rows

OPENED = datetime(2025, 2, 1, tzinfo=UTC)
CLOSED = datetime(2026, 8, 25, tzinfo=UTC)
CATEGORY_ZH = {
    "cooking": "美食",
    "travel": "旅行",
    "science": "科学",
    "coding": "编程",
    "music": "音乐",
    "fitness": "健身",
    "history": "历史",
    "gaming": "游戏",
    "diy": "手工",
    "languages": "语言",
    "gardening": "园艺",
    "photography": "摄影",
}
BEFORE_LATIN = re.compile(r"(?<=[一-鿿])(?=[A-Za-z0-9])")
AFTER_LATIN = re.compile(r"(?<=[A-Za-z0-9])(?=[一-鿿])")
Video = dict[str, object]


@dataclass(frozen=True)
class Catalogue:
    """How many videos: the first `topics` of each category, each in `kept` of the category's first
    `forms`, and `at_most` so many of these, drawn. There are 36 topics and 14 forms of each."""

    topics: int = 10
    forms: int = 8
    kept: int = 5
    at_most: int | None = None


LARGEST = Catalogue(topics=36, forms=14, kept=12)
MOST_VIDEOS = LARGEST.topics * LARGEST.kept * len(CATEGORY_ZH)


def catalogue_of(videos: int) -> Catalogue:
    """The shipped one for its 600, otherwise so many drawn from all that the parts give."""
    default = Catalogue()
    if videos == default.topics * default.kept * len(CATEGORY_ZH):
        return default
    return replace(LARGEST, at_most=videos)


def videos(folder: Path, *, seed: int, catalogue: Catalogue = Catalogue()) -> list[Video]:
    """Videos from `topics.tsv` and `angles.tsv`: 600 by default.

    Deterministic for a seed; ordered and numbered by the time of publication.
    """
    topics = list(read_rows(folder / "topics.tsv", required=("topic", "category")))
    angles = list(read_rows(folder / "angles.tsv", required=("title", "category")))
    rng = np.random.default_rng(seed)
    pairs = [
        pair for category in CATEGORY_ZH for pair in _pairs(topics, angles, category, catalogue)
    ]
    if catalogue.at_most is not None and catalogue.at_most < len(pairs):
        chosen = np.sort(rng.choice(len(pairs), size=catalogue.at_most, replace=False))
        pairs = [pairs[place] for place in chosen]
    seconds = int((CLOSED - OPENED).total_seconds())
    moments = np.sort(rng.integers(0, seconds, size=len(pairs)))
    order = rng.permutation(len(pairs))
    episodes: Counter[str] = Counter()
    made = []
    for number, (place, moment) in enumerate(zip(order, moments, strict=True), start=1):
        topic, angle = pairs[place]
        published = OPENED + timedelta(seconds=int(moment) // 60 * 60)
        minutes = int(angle.text("minutes")) * rng.uniform(0.8, 1.25)
        series = angle.text("series") or None
        if series:
            episodes[series] += 1
        made.append(
            {
                "item_id": f"v{number:04d}",
                **_words(topic.values, angle.values),
                "categories": [topic.text("category")],
                "series": series,
                "episode": episodes[series] if series else None,
                "duration_seconds": int(minutes * 60),
                "published_at": published.isoformat().replace("+00:00", "Z"),
            }
        )
    return made


def _pairs(
    topics: Sequence[Row], angles: Sequence[Row], category: str, catalogue: Catalogue
) -> list[tuple[Row, Row]]:
    ours = [topic for topic in topics if topic.text("category") == category][: catalogue.topics]
    forms = [angle for angle in angles if angle.text("category") == category][: catalogue.forms]
    # 5 has no common factor with 8 or 14, so every topic gets exactly `kept` of the forms.
    return [
        (topic, form)
        for row, topic in enumerate(ours)
        for column, form in enumerate(forms)
        if (5 * column + 3 * row) % len(forms) < catalogue.kept
    ]


def _words(topic: Mapping[str, object], angle: Mapping[str, object]) -> Video:
    name, name_zh = str(topic["topic"]), str(topic["topic_zh"])
    title = str(angle["title"]).replace("{topic}", name)
    title = title.replace("{Topic}", name[0].upper() + name[1:])
    return {
        "title": title,
        "title_zh": _spaced(str(angle["title_zh"]).replace("{topic}", name_zh)),
        "description": f"{topic['detail']} {angle['sentence']}",
        "description_zh": _spaced(f"{topic['detail_zh']}{angle['sentence_zh']}"),
        "tags": [*str(topic["tags"]).split(","), str(angle["tag"])],
    }


def _spaced(text: str) -> str:
    """Chinese text with a space wherever it meets Latin letters or digits."""
    return BEFORE_LATIN.sub(" ", AFTER_LATIN.sub(" ", text))
