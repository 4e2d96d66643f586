"""Labelled texts and text pairs: what training learns from."""

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import BadInput
from core.rows import read_rows


@dataclass(frozen=True)
class Examples:
    """n texts with one label each."""

    texts: tuple[str, ...]
    labels: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.texts)

    def take(self, rows: Iterable[int]) -> "Examples":
        chosen = list(rows)
        return Examples(
            tuple(self.texts[row] for row in chosen), tuple(self.labels[row] for row in chosen)
        )


EMPTY = Examples((), ())


@dataclass(frozen=True)
class HeadExamples:
    """What one head learns from, and the held-out part it is judged and calibrated on."""

    train: Examples
    held_out: Examples = EMPTY

    @property
    def labels(self) -> tuple[str, ...]:
        return tuple(sorted(set(self.train.labels)))


@dataclass(frozen=True)
class TextPair:
    """Two texts that belong together. Pairs of one `group` are no negatives of each other."""

    anchor: str
    positive: str
    group: str = ""


@dataclass(frozen=True)
class Corpus:
    """Everything one encoder is trained on."""

    heads: Mapping[str, HeadExamples] = field(default_factory=dict)
    pairs: tuple[TextPair, ...] = ()

    def sha256(self) -> str:
        """A fingerprint of the training and held-out texts and labels."""
        digest = hashlib.sha256()
        for name in sorted(self.heads):
            for part in (self.heads[name].train, self.heads[name].held_out):
                for text, label in zip(part.texts, part.labels, strict=True):
                    digest.update(f"{name}\0{text}\0{label}\n".encode("utf-8", "replace"))
        for pair in self.pairs:
            digest.update(f"{pair.anchor}\0{pair.positive}\n".encode("utf-8", "replace"))
        return digest.hexdigest()


def read_examples(
    path: str | Path, *, text_column: str = "text", label_column: str = "label"
) -> Examples:
    """Read labelled texts; `BadInput` names the line of an empty text or label."""
    texts, labels = [], []
    columns = {"text": text_column, "label": label_column}
    for row in read_rows(path, columns=columns, required=("text", "label")):
        for column in ("text", "label"):
            if not row.text(column):
                raise BadInput(
                    f"the {column} is empty",
                    file=str(path),
                    line=row.line,
                    column=columns[column],
                    remedy="fill it in or remove the row",
                )
        texts.append(row.text("text"))
        labels.append(row.text("label"))
    return Examples(tuple(texts), tuple(labels))


def check_trainable(examples: Examples, *, file: str) -> None:
    """Raise `BadInput` for fewer than two labels or a label with a single example."""
    counts = Counter(examples.labels)
    if len(counts) < 2:
        raise BadInput(
            f"only one label ({next(iter(counts), 'none')})",
            file=file,
            remedy="give examples of at least two labels",
        )
    single = sorted(label for label, count in counts.items() if count == 1)
    if single:
        line = examples.labels.index(single[0]) + 2
        raise BadInput(
            f'the label "{single[0]}" has one example'
            + (f", and so have {len(single) - 1} more labels" if len(single) > 1 else ""),
            file=file,
            line=line,
            remedy="give each label at least two examples, or remove it",
        )


def split(examples: Examples, *, share: float, seed: int) -> tuple[Examples, Examples]:
    """Two parts, stratified by label; equal texts always land on the same side.

    Every label keeps at least one example in the first part. A label with two distinct texts or
    more gives at least one to the second.
    """
    by_label: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for row, (text, label) in enumerate(zip(examples.texts, examples.labels, strict=True)):
        by_label[label][_normal(text)].append(row)
    source = random.Random(seed)
    first: list[int] = []
    second: list[int] = []
    taken: set[str] = set()
    for label in sorted(by_label):
        texts = sorted(by_label[label])
        source.shuffle(texts)
        wanted = min(max(1, round(share * len(texts))), len(texts) - 1)
        for position, text in enumerate(texts):
            aside = position < wanted
            (second if aside else first).extend(by_label[label][text])
            if aside:
                taken.add(text)
    kept = [row for row in first if _normal(examples.texts[row]) not in taken]
    return examples.take(sorted(kept)), examples.take(sorted(second))


def label_numbers(labels: Sequence[str], known: Sequence[str]) -> list[int]:
    """The position of each label in `known`; -1 for a label that is not there."""
    numbers = {label: number for number, label in enumerate(known)}
    return [numbers.get(label, -1) for label in labels]


def _normal(text: str) -> str:
    return " ".join(text.lower().split())
