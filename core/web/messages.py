"""Texts of the pages in English and Chinese, and which of them a request gets.

A catalogue is `locale/<language>.json`, one flat object: `{"login.title": "Sign in"}`. Values may
have `{name}` slots, which are filled by name and never parsed again. Applications' catalogues are
laid over the core's.
"""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from fastapi import Request

LANGUAGES = ("en", "zh")
NAMES = {"en": "English", "zh": "中文"}
COOKIE = "tripod_language"
SLOT = re.compile(r"\{([a-z_]+)\}")

Catalogue = Mapping[str, str]


def load_catalogues(folders: Iterable[Path]) -> dict[str, Catalogue]:
    """The catalogue of each language; later folders win."""
    catalogues: dict[str, dict[str, str]] = {language: {} for language in LANGUAGES}
    for folder in folders:
        for language in LANGUAGES:
            path = folder / f"{language}.json"
            if path.exists():
                catalogues[language].update(json.loads(path.read_text(encoding="utf-8")))
    return dict(catalogues)


def translate(catalogue: Catalogue, key: str, values: Mapping[str, object]) -> str:
    """The text of `key` with its slots filled. A key that is missing is a KeyError."""
    return SLOT.sub(lambda slot: str(values[slot.group(1)]), catalogue[key])


def language_of(request: Request) -> str:
    """By `?lang=`, then the cookie, then Accept-Language, then English."""
    for asked in (request.query_params.get("lang"), request.cookies.get(COOKIE)):
        if asked in LANGUAGES:
            return str(asked)
    return preferred(request.headers.get("accept-language", ""))


def preferred(header: str) -> str:
    """The best language for an Accept-Language header (RFC 9110, 12.5.4)."""
    best, best_quality = LANGUAGES[0], 0.0
    for part in header.split(","):
        tag, _, parameters = part.partition(";")
        language = tag.strip().lower().split("-")[0]
        quality = _quality(parameters)
        if language in LANGUAGES and quality > best_quality:
            best, best_quality = language, quality
    return best


def _quality(parameters: str) -> float:
    match = re.search(r"q\s*=\s*([01](?:\.\d{0,3})?)", parameters)
    return float(match.group(1)) if match else 1.0
