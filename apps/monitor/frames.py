"""Frames: headlines about a figure that moves, made into patterns of either sentiment.

Whether a rise is good depends on the figure: profit or loss, orders or complaints. Each frame is
filled with measures of both polarities and verbs of both directions, so that neither the verb nor
the measure gives the sentiment away.
"""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from apps.monitor.wording import Pattern

PER_SENTIMENT = 4

Words = Mapping[str, Sequence[str]]


def read_frames(folder: Path, *, seed: int) -> tuple[Pattern, ...]:
    """Patterns made from `frames.<language>.txt` and `frames.json`; a frame is one group."""
    words: Mapping[str, Words] = json.loads((folder / "frames.json").read_text(encoding="utf-8"))
    rng = random.Random(seed)
    patterns: list[Pattern] = []
    for language in ("en", "zh"):
        lines = (folder / f"frames.{language}.txt").read_text(encoding="utf-8").splitlines()
        kept = [line for line in lines if line and not line.startswith("# ")]
        for place, line in enumerate(kept, start=1):
            topic, text = line.split("|")
            for sentiment, filled in _moves(text, words[language], rng):
                group = f"{language}-f{place:02d}"
                patterns.append(Pattern(group, language, sentiment, topic, filled, frozenset()))
    return tuple(patterns)


def _moves(text: str, words: Words, rng: random.Random) -> Iterator[tuple[str, str]]:
    for sentiment in ("positive", "negative"):
        for number in range(PER_SENTIMENT):
            good = number % 4 != 3
            rises = good == (sentiment == "positive")
            polarity = "good" if good else "bad"
            # A ratio or a number of things cannot stand beside amounts of money.
            ratios = () if "{b}" in text else words[f"{polarity}_ratio"]
            measure = rng.choice((*words[polarity], *ratios))
            # The later amount {b} is the larger one where the figure rises.
            earlier, later = ("{lo}", "{hi}") if rises else ("{hi}", "{lo}")
            slots = {
                "{m}": measure,
                "{M}": measure[0].upper() + measure[1:],
                "{m2}": measure[0].upper() + measure[1:],
                "{v}": rng.choice(words["up" if rises else "down"]),
                "{w}": rng.choice(words["w_up" if rises else "w_down"]),
                "{a}": earlier,
                "{b}": later,
                "{py0}": "a year earlier",
            }
            filled = text
            for slot, value in slots.items():
                filled = filled.replace(slot, value)
            yield sentiment, filled
