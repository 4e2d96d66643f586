"""The bilingual base model beside the English one that it stands on, both as they serve.

    python -m tests.benchmarks.chinese --data DATA [--base BASE] [--peer none] [--only PART ...]

DATA is the folder of the public data sets, BASE a hub id or folder (default: the shipped model).
Prints one JSON object, and each part on standard error as soon as it is there: `unknown` (the
share of characters that no token stands for), `translation` (top-1 among translations),
`similarity`, `atec` (do two questions ask the same), `finfe`, `reviews` and `banking77` (fine-tuned
as `tripod models train` does by default) and `speed`. With `--home` the exported models stay there,
and a run that was cut goes on inside the fine-tuning it was at.

Accuracy and macro F1 count a refused text as wrong, as in serving; `answering_all` has them with
refusals off. The customer-service part of WMT's 2022 test is not measured: its kinds of text
alternate by document and no column tells them apart. The encoder of `atec` is measured as trained,
not exported. Test files are read only to measure.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from sklearn.metrics import roc_auc_score

from core.models.base_model import PACKAGED, base_model
from core.models.registry import Registry
from core.models.text_model import TOKENIZER, TextModel
from core.models.tokens import TextTokenizer
from core.progress import say
from tests.benchmarks import pairs as sentence_pairs
from tests.benchmarks import public_sets
from tests.benchmarks.fine_tuned import banking77, finfe, reviews
from tests.benchmarks.systems import ORIGINAL, OURS, Runs, System
from tests.benchmarks.timing import rounds
from tests.benchmarks.untrained import similarity, translation, unknown

Part = Callable[[Sequence[System], Path], dict[str, object]]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--base", default="")
    parser.add_argument("--peer", choices=("packaged", "none"), default="packaged")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--home", type=Path)
    options = parser.parse_args()
    bases = {OURS: options.base}
    if options.peer == "packaged":
        bases[ORIGINAL] = PACKAGED
    with tempfile.TemporaryDirectory() as scratch:
        home = options.home or Path(scratch)
        systems = [System(name, base, Registry(home / name)) for name, base in bases.items()]
        result: dict[str, object] = {
            "bases": {name: base_model(base).name for name, base in bases.items()},
            "sha256": {name: base_model(base).sha256 for name, base in bases.items()},
            "cores": len(os.sched_getaffinity(0)),
        }
        for name in [name for name in PARTS if name in options.only]:
            say(f"{name} ...")
            found = PARTS[name](systems, options.data)
            say(json.dumps({name: found}))
            result[name] = found
    print(json.dumps(result))


def atec(systems: Sequence[System], data: Path) -> dict[str, object]:
    pairs = public_sets.question_pairs(data)
    split = sentence_pairs.split_pairs(pairs)
    wanted = sentence_pairs.truth(pairs)
    runs: Runs = {}
    for system in systems:
        cosines = system.cosines([pair.first for pair in pairs], [pair.second for pair in pairs])
        runs[system.name] = {"auc_without_training": float(roc_auc_score(wanted, cosines))}
    say(json.dumps({"atec": runs}))
    plan = sentence_pairs.PLAN
    for system in systems:
        tokenizer = TextTokenizer(system.folder / TOKENIZER, max_length=plan.max_length)
        started = time.monotonic()
        found = sentence_pairs.measured(base_model(system.base), tokenizer, split, plan=plan)
        minutes = (time.monotonic() - started) / 60
        runs[system.name]["fine_tuned"] = {**found, "minutes": minutes}
        say(json.dumps({"atec": {system.name: runs[system.name]}}))
    same = float(sentence_pairs.truth(split.test).mean())
    sizes = {"train": len(split.train), "held_out": len(split.held_out), "test": len(split.test)}
    return {"n": len(pairs), **sizes, "majority_share": max(same, 1 - same), "runs": runs}


def speed(systems: Sequence[System], data: Path) -> dict[str, object]:
    """On the questions that all systems read as equally many tokens."""
    texts = [
        text
        for text in public_sets.banking_questions(data)
        if len({system.model.count_tokens([text]) for system in systems}) == 1
    ]
    calls = {system.name: _encoding(system.model, texts) for system in systems}
    rates = rounds(calls, n=len(texts))
    runs: Runs = {
        system.name: {
            "texts_per_second": rates[system.name],
            "runtime": system.model.manifest.runtime,
        }
        for system in systems
    }
    ratio = rates[OURS] / rates[ORIGINAL] if ORIGINAL in rates else None
    tokens = systems[0].model.count_tokens(texts)
    return {"n": len(texts), "tokens": tokens, "runs": runs, "ratio": ratio}


def _encoding(model: TextModel, texts: Sequence[str]) -> Callable[[], object]:
    return lambda: model.encode(texts)


PARTS: Mapping[str, Part] = {
    part.__name__: part
    for part in (unknown, translation, similarity, atec, finfe, reviews, banking77, speed)
}


if __name__ == "__main__":
    main()
