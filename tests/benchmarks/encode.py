"""Encoding speed: the int8 CPU runtime against sentence-transformers, same base, same cores.

    tripod bench encode --data banking77/test.csv

prints, under `runs`, texts a second of both in one run (they take turns, median of three) and the
quantiles for one short text; `ratio` is ours to sentence-transformers; `mean_cosine` compares the
vectors. Without `--data` it encodes the sample shop's questions.
"""

import argparse
import json
import os
import time
from pathlib import Path

import numpy as np
import torch

from core.models.base_model import base_model
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.progress import say
from core.rows import read_rows
from core.settings import CoreSettings
from core.training.base_artefact import base_artefact
from tests.benchmarks.peers import sentence_transformer
from tests.benchmarks.timing import quantiles, rounds

SAMPLE = Path(__file__).parents[2] / "data" / "support" / "questions.jsonl"
SINGLE_TEXTS = 300


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--text-column")
    parser.add_argument("--home", type=Path, default=CoreSettings().home)
    options = parser.parse_args()
    column = options.text_column or ("text" if options.data else "question")
    texts = [row.text(column) for row in read_rows(options.data or SAMPLE, required=[column])]
    registry = Registry(options.home / "registry")
    ours = TextModel.load(registry.open(base_artefact(registry, "")).path)
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    peer = sentence_transformer(base_model(""))
    say(f"{len(texts)} texts, {cores} cores")
    theirs = np.asarray(peer.encode(texts, normalize_embeddings=True, show_progress_bar=False))
    cosine = (ours.encode(texts) * theirs).sum(axis=1)
    speeds = rounds(
        {
            "tripod": lambda: ours.encode(texts),
            "sentence-transformers": lambda: peer.encode(texts, show_progress_bar=False),
        },
        n=len(texts),
    )
    singles = {
        "tripod": lambda text: ours.encode([text]),
        "sentence-transformers": lambda text: peer.encode([text], show_progress_bar=False),
    }
    runs = {}
    for name, encode in singles.items():
        seconds = []
        for text in texts[:SINGLE_TEXTS]:
            started = time.perf_counter()
            encode(text)
            seconds.append(time.perf_counter() - started)
        runs[name] = {"texts_per_second": speeds[name], **quantiles(seconds)}
    result = {
        "n": len(texts),
        "cores": cores,
        "runs": runs,
        "ratio": speeds["tripod"] / speeds["sentence-transformers"],
        "mean_cosine": float(cosine.mean()),
        "least_cosine": float(cosine.min()),
        "runtime": ours.manifest.runtime,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
