"""Immutable model artefacts named by their content, and which one serves under which name."""

import hashlib
import os
import shutil
import uuid
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from core.errors import ArtefactCorrupt, BadInput, Conflict, NotFound
from core.models.gate import check_promotion
from core.models.manifest import FILE_NAME, Manifest
from core.models.promotions import Promotion, PromotionLog, serving

VERSION_LENGTH = 16


@dataclass(frozen=True)
class Artefact:
    path: Path
    manifest: Manifest


class Registry:
    """Artefacts under `root/artefacts/<version>`, the promotion log in `root/promotions.jsonl`."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.log = PromotionLog(root / "promotions.jsonl")

    def staging(self) -> Path:
        """A new empty folder on the registry's disk, to be filled and given to `add`."""
        folder = self.root / "staging" / uuid.uuid4().hex
        folder.mkdir(parents=True)
        return folder

    def add(self, folder: Path, manifest: Manifest) -> Manifest:
        """Move a staged folder in; its version is the hash of its files and its manifest.

        The folder appears whole or not at all. Adding the same content again changes nothing.
        """
        final = named_by_content(folder, manifest)
        version = final.version
        (folder / FILE_NAME).write_text(final.to_json(), encoding="utf-8")
        for path in folder.rglob("*"):
            _sync(path)
        target = self._folder(version)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(folder)
        else:
            folder.rename(target)
            _sync(target.parent)
        return final

    def open(self, version: str) -> Artefact:
        """The artefact with every checksum verified.

        Raises `NotFound`, or `ArtefactCorrupt` naming the file that differs.
        """
        artefact = self.describe(version)
        for name, expected in artefact.manifest.files.items():
            path = artefact.path / name
            if not path.is_file():
                raise ArtefactCorrupt(f"model {version}: the file {name} is missing")
            if sha256_of(path) != expected:
                raise ArtefactCorrupt(f"model {version}: the file {name} was changed or damaged")
        return artefact

    def describe(self, version: str) -> Artefact:
        """The artefact with its manifest read and its files unread."""
        folder = self._folder(version)
        if not folder.is_dir():
            raise NotFound(f"there is no model {version}: see `tripod models list`")
        return Artefact(folder, Manifest.read(folder))

    def resolve(self, reference: str) -> str:
        """A version from a version, its unambiguous beginning (4 or more), or a name in use."""
        if self._folder(reference).is_dir():
            return reference
        current = self.current(reference)
        if current is not None:
            return current
        found = [version for version in self.versions() if version.startswith(reference)]
        if len(reference) >= 4 and len(found) == 1:
            return found[0]
        raise NotFound(f'there is no model "{reference}": see `tripod models list`')

    def versions(self) -> list[str]:
        folder = self.root / "artefacts"
        if not folder.is_dir():
            return []
        return sorted(path.name for path in folder.iterdir() if (path / FILE_NAME).is_file())

    def promote(
        self, name: str, version: str, *, now: datetime, metric: str = "", force: bool = False
    ) -> Promotion:
        """Let `version` serve under `name`, unless it is worse than the one in use.

        `metric` is the held-out metric that may not fall (empty: the first both have). Raises
        `PromotionRefused` with the reasons; `force` records that the gate was passed over.
        Promoting what already serves changes nothing.
        """
        artefact = self.open(version)
        with self.log.locked():
            current = self.current(name)
            if current == version:
                return self.log.entries(name)[-1]
            if current is not None and not force:
                check_promotion(artefact.manifest, self.describe(current).manifest, metric=metric)
            reason = "forced past the gate" if force else "passed the gate"
            entry = Promotion(name, version, now, "promote", reason)
            self.log.append(entry)
        return entry

    def rollback(self, name: str, *, now: datetime) -> Promotion:
        """Serve again what served before; raises `Conflict` where there is nothing before."""
        with self.log.locked():
            stack = serving(self.log.entries(name))
            if len(stack) < 2:
                raise Conflict(f'"{name}" has no earlier version to return to')
            self.open(stack[-2])
            entry = Promotion(name, stack[-2], now, "rollback", f"away from {stack[-1]}")
            self.log.append(entry)
        return entry

    def current(self, name: str) -> str | None:
        stack = serving(self.log.entries(name))
        return stack[-1] if stack else None

    def at(self, name: str, when: datetime) -> str | None:
        """What served under `name` at a moment."""
        entries = [entry for entry in self.log.entries(name) if entry.at <= when]
        return entries[-1].version if entries else None

    def history(self, name: str) -> list[Promotion]:
        return self.log.entries(name)

    def names(self) -> list[str]:
        return sorted({entry.name for entry in self.log.entries()})

    def _folder(self, version: str) -> Path:
        if not version or not version.replace("-", "").replace("_", "").isalnum():
            raise BadInput(f'"{version}" is no version of a model', field="version")
        return self.root / "artefacts" / version


def named_by_content(folder: Path, manifest: Manifest) -> Manifest:
    """The manifest with the checksums of the folder's files, and the version they give it."""
    files = {
        str(path.relative_to(folder)): sha256_of(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != FILE_NAME
    }
    described = replace(manifest, files=files, version="")
    version = hashlib.sha256(described.to_json().encode()).hexdigest()[:VERSION_LENGTH]
    return replace(described, version=version)


def sha256_of(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
