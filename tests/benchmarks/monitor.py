"""The monitor: documents a second through the whole pipeline, and how planted shocks are found.

    tripod bench monitor [--data DOCUMENTS]

Ours takes documents from text to series and alerts in a database; the peer is
`transformers.pipeline("text-classification")` on an encoder of the same shape, scoring the same
headlines and doing nothing else. Both run on the same cores in one run. Without `--data` it uses
the sample stream and also judges the alerts by its planted shocks. Needs a trained model.
"""

import argparse
import json
import os
import time
from datetime import timedelta
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer, pipeline

from apps.monitor.companies import Dictionary, read_companies
from apps.monitor.documents import COLUMNS, REQUIRED
from apps.monitor.events import read_shocks
from apps.monitor.ingest import Report
from apps.monitor.offline_cli import model_of
from apps.monitor.replay import judged, replay
from apps.monitor.settings import MonitorSettings
from core.models.base_model import base_model
from core.progress import say
from core.rows import read_rows
from core.settings import CoreSettings

PEER_TEXTS = 2000
PEER_BATCH = 32


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--home", type=Path, default=CoreSettings().home)
    options = parser.parse_args()
    settings = MonitorSettings(home=options.home)
    path = options.data or settings.samples / "stream.jsonl.gz"
    rows = [
        (row.line, {name: row.values.get(name) for name in COLUMNS})
        for row in read_rows(path, required=REQUIRED)
    ]
    cores = len(os.sched_getaffinity(0))
    torch.set_num_threads(cores)
    model = model_of(settings)
    dictionary = Dictionary(read_companies(settings.companies))
    report = Report()
    say(f"{len(rows)} documents, {cores} cores")
    raised, start, end = replay(
        rows,
        model=model,
        dictionary=dictionary,
        batch=settings.batch,
        report=report,
    )
    ours = report.read / report.seconds
    titles = [str(values["title"]) for _, values in rows[:PEER_TEXTS]]
    theirs = _peer_rate(settings.base_model, titles)
    result: dict[str, object] = {
        "n": report.read,
        "cores": cores,
        "model_version": model.version,
        "runtime": model.manifest.runtime,
        "runs": {
            "tripod": {"texts_per_second": ours},
            "transformers.pipeline": {"texts_per_second": theirs},
        },
        "ratio": ours / theirs,
    }
    if options.data is None:
        result["shocks"] = judged(
            raised,
            read_shocks(settings.samples / "shocks.json"),
            companies=sorted(dictionary.companies),
            start=start,
            end=end,
            before=timedelta(0),
            after=timedelta(0),
        )
    print(json.dumps(result))


def _peer_rate(base: str, titles: list[str]) -> float:
    source = base_model(base).source
    labels = {0: "negative", 1: "neutral", 2: "positive"}
    config = AutoConfig.from_pretrained(source, num_labels=3, id2label=labels)
    classifier = pipeline(
        "text-classification",
        model=AutoModelForSequenceClassification.from_pretrained(
            source, config=config, dtype=torch.float32
        ),
        tokenizer=AutoTokenizer.from_pretrained(source),
        device="cpu",
    )
    classifier(titles[:PEER_BATCH], batch_size=PEER_BATCH)
    started = time.perf_counter()
    classifier(titles, batch_size=PEER_BATCH)
    return len(titles) / (time.perf_counter() - started)


if __name__ == "__main__":
    main()
