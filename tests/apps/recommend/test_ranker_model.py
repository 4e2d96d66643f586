"""The ranker as an artefact, and its fit on a log."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from apps.recommend.co_watched import co_watched, retrieval_metrics
from apps.recommend.fitting import fit_ranker, training_log
from apps.recommend.ranker_model import DESCRIPTION, RankerModel
from core.errors import ArtefactCorrupt, BadInput
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.text_model import TextModel
from tests.apps.recommend.conftest import NOW, Site
from tests.apps.recommend.test_ranking import snapshot


def stored(ranker: RankerModel, folder: Path) -> Path:
    ranker.save(folder)
    manifest = Manifest(kind="ranker", name="recommend-ranker", created_at="", version="v1")
    (folder / "manifest.json").write_text(manifest.to_json(), encoding="utf-8")
    return folder


def example() -> RankerModel:
    ranker = snapshot().models.ranker
    assert ranker is not None
    return ranker.with_sample()


def test_it_comes_back_as_it_was_stored(tmp_path: Path) -> None:
    ranker = example()
    loaded = RankerModel.load(stored(ranker, tmp_path))
    assert loaded.version == "v1"
    assert (loaded.item_ids, loaded.factors, loaded.text) == (
        ranker.item_ids,
        ranker.factors,
        ranker.text,
    )
    assert loaded.trained_at == ranker.trained_at
    np.testing.assert_allclose(loaded.history_scores([1, 4]), ranker.history_scores([1, 4]))
    loaded.verify()


def test_another_ranking_than_at_its_making_is_found() -> None:
    ranker = example()
    broken = replace(ranker, factors=ranker.factors | {"ease": -3.0})
    with pytest.raises(ArtefactCorrupt, match="no longer ranks"):
        broken.verify()


@pytest.mark.parametrize("damage", ["{", '{"item_ids": []}'])
def test_a_damaged_artefact_is_refused(tmp_path: Path, damage: str) -> None:
    folder = stored(example(), tmp_path)
    (folder / DESCRIPTION).write_text(damage, encoding="utf-8")
    with pytest.raises(ArtefactCorrupt, match="cannot be read"):
        RankerModel.load(folder)


def test_it_is_fitted_measured_and_better_than_popularity(site: Site) -> None:
    log = training_log(site.events)
    vectors = np.zeros((len(log.item_ids), 4), dtype=np.float32)
    fitted = fit_ranker(log, vectors, encoder_version="", budget=2.0, seed=0, now=NOW)
    assert fitted.metrics["ndcg_at_10"] > fitted.metrics["popular_ndcg"]
    assert set(fitted.ranker.item_ids) == {event.item_id for event in site.events}
    assert any(fitted.weights.values())
    fitted.ranker.verify()


def test_the_prepared_ranker_serves_from_the_registry(prepared_home: Path) -> None:
    registry = Registry(prepared_home / "registry")
    version = registry.current("recommend-ranker")
    assert version is not None
    RankerModel.load(registry.open(version).path).verify()


def test_too_few_users_are_refused(site: Site) -> None:
    log = training_log([event for event in site.events if event.user_id == "u0001"])
    with pytest.raises(BadInput, match="three items"):
        fit_ranker(
            log,
            np.zeros((len(log.item_ids), 1), dtype=np.float32),
            encoder_version="",
            budget=1.0,
            seed=0,
            now=NOW,
        )


def test_a_training_log_is_the_history_that_a_request_sees(site: Site) -> None:
    log = training_log(site.events)
    disliked = {(event.user_id, event.item_id) for event in site.events if event.kind == "dislike"}
    watched = {(event.user_id, event.item_id) for event in site.events} - disliked
    assert len(log.interactions) == len(watched)
    assert log.sha256 == training_log(reversed(site.events)).sha256


def test_held_out_items_are_in_no_training_pair(site: Site, tiny_text_model: TextModel) -> None:
    log = training_log(site.events)
    found = co_watched(log.interactions, neighbours=3, held_out_share=0.1, seed=0)
    assert len(found.held_out) >= 5
    assert len(found.train) > 30
    assert not set(found.train.ravel().tolist()) & set(found.held_out.tolist())
    texts = [f"video {item_id}" for item_id in log.item_ids]
    metrics = retrieval_metrics(tiny_text_model, texts, found)
    assert 0.0 <= metrics["ndcg_at_10"] <= 1.0
