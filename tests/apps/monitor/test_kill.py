"""An ingest that is killed at any moment and run again stores everything once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from apps.monitor.runtime import build
from apps.monitor.settings import MonitorSettings
from apps.monitor.tables import ALERTING, BUCKETS, DOCUMENTS, EVIDENCE
from core.database import reading
from tests.apps.monitor.news import month, rows

COMMAND = [sys.executable, "-m", "apps.cli", "monitor", "ingest"]


def run(file: Path, home: Path) -> dict[str, Any]:
    done = subprocess.run(
        [*COMMAND, str(file), "--home", str(home), "--json"],
        capture_output=True,
        check=True,
        env=os.environ | {"TRIPOD_MONITOR_BATCH": "4"},
    )
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def stored(home: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything that must be equal, without times of the wall clock."""
    with build(MonitorSettings(home=home)) as runtime, reading(runtime.engine) as connection:
        queries = {
            "documents": select(DOCUMENTS.c.id, DOCUMENTS.c.story_id).order_by(DOCUMENTS.c.id),
            "series": select(BUCKETS).order_by(*BUCKETS.primary_key),
            "alerts": select(
                ALERTING.alerts.c.id, ALERTING.alerts.c.state, ALERTING.alerts.c.started_at
            ).order_by(ALERTING.alerts.c.id),
            "evidence": select(EVIDENCE).order_by(EVIDENCE.c.alert_id, EVIDENCE.c.place),
            "messages": select(ALERTING.deliveries.c.id).order_by(ALERTING.deliveries.c.id),
        }
        return {
            name: [tuple(row) for row in connection.execute(query)]
            for name, query in queries.items()
        }


def count(home: Path) -> int:
    with build(MonitorSettings(home=home)) as runtime, reading(runtime.engine) as connection:
        return len(connection.execute(select(DOCUMENTS.c.id)).all())


@pytest.mark.timeout(300)
def test_kill_and_run_again(home: Path, tmp_path: Path) -> None:
    documents = month(days=12)
    file = tmp_path / "news.jsonl"
    file.write_text(
        "".join(json.dumps(values) + "\n" for _, values in rows(documents)), encoding="utf-8"
    )
    undisturbed = tmp_path / "undisturbed"
    undisturbed.mkdir()
    (undisturbed / "registry").symlink_to(home / "registry")
    report = run(file, undisturbed)
    assert report["read"] == report["stored"] == len(documents)
    killed = 0
    for _ in range(6):
        before = count(home)
        process = subprocess.Popen(
            [*COMMAND, str(file), "--home", str(home), "--json"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"TRIPOD_MONITOR_BATCH": "4"},
        )
        while process.poll() is None and count(home) < before + 5:
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        killed += process.returncode == -signal.SIGKILL
    assert killed >= 1
    run(file, home)
    assert run(file, home)["already_known"] == len(documents)
    assert stored(home) == stored(undisturbed)
