"""Evaluate a model's head on any labelled file, out-of-scope texts included."""

from dataclasses import asdict, dataclass

import numpy as np

from core.errors import BadInput
from core.evaluation.classification import classification_report, out_of_scope_report
from core.models.text_model import TextModel

# A threshold may refuse this share of the in-scope held-out texts.
FALSE_REFUSALS = 0.03
THRESHOLD_RULE = (
    "the largest threshold that refuses at most 3 % of the in-scope texts held out of training"
)
NO_THRESHOLD_RULE = "no out-of-scope label was named in training: nothing is refused by threshold"

Report = dict[str, object]


@dataclass(frozen=True)
class LabelledTexts:
    texts: tuple[str, ...]
    labels: tuple[str, ...]


def only_head(model: TextModel, head: str = "") -> str:
    """The head to use: the named one, or the only one there is."""
    heads = list(model.manifest.heads)
    if head:
        if head not in heads:
            raise BadInput(f'the model has no head "{head}"', remedy=f"it has {', '.join(heads)}")
        return head
    if len(heads) != 1:
        found = ", ".join(heads) or "none"
        raise BadInput(
            f"the model has {len(heads)} heads ({found})",
            field="head",
            remedy="name one with --head" if heads else "train one with labels",
        )
    return heads[0]


def evaluate_labelled(
    model: TextModel, examples: LabelledTexts, *, head: str, out_of_scope_label: str = ""
) -> Report:
    """The metrics of `tripod models evaluate`, of the artefact as it serves."""
    found = model.analyse(examples.texts).probabilities[head]
    labels = model.labels(head)
    report = classification_report(found, examples.labels, labels)
    metrics: Report = {
        **report.scalars(),
        "per_class": {name: asdict(values) for name, values in report.per_class.items()},
        "n": report.n,
    }
    outside = out_of_scope_label or str(model.manifest.extra.get("out_of_scope_label") or "")
    if outside:
        threshold = model.manifest.thresholds.get(f"{head}.in_scope", 0.0)
        scores = in_scope_scores(found, labels, outside)
        predicted = [labels[number] for number in found.argmax(axis=1)]
        scope = out_of_scope_report(
            scores, predicted, examples.labels, label=outside, threshold=threshold
        )
        if scope is not None:
            rule = THRESHOLD_RULE if threshold else NO_THRESHOLD_RULE
            metrics |= asdict(scope) | {"threshold_rule": rule}
    return metrics


def in_scope_scores(
    probabilities: "np.typing.NDArray[np.float32]", labels: tuple[str, ...], outside: str
) -> "np.typing.NDArray[np.float32]":
    """The largest probability of a label that is not `outside`, (n,)."""
    inside = np.array([label != outside for label in labels])
    return np.asarray(probabilities[:, inside].max(axis=1), dtype=np.float32)


def in_scope_threshold(
    model: TextModel, examples: LabelledTexts, *, head: str, out_of_scope_label: str
) -> float:
    """The threshold by `THRESHOLD_RULE`, from texts held out of training."""
    inside = [
        text
        for text, label in zip(examples.texts, examples.labels, strict=True)
        if label != out_of_scope_label
    ]
    if not inside:
        return 0.0
    found = model.analyse(inside).probabilities[head]
    scores = np.sort(in_scope_scores(found, model.labels(head), out_of_scope_label))
    return float(scores[int(FALSE_REFUSALS * len(scores))])
