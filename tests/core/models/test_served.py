import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from core.errors import Unavailable
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel


def added(registry: Registry, artefact: Path, *, seed: int) -> str:
    """The tiny artefact again, under another version."""
    folder = registry.staging()
    shutil.copytree(artefact, folder, dirs_exist_ok=True)
    manifest = Manifest.read(folder)
    (folder / "manifest.json").unlink()
    return registry.add(folder, Manifest(**{**vars(manifest), "seed": seed})).version


def promote(registry: Registry, version: str) -> None:
    registry.promote("tiny", version, now=datetime.now(UTC), force=True)


def test_nothing_promoted_is_told_with_the_remedy(registry: Registry) -> None:
    served = Served(registry, "tiny", load=TextModel.load).started()
    assert not served.ready
    with pytest.raises(Unavailable, match="train"):
        _ = served.current


def test_a_promotion_is_taken_over_and_rolled_back(registry: Registry, tiny_artefact: Path) -> None:
    first = added(registry, tiny_artefact, seed=1)
    promote(registry, first)
    served = Served(registry, "tiny", load=TextModel.load).started()
    assert served.version == first
    second = added(registry, tiny_artefact, seed=2)
    promote(registry, second)
    assert served.refresh()
    assert served.version == second
    assert not served.refresh()
    registry.rollback("tiny", now=datetime.now(UTC))
    assert served.refresh()
    assert served.version == first


def test_a_corrupted_model_keeps_the_old_one_serving(
    registry: Registry, tiny_artefact: Path
) -> None:
    good = added(registry, tiny_artefact, seed=1)
    promote(registry, good)
    served = Served(registry, "tiny", load=TextModel.load).started()
    bad = added(registry, tiny_artefact, seed=2)
    promote(registry, bad)
    graph = registry.describe(bad).path / "model.onnx"
    graph.write_bytes(graph.read_bytes()[:-100] + b"x" * 100)
    assert not served.refresh()
    assert served.version == good
    assert not served.ready
    assert served.error is not None
    assert "model.onnx" in served.error
    assert len(served.current.encode(["return my jacket"])) == 1


def test_a_model_that_predicts_otherwise_than_stored_is_refused(
    registry: Registry, tiny_artefact: Path
) -> None:
    folder = registry.staging()
    shutil.copytree(tiny_artefact, folder, dirs_exist_ok=True)
    manifest = Manifest.read(folder)
    wrong = tuple(
        type(sample)(sample.text, tuple(-x for x in sample.embedding), sample.probabilities)
        for sample in manifest.samples
    )
    promote(
        registry, registry.add(folder, Manifest(**{**vars(manifest), "samples": wrong})).version
    )
    served = Served(registry, "tiny", load=TextModel.load).started()
    assert served.version is None
    assert "no longer predicts" in (served.error or "")


def test_swaps_under_load_fail_no_request(registry: Registry, tiny_artefact: Path) -> None:
    versions = [added(registry, tiny_artefact, seed=seed) for seed in (1, 2)]
    promote(registry, versions[0])
    served = Served(registry, "tiny", load=TextModel.load).started()
    seen: set[str] = set()
    failures: list[Exception] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.is_set():
            try:
                model = served.current
                model.analyse(["return my jacket"])
                seen.add(model.version)
            except Exception as error:  # noqa: BLE001 - any failure fails the test
                failures.append(error)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    for number in range(1, 9):
        promote(registry, versions[number % 2])
        assert served.refresh()
    stop.set()
    for thread in threads:
        thread.join()
    assert failures == []
    assert seen == set(versions)
