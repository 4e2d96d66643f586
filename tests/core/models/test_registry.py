from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.errors import ArtefactCorrupt, BadInput, Conflict, NotFound, PromotionRefused
from core.models.archive import export_artefact, import_artefact
from core.models.manifest import Manifest
from core.models.registry import Registry

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def add(registry: Registry, content: str, *, macro_f1: float = 0.9, **per_class: float) -> str:
    folder = registry.staging()
    (folder / "weights").write_text(content)
    manifest = Manifest(
        kind="text-model",
        name="topic",
        created_at=NOW.isoformat(),
        metrics={"macro_f1": macro_f1},
        per_class=per_class,
    )
    return registry.add(folder, manifest).version


def test_equal_content_has_one_version(registry: Registry) -> None:
    assert add(registry, "a") == add(registry, "a")
    assert len(registry.versions()) == 1
    assert not list((registry.root / "staging").iterdir())


def test_a_changed_file_is_refused_by_name(registry: Registry) -> None:
    version = add(registry, "a")
    (registry.open(version).path / "weights").write_text("b")
    with pytest.raises(ArtefactCorrupt, match="weights"):
        registry.open(version)


def test_a_missing_file_and_a_torn_manifest_are_refused(registry: Registry) -> None:
    version = add(registry, "a")
    folder = registry.open(version).path
    (folder / "weights").unlink()
    with pytest.raises(ArtefactCorrupt, match="missing"):
        registry.open(version)
    (folder / "manifest.json").write_text('{"schema": 1, "kin')
    with pytest.raises(ArtefactCorrupt, match="manifest"):
        registry.open(version)


def test_history_answers_what_served_when(registry: Registry) -> None:
    first, second = add(registry, "a"), add(registry, "b")
    registry.promote("topic", first, now=NOW)
    registry.promote("topic", second, now=NOW + timedelta(hours=1))
    assert registry.at("topic", NOW - timedelta(seconds=1)) is None
    assert registry.at("topic", NOW + timedelta(minutes=30)) == first
    assert registry.at("topic", NOW + timedelta(hours=2)) == second
    assert [entry.version for entry in registry.history("topic")] == [first, second]


def test_rollback_walks_back_and_ends(registry: Registry) -> None:
    versions = [add(registry, text) for text in "abc"]
    for version in versions:
        registry.promote("topic", version, now=NOW)
    assert registry.rollback("topic", now=NOW).version == versions[1]
    assert registry.rollback("topic", now=NOW).version == versions[0]
    with pytest.raises(Conflict):
        registry.rollback("topic", now=NOW)
    assert len(registry.history("topic")) == 5


def test_a_regression_is_refused_with_its_reasons(registry: Registry) -> None:
    good = add(registry, "a", macro_f1=0.9, returns=0.9)
    bad = add(registry, "b", macro_f1=0.8, returns=0.5)
    registry.promote("topic", good, now=NOW)
    with pytest.raises(PromotionRefused) as refused:
        registry.promote("topic", bad, now=NOW)
    assert len(refused.value.reasons) == 2
    assert registry.current("topic") == good
    registry.promote("topic", bad, now=NOW, force=True)
    assert registry.current("topic") == bad
    assert "forced" in registry.history("topic")[-1].reason


def test_a_torn_log_line_is_ignored_and_ended(registry: Registry) -> None:
    first, second = add(registry, "a"), add(registry, "b")
    registry.promote("topic", first, now=NOW)
    with registry.log.path.open("a") as log:
        log.write('{"name": "topic", "version": "x')
    assert registry.current("topic") == first
    registry.promote("topic", second, now=NOW)
    assert registry.current("topic") == second


def test_promoting_what_serves_adds_no_entry(registry: Registry) -> None:
    version = add(registry, "a")
    registry.promote("topic", version, now=NOW)
    registry.promote("topic", version, now=NOW)
    assert len(registry.history("topic")) == 1


@pytest.mark.parametrize("version", ["../../etc", "a/b", "", "."])
def test_a_version_is_never_a_path(registry: Registry, version: str) -> None:
    with pytest.raises(BadInput):
        registry.open(version)


def test_a_version_may_be_shortened_or_named(registry: Registry) -> None:
    version = add(registry, "a")
    registry.promote("topic", version, now=NOW)
    assert registry.resolve(version[:6]) == version
    assert registry.resolve("topic") == version
    with pytest.raises(NotFound):
        registry.resolve("ffff")


def test_export_and_import_keep_the_version(registry: Registry, tmp_path: Path) -> None:
    version = add(registry, "a")
    archive = tmp_path / "model.tar.gz"
    export_artefact(registry.open(version), archive)
    other = Registry(tmp_path / "other")
    assert import_artefact(other, archive).version == version
    other.open(version)


def test_a_damaged_archive_adds_nothing(registry: Registry, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    export_artefact(registry.open(add(registry, "a")), archive)
    archive.write_bytes(archive.read_bytes()[:-200])
    other = Registry(tmp_path / "other")
    with pytest.raises(ArtefactCorrupt):
        import_artefact(other, archive)
    assert other.versions() == []
