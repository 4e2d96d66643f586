import json
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine

from apps.monitor.companies import Dictionary
from apps.monitor.pipeline import Pipeline
from apps.monitor.rules import routing
from apps.monitor.runtime import MIGRATIONS, NAME, Runtime, build
from apps.monitor.settings import MonitorSettings
from core.database import connect, upgrade
from core.models.registry import Registry
from core.models.text_model import TextModel
from tests.apps.monitor.news import COMPANIES

MakePipeline = Callable[[], Pipeline]


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    found = connect(f"sqlite:///{tmp_path}/monitor.db")
    upgrade(found, MIGRATIONS)
    yield found
    found.dispose()


def pipeline_on(engine: Engine, model: TextModel, *, feed: str = "test") -> Pipeline:
    return Pipeline(
        engine,
        dictionary=Dictionary(COMPANIES),
        model=lambda: model,
        routing=lambda connection: routing(()),
        feed=feed,
    )


@pytest.fixture
def make_pipeline(engine: Engine, tiny_text_model: TextModel) -> MakePipeline:
    return lambda: pipeline_on(engine, tiny_text_model)


@pytest.fixture
def home(tmp_path: Path, tiny_artefact: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with the tiny model in use and the test companies watched."""
    folder = tmp_path / "home"
    target = folder / "registry" / "artefacts" / tiny_artefact.name
    shutil.copytree(tiny_artefact, target)
    Registry(folder / "registry").promote(NAME, tiny_artefact.name, now=datetime.now(UTC))
    companies = folder / "companies.jsonl"
    companies.write_text(
        "".join(
            json.dumps(
                {
                    "id": each.id,
                    "name_en": each.name_en,
                    "name_zh": each.name_zh,
                    "ticker": each.ticker,
                    "sector": each.sector,
                    "aliases_en": list(each.aliases_en),
                    "aliases_zh": list(each.aliases_zh),
                    "ambiguous": sorted(each.ambiguous),
                    "context": sorted(each.context),
                }
            )
            + "\n"
            for each in COMPANIES
        ),
        encoding="utf-8",
    )
    monkeypatch.setenv("TRIPOD_MONITOR_COMPANIES", str(companies))
    return folder


@pytest.fixture
def runtime(home: Path) -> Iterator[Runtime]:
    with build(MonitorSettings(home=home)) as found:
        yield found
