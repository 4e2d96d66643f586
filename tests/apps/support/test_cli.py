"""`tripod support`, run as a person runs it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from apps.support.runtime import Runtime


def tripod(*arguments: str, home: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "apps.cli", "support", *arguments, "--home", str(home)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def home(runtime: Runtime) -> Path:
    return runtime.settings.home


def test_ask_prints_one_object(home: Path) -> None:
    done = tripod("ask", "send back my jacket", "--json", home=home)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["action"] == "answer"
    assert body["answer"] == "Send it back within 30 days."
    assert set(body) >= {
        "action", "reason", "language", "answer", "confidence", "candidates", "model_version",
    }  # fmt: skip


def test_ask_prints_for_people(home: Path) -> None:
    done = tripod("ask", "夹克要退掉", home=home)
    assert done.stdout.startswith("30 天内可以退货。")
    assert "source: return-item" in done.stdout


def test_import_then_evaluate(home: Path, tmp_path: Path) -> None:
    articles = tmp_path / "articles.csv"
    articles.write_text("id,question,answer,language\nskis,有滑雪板吗,没有。,zh\nbad,,,\n", "utf-8")
    done = tripod("import", str(articles), "--json", home=home)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert [body[key] for key in ("added", "changed", "unchanged", "rejected")] == [1, 0, 0, 1]
    questions = tmp_path / "questions.csv"
    questions.write_text(
        "question,article_id\n有滑雪板吗,skis\nsend back my jacket,return-item\n哒哒哒,\n", "utf-8"
    )
    done = tripod("evaluate", str(questions), "--json", home=home)
    assert done.returncode == 0, done.stderr
    body = json.loads(done.stdout)
    assert body["recall_at_1"] == body["mrr"] == 1.0
    assert body["n"] == 3
    assert set(body) >= {
        "recall_at_3", "coverage", "answered_precision", "false_answer_rate",
        "expected_calibration_error",
    }  # fmt: skip


def test_a_wrong_file_ends_with_2(home: Path, tmp_path: Path) -> None:
    file = tmp_path / "articles.csv"
    file.write_text("id,text\na,b\n", "utf-8")
    done = tripod("import", str(file), home=home)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "line 1, column question" in done.stderr
    assert "--question-column" in done.stderr


def test_without_a_model_it_ends_with_1_and_the_remedy(tmp_path: Path) -> None:
    done = tripod("ask", "hello", home=tmp_path)
    assert done.returncode == 1
    assert "train" in done.stderr
