"""`tripod models train`: from a labelled file to a model in the registry."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from core.errors import BadInput
from core.evaluation.labelled_file import (
    LabelledTexts,
    evaluate_labelled,
    in_scope_threshold,
)
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.text_model import TextModel
from core.training.examples import (
    EMPTY,
    Examples,
    HeadExamples,
    check_trainable,
    read_examples,
    split,
)
from core.training.plan import Plan
from core.training.text import train_text_model

HEAD = "label"
METHODS = ("full", "linear", "auto")
# Held out for calibration and for checking the int8 graph; the rest is learned from.
HELD_OUT_SHARE = 0.06
HELD_OUT_SHARE_LARGE = 0.03
LARGE = 5_000
FEWEST_PER_LABEL_FOR_FULL = 8
MAX_LENGTH_TOKENS = 128


@dataclass(frozen=True)
class TrainRequest:
    """What the command was asked for; `budget_minutes` 0 means no limit."""

    data: Path
    evaluation: Path | None = None
    method: str = "auto"
    base: str = ""
    epochs: int = 0
    seed: int = 0
    out_of_scope_label: str = ""
    budget_minutes: float = 0.0
    name: str = "model"
    text_column: str = "text"
    label_column: str = "label"
    licence: str = "as given by the owner of the data"


def train_on_file(registry: Registry, request: TrainRequest) -> Mapping[str, object]:
    """Train, add and measure a model; returns the object that the command prints."""
    if request.method not in METHODS:
        raise BadInput(
            f'there is no method "{request.method}"',
            field="method",
            remedy=f"choose one of {', '.join(METHODS)}",
        )
    columns = {"text_column": request.text_column, "label_column": request.label_column}
    examples = read_examples(request.data, **columns)
    check_trainable(examples, file=str(request.data))
    test = EMPTY if request.evaluation is None else read_examples(request.evaluation, **columns)
    share = HELD_OUT_SHARE_LARGE if len(examples) >= LARGE else HELD_OUT_SHARE
    train, held_out = split(examples, share=share, seed=request.seed)
    if not len(held_out) and not len(test):
        raise BadInput(
            f"{len(set(examples.texts))} different texts are too few to measure on any",
            file=str(request.data),
            remedy="give more texts, or a file to measure on with --eval",
        )
    method = _method(request.method, examples)
    outside = request.out_of_scope_label
    head = HeadExamples(train, held_out)

    def finish(model: TextModel) -> Manifest:
        manifest = model.manifest
        if not outside:
            return manifest
        threshold = in_scope_threshold(
            model, _texts(held_out), head=HEAD, out_of_scope_label=outside
        )
        return replace(
            manifest.with_extra(out_of_scope_label=outside),
            thresholds={f"{HEAD}.in_scope": threshold},
        )

    manifest = train_text_model(
        registry=registry,
        name=request.name,
        heads={HEAD: head},
        plan=_plan(request, examples),
        data_licence=request.licence,
        base=request.base,
        method=method,
        finish=finish,
    )
    model = TextModel.load(registry.open(manifest.version).path)
    measured = test if len(test) else held_out
    cost = manifest.extra["training"]
    assert isinstance(cost, dict)
    return {
        "version": manifest.version,
        "name": request.name,
        "method": method,
        **{key: cost[key] for key in ("seconds", "cpu_seconds", "peak_rss_mb")},
        "trained_parameters": cost["trained_parameters"],
        "resumed": cost["resumed"],
        "runtime": manifest.runtime,
        "measured_on": str(request.evaluation) if len(test) else "held-out part of the data",
        "metrics": evaluate_labelled(
            model, _texts(measured), head=HEAD, out_of_scope_label=outside
        ),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def _method(asked: str, examples: Examples) -> str:
    """Few examples a label train heads on the frozen encoder; enough of them the whole."""
    if asked != "auto":
        return asked
    average = len(examples) / len(Counter(examples.labels))
    return "full" if average >= FEWEST_PER_LABEL_FOR_FULL else "linear"


def _plan(request: TrainRequest, examples: Examples) -> Plan:
    return Plan(
        epochs=request.epochs or default_epochs(len(examples)),
        supcon=0.5,
        seed=request.seed,
        max_length=MAX_LENGTH_TOKENS,
        budget_minutes=request.budget_minutes,
    )


def default_epochs(n: int) -> int:
    """More passes over small data; large data has enough steps in few."""
    if n < 1_000:
        return 20
    return 6 if n < 20_000 else 3


def _texts(examples: Examples) -> LabelledTexts:
    return LabelledTexts(examples.texts, examples.labels)
