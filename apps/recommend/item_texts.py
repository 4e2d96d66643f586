"""The text of an item: what the encoder reads, and the vectors of an items file."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from apps.recommend.settings import RecommendSettings
from core.errors import Unavailable
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.rows import read_rows

TEXT_MODEL = "recommend"


def item_text(*, title: str, description: str, tags: Sequence[str]) -> str:
    """Title, tags and description in that order, so that a cut text keeps what says most."""
    parts = (title.strip(), ", ".join(tags), description.strip())
    return ". ".join(part for part in parts if part)


def text_vectors(
    path: Path,
    *,
    item_ids: Sequence[str],
    columns: Mapping[str, str],
    settings: RecommendSettings,
) -> NDArray[np.float32]:
    """Unit vectors (item_ids, dimension) by the trained encoder; zero for items not in the file."""
    registry = Registry(settings.home / "registry")
    version = registry.current(TEXT_MODEL)
    if version is None:
        raise Unavailable('there is no text model yet: run "tripod recommend train" first')
    model = TextModel.load(registry.open(version).path)
    rows = {item: row for row, item in enumerate(item_ids)}
    found = {
        row.text("item_id"): item_text(
            title=row.text("title"),
            description=row.text("description"),
            tags=split_list(row.values.get("tags") or row.values.get("genres")),
        )
        for row in read_rows(path, required=("item_id", "title"), columns=columns)
        if row.text("item_id") in rows
    }
    vectors = np.zeros((len(item_ids), model.dimension), dtype=np.float32)
    if found:
        vectors[[rows[item] for item in found]] = model.encode(list(found.values()))
    return vectors


def split_list(value: object) -> list[str]:
    """A list of words from a JSON list or from text cut at "|" or ";"."""
    if value is None:
        return []
    if isinstance(value, list | tuple):
        return [str(part).strip() for part in value if str(part).strip()]
    return [part.strip() for part in str(value).replace(";", "|").split("|") if part.strip()]
