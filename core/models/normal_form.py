"""One form for texts that mean the same: full-width forms, traditional characters, emoji.

Every text takes this form before it is cut into tokens, in training and in serving, whatever the
base model. ASCII texts are returned as they are.
"""

import re
import unicodedata
from functools import lru_cache

from opencc import OpenCC

# The basic block and extension A: where the characters of running text are.
HAN = "\u3400-\u4dbf\u4e00-\u9fff"
# Joiners, variation selectors, skin tones and tags change how an emoji looks, not what it says.
APPEARANCE = re.compile(
    "[\u200b-\u200f\u2060\u20e3\ufe00-\ufe0f\ufeff\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]"
)
# Chinese brackets without a compatibility form.
BRACKETS = str.maketrans("【】〖〗〔〕", "[][][]")
EMOJI_RUN = re.compile("([\u2600-\u27bf\U0001f300-\U0001faff])\\1+")


def normal_form(text: str) -> str:
    """NFKC and plain brackets, traditional characters as simplified ones (OpenCC `t2s`), no signs
    that only change an emoji's looks, one emoji for a row of the same, "?" for lone surrogates."""
    if text.isascii():
        return text
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = APPEARANCE.sub("", unicodedata.normalize("NFKC", text))
    text = text.translate(BRACKETS)
    text = EMOJI_RUN.sub(r"\1", text)
    return _simplifier().convert(text) if _traditional().search(text) else text


@lru_cache(maxsize=1)
def _simplifier() -> OpenCC:
    return OpenCC("t2s")


@lru_cache(maxsize=1)
def _traditional() -> re.Pattern[str]:
    """Characters that the conversion changes when they stand alone."""
    every = [chr(code) for code in (*range(0x3400, 0x4DC0), *range(0x4E00, 0xA000))]
    simplified = _simplifier().convert("\n".join(every)).split("\n")
    changed = [one for one, other in zip(every, simplified, strict=True) if one != other]
    return re.compile(f"[{''.join(changed)}]")
