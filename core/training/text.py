"""From labelled texts and pairs to a model in the registry: train, export, check, calibrate."""

import hashlib
import json
import resource
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from core.evaluation.calibration import fit_temperature
from core.evaluation.classification import classification_report
from core.models.base_model import BaseModel, base_model
from core.models.manifest import FILE_NAME, HeadSpec, Json, Manifest
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.models.tokens import TextTokenizer
from core.progress import say
from core.training.code import code_revision
from core.training.encoder import tokenizer_file_of, trainable_parameters
from core.training.examples import Corpus, HeadExamples, TextPair, label_numbers
from core.training.export import MEANINGFUL_SAMPLE, export
from core.training.finetune import Run, Trained
from core.training.linear import fit_linear
from core.training.plan import Plan

PROBE_TEXTS = 1000
SAMPLE_TEXTS = 4

Finish = Callable[[TextModel], Manifest]


def train_text_model(
    *,
    registry: Registry,
    name: str,
    heads: Mapping[str, HeadExamples] | None = None,
    pairs: Sequence[TextPair] = (),
    plan: Plan,
    data_licence: str,
    languages: Sequence[str] = ("en",),
    base: str = "",
    method: str = "full",
    finish: Finish | None = None,
) -> Manifest:
    """Train, export, calibrate and add one text model; the caller promotes it.

    `base` is a hub id or folder (empty: the packaged model); `method` is "full" (the encoder
    learns) or "linear" (it stays, the heads learn). `finish` sees the finished model before it is
    added and returns its manifest with what the application wants to store in it. The same call
    after a crash goes on from its checkpoint. Loss curves stay in `tensorboard` in the registry.
    Raises `BadInput` where the data cannot be used.
    """
    corpus = Corpus(dict(heads or {}), tuple(pairs))
    origin = base_model(base)
    fingerprint = _fingerprint(corpus, plan, origin, method)
    work = registry.root / "training" / fingerprint
    work.mkdir(parents=True, exist_ok=True)
    tokenizer_file = tokenizer_file_of(origin, work)
    tokenizer = TextTokenizer(
        tokenizer_file, max_length=plan.max_length, languages=origin.languages
    )
    board = registry.root / "tensorboard" / f"{name}-{fingerprint}"
    run = Run(origin, tokenizer, corpus, plan, folder=work, board=board)
    if method == "linear":
        trained = fit_linear(run.model, tokenizer, corpus)
    else:
        say(f"{name}: {run.total} steps of at most {plan.batch_size} examples")
        trained = run.train()
    staging = registry.staging()
    say(f"{name}: exporting and checking the int8 graph")
    acceptance = export(
        trained.model,
        tokenizer,
        staging,
        source=tokenizer_file,
        checks=corpus.heads,
        probe=_probe(corpus),
    )
    manifest = Manifest(
        kind="text-model",
        name=name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        base=origin.name,
        base_sha256=origin.sha256,
        data_sha256=corpus.sha256(),
        data_licence=data_licence,
        languages=tuple(languages),
        reads=origin.languages,
        unknown_limit=plan.unknown_limit,
        seed=plan.seed,
        code_revision=code_revision(),
        method=method,
        max_length=plan.max_length,
        dimension=trained.model.dimension,
        runtime=acceptance.runtime,
        heads={key: HeadSpec(head.labels) for key, head in corpus.heads.items()},
        extra={
            "plan": asdict(plan),
            "acceptance": asdict(acceptance),
            "training": _cost(trained, run),
        },
    )
    described = _calibrated(manifest, staging, corpus)
    if finish is not None:
        described = finish(_load(staging, described))
    samples = _load(staging, described).sample(_probe(corpus)[:SAMPLE_TEXTS])
    added = registry.add(staging, replace(described, samples=samples))
    shutil.rmtree(work)
    return added


def _calibrated(manifest: Manifest, staging: Path, corpus: Corpus) -> Manifest:
    """Fit temperatures on the held-out part, after quantization, and measure there."""
    if not corpus.heads:
        return manifest
    model = _load(staging, manifest)
    specs = dict(manifest.heads)
    for name, head in corpus.heads.items():
        if len(head.held_out):
            numbers = np.array(label_numbers(head.held_out.labels, head.labels))
            logits = model.logits(head.held_out.texts)[name]
            temperature = fit_temperature(logits[numbers >= 0], numbers[numbers >= 0])
            specs[name] = replace(specs[name], temperature=temperature)
    calibrated = replace(manifest, heads=specs)
    model = _load(staging, calibrated)
    metrics: dict[str, float] = {}
    per_class: dict[str, float] = {}
    for name, head in corpus.heads.items():
        if not len(head.held_out):
            continue
        report = classification_report(
            model.analyse(head.held_out.texts).probabilities[name],
            head.held_out.labels,
            head.labels,
        )
        metrics |= {f"{name}.{key}": value for key, value in report.scalars().items()}
        per_class |= {
            f"{name}.{label}": found.f1
            for label, found in report.per_class.items()
            if found.support >= MEANINGFUL_SAMPLE // 20
        }
    return replace(calibrated, metrics=metrics, per_class=per_class)


def _load(staging: Path, manifest: Manifest) -> TextModel:
    (staging / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")
    return TextModel.load(staging)


def _probe(corpus: Corpus) -> list[str]:
    """Texts to compare graphs on: held-out ones first, then training ones."""
    texts: dict[str, None] = {}
    for head in corpus.heads.values():
        texts |= dict.fromkeys(head.held_out.texts)
    for head in corpus.heads.values():
        texts |= dict.fromkeys(head.train.texts)
    for pair in corpus.pairs:
        texts |= {pair.anchor: None, pair.positive: None}
    held_out = sum(len(head.held_out) for head in corpus.heads.values())
    return list(texts)[: max(held_out, PROBE_TEXTS) if held_out < MEANINGFUL_SAMPLE else held_out]


def _fingerprint(corpus: Corpus, plan: Plan, base: BaseModel, method: str) -> str:
    described = json.dumps([corpus.sha256(), asdict(plan), base.name, base.sha256, method])
    return hashlib.sha256(described.encode()).hexdigest()[:16]


def _cost(trained: Trained, run: Run) -> dict[str, Json]:
    return {
        "seconds": round(trained.seconds, 3),
        "cpu_seconds": round(trained.cpu_seconds, 3),
        "peak_rss_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1),
        "trained_parameters": trainable_parameters(run.model),
        "steps": trained.steps,
        "resumed": trained.resumed,
        "stopped": trained.stopped,
    }
