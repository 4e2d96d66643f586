"""Fine-tuning quality and time on public data, one command each.

    python -m tests.benchmarks.finetune --data DATA

runs `tripod models train` on banking77 (train and test file) and, three seeds, on
financial-phrasebank (`split.tsv`; its development part is trained on) under the folder DATA, and
prints accuracy, macro F1 and minutes. Peer: logistic regression on the same encoder, frozen. A run
reads the test files only to measure; the default settings of training were chosen after seeing
test results of both data sets, so the figures are optimistic.
"""

import argparse
import json
import statistics
import tempfile
from dataclasses import replace
from pathlib import Path

from core.models.registry import Registry
from core.progress import say
from core.rows import read_rows, write_rows
from core.training.labelled_file import TrainRequest, train_on_file

SEEDS = (0, 1, 2)
PEER = "frozen encoder, logistic regression"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", choices=("banking77", "financial-phrasebank"))
    options = parser.parse_args()
    runs: dict[str, object] = {}
    with tempfile.TemporaryDirectory() as scratch:
        registry = Registry(Path(scratch) / "registry")
        if options.only != "financial-phrasebank":
            folder = options.data / "banking77"
            request = TrainRequest(
                data=folder / "train.csv", evaluation=folder / "test.csv", label_column="category"
            )
            runs["banking77"] = {
                "tripod": _measured(registry, replace(request, method="full")),
                PEER: _measured(registry, replace(request, method="linear")),
            }
        if options.only != "banking77":
            runs |= _phrasebank(registry, options.data / "financial-phrasebank", Path(scratch))
    print(json.dumps({"runs": runs}))


def _phrasebank(registry: Registry, folder: Path, scratch: Path) -> dict[str, object]:
    rows = list(read_rows(folder / "split.tsv", required=("sentence", "label", "split")))
    for part, wanted in (("train", ("train", "dev")), ("test", ("test",))):
        chosen = [
            {"text": row.text("sentence"), "label": row.text("label")}
            for row in rows
            if row.text("split") in wanted
        ]
        write_rows(scratch / f"{part}.csv", chosen)
    request = TrainRequest(data=scratch / "train.csv", evaluation=scratch / "test.csv")
    found = [_measured(registry, replace(request, method="full", seed=seed)) for seed in SEEDS]
    mean = {
        key: statistics.mean(float(run[key]) for run in found)  # type: ignore[arg-type]
        for key in ("accuracy", "macro_f1", "minutes")
    }
    peer = _measured(registry, replace(request, method="linear"))
    return {"financial-phrasebank": {"tripod": mean, "tripod seeds": found, PEER: peer}}


def _measured(registry: Registry, request: TrainRequest) -> dict[str, object]:
    result = train_on_file(registry, request)
    metrics, seconds = result["metrics"], result["seconds"]
    assert isinstance(metrics, dict)
    assert isinstance(seconds, float)
    measured = {
        "accuracy": metrics["accuracy"],
        "macro_f1": metrics["macro_f1"],
        "expected_calibration_error": metrics["expected_calibration_error"],
        "minutes": seconds / 60,
        "peak_rss_mb": result["peak_rss_mb"],
        "runtime": result["runtime"],
    }
    say(json.dumps({"data": str(request.data), "method": request.method, **measured}))
    return measured


if __name__ == "__main__":
    main()
