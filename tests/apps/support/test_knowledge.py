"""What is in memory follows the database and the promoted model."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from apps.support.articles import Article, ArticleText
from apps.support.knowledge import NAME, Knowledge
from apps.support.runtime import Runtime, build
from apps.support.settings import SupportSettings
from core.errors import Unavailable
from core.models.registry import Registry
from core.models.served import Served
from core.models.text_model import TextModel
from tests.apps.support.conftest import NOW

FILMS = Article("films", "fun", {"zh": ArticleText("有电影吗", "没有电影。")})


def another_process(runtime: Runtime) -> Knowledge:
    registry = Registry(runtime.settings.home / "registry")
    return Knowledge(runtime.engine, Served(registry, NAME, load=TextModel.load))


def nearest(knowledge: Knowledge, text: str) -> str:
    """By the vectors alone."""
    snapshot = knowledge.current
    return snapshot.dense.search(snapshot.model.encode([text])[0], 1)[0].article_id


def test_an_edit_reaches_another_process_with_its_next_refresh(runtime: Runtime) -> None:
    other = another_process(runtime)
    assert other.refresh()
    assert not other.refresh()
    runtime.support.put_article(FILMS, actor="test", now=NOW)
    assert "films" not in other.current.articles
    assert other.refresh()
    assert nearest(other, "有电影吗") == "films"
    runtime.support.delete_article("films", actor="test", now=NOW)
    other.refresh()
    assert nearest(other, "有电影吗") != "films"


def test_a_promoted_model_takes_over_with_its_own_index(runtime: Runtime) -> None:
    before = runtime.knowledge.current
    registry = runtime.registry
    staging = registry.staging()
    shutil.copytree(registry.open(before.model.version).path, staging, dirs_exist_ok=True)
    second = registry.add(staging, replace(before.model.manifest, seed=1))
    registry.promote(NAME, second.version, now=NOW)
    assert runtime.knowledge.refresh()
    after = runtime.knowledge.current
    assert after.model.version == after.dense.encoder_version == second.version
    assert before.model.version == before.dense.encoder_version


def test_a_model_without_calibration_is_not_taken_over(runtime: Runtime) -> None:
    before = runtime.knowledge.current
    registry = runtime.registry
    staging = registry.staging()
    shutil.copytree(registry.open(before.model.version).path, staging, dirs_exist_ok=True)
    bare = registry.add(staging, replace(before.model.manifest, extra={}))
    registry.promote(NAME, bare.version, now=NOW)
    assert not runtime.knowledge.refresh()
    assert runtime.knowledge.current is before
    assert "calibration" in (runtime.knowledge.problem or "")
    assert not runtime.status().ready
    assert runtime.support.reply("send back my jacket").answer is not None


def test_without_a_model_the_remedy_is_told(tmp_path: Path) -> None:
    with build(SupportSettings(home=tmp_path)) as runtime:
        assert not runtime.status().ready
        with pytest.raises(Unavailable, match="train"):
            runtime.support.reply("hello")
