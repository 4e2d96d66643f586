"""What a serving process is made of."""

import subprocess
import sys

from fastapi.testclient import TestClient

from apps.recommend.api import create_app
from apps.recommend.runtime import Runtime

HEAVY = ("torch", "transformers", "sklearn", "implicit", "datasets")


def test_serving_imports_no_training_library() -> None:
    program = (
        "import sys, apps.recommend.api, apps.recommend.cli;"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    found = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert found.stdout.strip() == "[]"


def test_the_status_names_models_and_queue(runtime: Runtime) -> None:
    status = runtime.status()
    assert status.ready
    assert [model.name for model in status.models] == ["recommend", "recommend-ranker"]
    assert dict(status.queues) == {"imports": 0}


def test_readiness_is_red_without_models(bare_runtime: Runtime) -> None:
    with TestClient(create_app(bare_runtime)) as client:
        found = client.get("/health/ready")
        assert found.status_code == 503
        assert "train one first" in str(found.json()["problems"])
        assert client.get("/health/live").status_code == 200
