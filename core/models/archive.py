"""One file for one artefact: a gzipped tar whose content must hash to its version."""

import tarfile
from pathlib import Path, PurePosixPath

from core.errors import ArtefactCorrupt, BadInput
from core.models.manifest import FILE_NAME, Manifest
from core.models.registry import Artefact, Registry, named_by_content

LARGEST_BYTES = 8 * 1024**3


def export_artefact(artefact: Artefact, target: Path) -> int:
    """Write the artefact to `target`; returns its size in bytes."""
    partial = target.with_name(f".{target.name}.partial")
    with tarfile.open(partial, "w:gz") as archive:
        for name in [FILE_NAME, *sorted(artefact.manifest.files)]:
            archive.add(artefact.path / name, arcname=name, recursive=False)
    partial.replace(target)
    return target.stat().st_size


def import_artefact(registry: Registry, source: Path) -> Manifest:
    """Add the artefact in `source`. Raises `BadInput` or `ArtefactCorrupt`, adding nothing."""
    if not source.is_file():
        raise BadInput(f"there is no file {source}", file=str(source), remedy="check the path")
    staging = registry.staging()
    try:
        with tarfile.open(source, "r:gz") as archive:
            members = archive.getmembers()
            if sum(member.size for member in members) > LARGEST_BYTES:
                raise BadInput("the archive is larger than any model", file=str(source))
            for member in members:
                path = PurePosixPath(member.name)
                if not member.isfile() or path.is_absolute() or ".." in path.parts:
                    raise ArtefactCorrupt(f"{source.name} holds {member.name}, which is no file")
            archive.extractall(staging, filter="data")
    except (tarfile.TarError, EOFError, OSError) as error:
        raise ArtefactCorrupt(f"{source.name} is not a whole model archive: {error}") from error
    manifest = Manifest.read(staging)
    found = named_by_content(staging, manifest).version
    if found != manifest.version:
        raise ArtefactCorrupt(f"{source.name} was changed: it says {manifest.version}, is {found}")
    return registry.add(staging, manifest)
