"""Which of the configured languages a text is in, or "und" when that cannot be said.

The script decides first: langdetect alone calls two Chinese characters Korean and a short English
question Romanian. Only texts in Latin letters go on to langdetect (seeded, Latin-script profiles
alone, and the configured languages weighing more the shorter the text is).
"""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from langdetect.detector_factory import PROFILES_DIRECTORY, DetectorFactory
from langdetect.lang_detect_exception import LangDetectException

UNDETERMINED = "und"
LATIN_PROFILES = (
    "af", "cs", "da", "de", "en", "es", "et", "fi", "fr", "hr", "hu", "id", "it", "lt", "lv", "nl",
    "no", "pl", "pt", "ro", "sk", "sl", "sq", "sv", "tr", "vi",
)  # fmt: skip
LOOK_AT = 600
# One Han character says about as much as this many Latin letters.
HAN_WEIGHT = 3
SURE = 0.5


def detect(text: str, *, languages: Sequence[str] = ("en", "zh")) -> str:
    """One of `languages`, or "und". Deterministic: equal texts give equal answers."""
    scripts = _scripts(text[:LOOK_AT])
    total = sum(scripts.values())
    if total == 0:
        return UNDETERMINED
    if scripts["kana"] or scripts["HANGUL"]:
        return UNDETERMINED
    if scripts["CJK"] * HAN_WEIGHT > scripts["LATIN"] and scripts["CJK"] * 2 * HAN_WEIGHT > total:
        return "zh" if "zh" in languages else UNDETERMINED
    if scripts["LATIN"] * 2 > total:
        return _latin(text[:LOOK_AT], letters=scripts["LATIN"], languages=tuple(languages))
    return UNDETERMINED


def _scripts(text: str) -> Counter[str]:
    counts: Counter[str] = Counter()
    for character in text:
        if character.isalpha():
            script = unicodedata.name(character, "?").split(" ", 1)[0]
            counts["kana" if script in ("HIRAGANA", "KATAKANA") else script] += 1
    return counts


def _latin(text: str, *, letters: int, languages: tuple[str, ...]) -> str:
    wanted = [language for language in languages if language in LATIN_PROFILES]
    if not wanted:
        return UNDETERMINED
    detector = _factory().create()
    # 20 letters say little, 200 say enough: the prior of the configured languages fades.
    weight = max(1.0, 1000.0 / max(letters, 1))
    detector.set_prior_map({name: weight if name in wanted else 1.0 for name in LATIN_PROFILES})
    detector.append(text)
    try:
        found = {guess.lang: guess.prob for guess in detector.get_probabilities()}
    except LangDetectException:
        return UNDETERMINED
    best = max(wanted, key=lambda language: found.get(language, 0.0))
    return best if found.get(best, 0.0) >= SURE else UNDETERMINED


@lru_cache(maxsize=1)
def _factory() -> DetectorFactory:
    factory = DetectorFactory()
    factory.set_seed(0)
    profiles = [
        (Path(PROFILES_DIRECTORY) / name).read_text(encoding="utf-8") for name in LATIN_PROFILES
    ]
    factory.load_json_profile(profiles)
    return factory
