"""Which of the configured languages a text is in, or "und" when that cannot be said.

The script decides first: langdetect alone calls two Chinese characters Korean. Texts in Latin
letters are then compared with langdetect's profiles of the languages that use them, by naive Bayes
over each n-gram once. (langdetect itself draws n-grams at random until it is sure of something,
which makes a short English question Romanian.) Equal texts give equal answers.
"""

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
from numpy.typing import NDArray

UNDETERMINED = "und"
LATIN_PROFILES = (
    "af", "cs", "da", "de", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "lt", "lv", "nl",
    "no", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "tr", "vi",
)  # fmt: skip
LOOK_AT = 600
# One Han character says about as much as this many Latin letters.
HAN_WEIGHT = 3
SURE = 0.5
PRIOR = 100.0
SMOOTHING = 1e-5
# Bigrams and trigrams of one place repeat each other's evidence.
OVERLAP = 4.0
# Short words that no other language of the profiles has; one is worth a factor of 12.
COMMON_WORDS = {
    "en": frozenset(
        (
            "the", "and", "my", "your", "you", "with", "not", "have", "has", "are", "this", "that",
            "from", "would", "could", "should", "please", "want", "need", "get", "what", "how",
            "when", "where", "why", "which", "who", "can", "don", "does", "did", "is", "it", "i",
        )
    )
}  # fmt: skip
WORD_EVIDENCE = 2.5


def detect(text: str, *, languages: Sequence[str] = ("en", "zh")) -> str:
    """One of `languages`, or "und"."""
    scripts = _scripts(text[:LOOK_AT])
    total = sum(scripts.values())
    if total == 0:
        return UNDETERMINED
    if scripts["kana"] or scripts["HANGUL"]:
        return UNDETERMINED
    if scripts["CJK"] * HAN_WEIGHT >= scripts["LATIN"] and scripts["CJK"] * 2 * HAN_WEIGHT > total:
        return "zh" if "zh" in languages else UNDETERMINED
    if scripts["LATIN"] * 2 > total:
        return _latin(text[:LOOK_AT], languages=tuple(languages))
    return UNDETERMINED


def _scripts(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            script = unicodedata.name(character, "?").split(" ", 1)[0]
            counts["kana" if script in ("HIRAGANA", "KATAKANA") else script] += 1
    return counts


def _latin(text: str, *, languages: tuple[str, ...]) -> str:
    wanted = [language for language in languages if language in LATIN_PROFILES]
    if not wanted:
        return UNDETERMINED
    found = _posterior(text, wanted=wanted)
    best = max(wanted, key=found.__getitem__)
    return best if found[best] >= SURE else UNDETERMINED


def _posterior(text: str, *, wanted: Sequence[str]) -> dict[str, float]:
    """Probability of each Latin-script language, the configured ones `PRIOR` times as likely."""
    profiles = _profiles()
    words = "".join(character if character.isalpha() else " " for character in text.lower()).split()
    rows = [profiles.rows[gram] for gram in _ngrams(words) if gram in profiles.rows]
    scores = profiles.evidence[rows].sum(axis=0) / OVERLAP
    for column, name in enumerate(profiles.languages):
        own_words = sum(word in COMMON_WORDS.get(name, ()) for word in words)
        scores[column] += own_words * WORD_EVIDENCE + (math.log(PRIOR) if name in wanted else 0.0)
    weights = np.exp(scores - scores.max())
    return dict(zip(profiles.languages, (weights / weights.sum()).tolist(), strict=True))


def _ngrams(words: Sequence[str]) -> list[str]:
    spaced = f" {' '.join(words)} "
    return [spaced[start : start + n] for n in (2, 3) for start in range(len(spaced) - n + 1)]


@dataclass(frozen=True)
class _Profiles:
    """`evidence` is (n-grams, languages): log probability by the n-gram's length."""

    languages: tuple[str, ...]
    rows: dict[str, int]
    evidence: NDArray[np.float64]


@lru_cache(maxsize=1)
def _profiles() -> _Profiles:
    factory = DetectorFactory()
    factory.load_json_profile(
        [(Path(PROFILES_DIRECTORY) / name).read_text(encoding="utf-8") for name in LATIN_PROFILES]
    )
    grams = {
        gram: found for gram, found in factory.word_lang_prob_map.items() if len(gram) in (2, 3)
    }
    lengths = np.array([[len(gram)] for gram in grams])
    evidence = np.log(np.array(list(grams.values())) + SMOOTHING) * lengths
    rows = {gram: row for row, gram in enumerate(grams)}
    return _Profiles(tuple(factory.langlist), rows, evidence)
