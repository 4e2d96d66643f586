"""What a model artefact says of itself; `manifest.json` in the artefact's folder."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from core.errors import ArtefactCorrupt

FILE_NAME = "manifest.json"
SCHEMA = 1

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


@dataclass(frozen=True)
class HeadSpec:
    """A classification head: its labels in the order of the logits, and its temperature."""

    labels: tuple[str, ...]
    multi_label: bool = False
    temperature: float = 1.0


@dataclass(frozen=True)
class Sample:
    """A stored prediction that a server replays before it trusts the artefact.

    `embedding` holds the first components of the unit vector; `probabilities` those of each
    head.
    """

    text: str
    embedding: tuple[float, ...]
    probabilities: Mapping[str, tuple[float, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """Immutable description of an artefact; `version` is given by its content on adding.

    `reads` are the languages that the base model was taught, empty where that is not known; a text
    with a larger share of tokens it cannot read than `unknown_limit` is refused.
    `kind` is "text-model" or "ranker"; `metrics` are those of the artefact as served, on the
    held-out part; `extra` holds what the application needs to serve (calibration, bands).
    """

    kind: str
    name: str
    created_at: str
    version: str = ""
    base: str = ""
    base_sha256: str = ""
    data_sha256: str = ""
    data_licence: str = ""
    languages: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()
    unknown_limit: float = 0.2
    seed: int = 0
    code_revision: str = ""
    method: str = ""
    max_length: int = 256
    dimension: int = 0
    runtime: str = ""
    heads: Mapping[str, HeadSpec] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    thresholds: Mapping[str, float] = field(default_factory=dict)
    per_class: Mapping[str, float] = field(default_factory=dict)
    samples: tuple[Sample, ...] = ()
    files: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Json] = field(default_factory=dict)

    def to_json(self) -> str:
        body: dict[str, Any] = {"schema": SCHEMA, **asdict(self)}
        return json.dumps(body, ensure_ascii=False, indent=2, sort_keys=True) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Raises `ArtefactCorrupt` when the text is no manifest of a schema known here."""
        try:
            body = json.loads(text)
            if body.pop("schema") != SCHEMA:
                raise ArtefactCorrupt("the manifest has a schema that this version cannot read")
            body["heads"] = {
                name: HeadSpec(tuple(head["labels"]), head["multi_label"], head["temperature"])
                for name, head in body["heads"].items()
            }
            body["languages"] = tuple(body["languages"])
            body["reads"] = tuple(body.get("reads", ()))
            body["samples"] = tuple(
                Sample(
                    sample["text"],
                    tuple(sample["embedding"]),
                    {name: tuple(row) for name, row in sample["probabilities"].items()},
                )
                for sample in body["samples"]
            )
            return cls(**body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise ArtefactCorrupt(f"the manifest cannot be read: {error}") from error

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The manifest of an artefact folder; `ArtefactCorrupt` where there is none."""
        try:
            text = (folder / FILE_NAME).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ArtefactCorrupt(f"no readable manifest in {folder.name}: {error}") from error
        return cls.from_json(text)

    def with_extra(self, **extra: Json) -> Self:
        return replace(self, extra={**self.extra, **extra})
