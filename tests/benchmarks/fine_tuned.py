"""Base models fine-tuned on labelled files as `tripod models train` does by default."""

import json
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from core.evaluation.classification import classification_report
from core.models.text_model import TextModel
from core.progress import say
from core.rows import write_rows
from core.training.examples import Examples, read_examples, split
from core.training.labelled_file import HEAD, TrainRequest, train_on_file
from tests.benchmarks import public_sets
from tests.benchmarks.systems import Runs, System, Vectors

REVIEWS_TRAINED = 20_000
REVIEWS_TEST_SHARE = 0.2
# Shorter posts of FinFE are mostly prices and names of emoji.
FEW_CHARACTERS = 5


def finfe(systems: Sequence[System], data: Path) -> dict[str, object]:
    folder = data / public_sets.FINANCE
    request = TrainRequest(folder / "finfe_train_clean.tsv", evaluation=folder / "finfe_eval.tsv")
    return fine_tuned("finfe", systems, request, longer_than=FEW_CHARACTERS)


def reviews(systems: Sequence[System], data: Path) -> dict[str, object]:
    every = public_sets.shop_reviews(data)
    train, test = split(every, share=REVIEWS_TEST_SHARE, seed=0)
    learned = train.take(public_sets.drawn(REVIEWS_TRAINED, of=train.texts, seed=0))
    with tempfile.TemporaryDirectory() as folder:
        files = Path(folder) / "train.csv", Path(folder) / "test.csv"
        for path, part in zip(files, (learned, test), strict=True):
            rows = zip(part.texts, part.labels, strict=True)
            write_rows(path, ({"text": text, "label": label} for text, label in rows))
        found = fine_tuned("reviews", systems, TrainRequest(files[0], evaluation=files[1]))
    return {"cut": f"learned from {len(learned)} of {len(train)} training texts", **found}


def banking77(systems: Sequence[System], data: Path) -> dict[str, object]:
    folder = data / "banking77"
    request = TrainRequest(
        folder / "train.csv", evaluation=folder / "test.csv", label_column="category"
    )
    return fine_tuned("banking77", systems, request)


def fine_tuned(
    part: str, systems: Sequence[System], request: TrainRequest, *, longer_than: int = 0
) -> dict[str, object]:
    """Each system trained by one request; with `longer_than`, also measured on the test texts of
    more characters than that."""
    assert request.evaluation is not None
    columns = {"text_column": request.text_column, "label_column": request.label_column}
    learned = read_examples(request.data, **columns)
    test = read_examples(request.evaluation, **columns)
    runs: Runs = {}
    for system in systems:
        result = train_on_file(system.registry, replace(request, base=system.base))
        model = TextModel.load(system.registry.open(str(result["version"])).path)
        runs[system.name] = {
            **_measured(model, test, longer_than=longer_than),
            "minutes": float(str(result["seconds"])) / 60,
            "runtime": model.manifest.runtime,
        }
        say(json.dumps({part: {system.name: runs[system.name]}}))
    majority = Counter(learned.labels).most_common(1)[0][0]
    share = test.labels.count(majority) / len(test)
    return {"train": len(learned), "n": len(test), "majority_share": share, "runs": runs}


def _measured(model: TextModel, test: Examples, *, longer_than: int) -> dict[str, object]:
    served = model.analyse(test.texts)
    result: dict[str, object] = {
        **_scores(served.probabilities[HEAD], test, model),
        "refused_share": float(served.refused.mean()),
    }
    model.manifest = replace(model.manifest, unknown_limit=1.0)
    answered = model.analyse(test.texts).probabilities[HEAD]
    result["answering_all"] = _scores(answered, test, model)
    if longer_than:
        rows = [row for row, text in enumerate(test.texts) if len(text) > longer_than]
        longer = _scores(answered[rows], test.take(rows), model)
        result[f"answering_all, over {longer_than} characters"] = {"n": len(rows), **longer}
    return result


def _scores(probabilities: Vectors, test: Examples, model: TextModel) -> dict[str, object]:
    report = classification_report(probabilities, test.labels, model.labels(HEAD))
    return {"accuracy": report.accuracy, "macro_f1": report.macro_f1}
