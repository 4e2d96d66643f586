"""The model commands as a person runs them, on the tiny base."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from apps.cli import app
from core.rows import read_rows, write_rows
from tests.core.training.test_distil import request

CHINESE = {"退货夹克": "shop", "利润上升": "money"}
TEXTS = ("return my jacket", "refund my order", "pay with card", "gift card price")


@pytest.fixture(scope="module")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("data") / "train.csv"
    rows = [
        {"text": f"{text} {n}", "label": "returns" if "re" in text[:2] else "payment"}
        for n in range(12)
        for text in TEXTS
    ]
    write_rows(path, rows)
    return path


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(home: Path, *words: str | Path) -> Result:
    return CliRunner().invoke(app, ["models", *map(str, words), "--home", str(home)])


def done(home: Path, *words: str | Path) -> dict[str, object]:
    result = run(home, *words, "--json")
    assert result.exit_code == 0, result.output + str(result.exception)
    found: dict[str, object] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def version(home: Path, labelled: Path, tiny_base: Path) -> str:
    result = done(home, "train", "--data", labelled, "--base", tiny_base, "--method", "linear")
    assert {"method", "seconds", "cpu_seconds", "peak_rss_mb", "runtime", "metrics"} <= set(result)
    return str(result["version"])


def test_evaluate_gives_every_metric(home: Path, labelled: Path, version: str) -> None:
    metrics = done(home, "evaluate", version, "--data", labelled)["metrics"]
    assert isinstance(metrics, dict)
    assert {
        "accuracy",
        "macro_f1",
        "weighted_f1",
        "expected_calibration_error",
        "matthews_correlation",
        "per_class",
        "n",
    } <= set(metrics)
    assert metrics["n"] == 48


def test_predict_writes_a_row_for_each_text(
    home: Path, labelled: Path, version: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    assert done(home, "predict", version, "--input", labelled, "--output", out)["n"] == 48
    rows = list(read_rows(out, required=("text", "label", "probability", "probabilities")))
    assert sum(rows[0].values["probabilities"].values()) == pytest.approx(1, abs=1e-4)  # type: ignore[attr-defined]


def test_predict_says_what_it_cannot_read(home: Path, version: str, tmp_path: Path) -> None:
    texts, out = tmp_path / "in.csv", tmp_path / "out.jsonl"
    write_rows(texts, [{"text": "退货 退款"}, {"text": "return my jacket"}])
    done(home, "predict", version, "--input", texts, "--output", out)
    labels = [row.text("label") for row in read_rows(out, required=("label",))]
    assert labels == ["unsupported_language", "returns"]


def test_distil_makes_a_base_that_trains(home: Path, tiny_base: Path, tmp_path: Path) -> None:
    folder = tmp_path / "texts"
    wanted = request(folder, tiny_base)
    output = tmp_path / "base"
    told = done(
        home, "distil", "--recipe", wanted.recipe, "--data", folder, "--output", output,
        "--steps", 4,
    )  # fmt: skip
    assert told["steps"] == 4
    assert told["bytes"] > 1000  # type: ignore[operator]
    labelled = tmp_path / "zh.csv"
    rows = [(f"{text}{n}", label) for n in range(12) for text, label in CHINESE.items()]
    write_rows(labelled, [{"text": text, "label": label} for text, label in rows])
    made = done(
        home, "train", "--data", labelled, "--base", output, "--method", "linear",
    )  # fmt: skip
    assert made["metrics"]


def test_too_few_different_texts_are_told(home: Path, tiny_base: Path, tmp_path: Path) -> None:
    labelled = tmp_path / "few.csv"
    write_rows(labelled, [{"text": t, "label": t} for t in ("return", "refund")] * 12)
    result = run(home, "train", "--data", labelled, "--base", tiny_base)
    assert result.exit_code == 2
    assert "--eval" in result.output


def test_distil_names_what_is_missing(home: Path, tiny_base: Path, tmp_path: Path) -> None:
    recipe = request(tmp_path / "texts", tiny_base).recipe
    nowhere, output = tmp_path / "nowhere", tmp_path / "base"
    result = run(home, "distil", "--recipe", recipe, "--data", nowhere, "--output", output)
    assert result.exit_code == 2
    assert "--data" in result.output
    assert not output.exists()


def test_encode_writes_unit_vectors(
    home: Path, labelled: Path, version: str, tmp_path: Path
) -> None:
    out = tmp_path / "out.npy"
    result = done(home, "encode", version, "--input", labelled, "--output", out)
    vectors = np.load(out)
    assert vectors.shape == (48, result["dimension"])
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)


def test_similarity_of_scored_and_labelled_pairs(home: Path, version: str, tmp_path: Path) -> None:
    pairs = [("pay card", "pay card", 5), ("pay card", "return jacket", 0), ("gift", "price", 2)]
    columns = ("text_a", "text_b", "score")
    write_rows(tmp_path / "s.csv", [dict(zip(columns, pair, strict=True)) for pair in pairs])
    assert "spearman" in done(home, "similarity", version, "--data", tmp_path / "s.csv")
    rows = [{"text_a": a, "text_b": b, "label": int(s > 3)} for a, b, s in pairs]
    write_rows(tmp_path / "l.csv", rows)
    assert done(home, "similarity", version, "--data", tmp_path / "l.csv")["auc"] == 1.0


def test_promote_history_rollback(home: Path, version: str) -> None:
    assert done(home, "promote", version, "--name", "topic")["version"] == version
    assert run(home, "rollback", "topic").exit_code == 1
    history = done(home, "history", "topic")["history"]
    assert isinstance(history, list)
    assert history[0]["version"] == version
    assert done(home, "history", "topic", "--at", history[0]["at"])["version"] == version
    models = done(home, "list")["models"]
    assert isinstance(models, list)
    assert models[0]["serves"] == "topic"


def test_export_and_import(home: Path, version: str, tmp_path: Path) -> None:
    archive = tmp_path / "model.tar.gz"
    done(home, "export", version, archive)
    assert done(tmp_path / "other", "import", archive)["version"] == version


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ([{"text": "a", "category": "x"}], "no column"),
        ([{"text": "a", "label": "x"}, {"text": "b", "label": "x"}], "only one label"),
        ([{"text": t, "label": t[0]} for t in ("aa", "ab", "ba")], 'label "b" has one example'),
        ([{"text": "a", "label": "x"}, {"text": " ", "label": "y"}], "line 3"),
    ],
)
def test_bad_training_data_ends_with_2_and_a_remedy(
    home: Path, tmp_path: Path, rows: list[dict[str, object]], said: str
) -> None:
    write_rows(tmp_path / "bad.csv", rows)
    result = run(home, "train", "--data", tmp_path / "bad.csv")
    assert result.exit_code == 2
    assert said in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_version_ends_with_2(home: Path, labelled: Path) -> None:
    result = run(home, "evaluate", "nosuchmodel", "--data", labelled)
    assert result.exit_code == 2
    assert "tripod models list" in result.stderr
