"""Labelled headlines: what the monitor's model learns from and is judged on."""

from dataclasses import dataclass
from pathlib import Path

from core.errors import BadInput
from core.rows import read_rows

SPLITS = ("train", "held_out")


@dataclass(frozen=True)
class LabelledHeadline:
    """`group` is the pattern that it was made from; a group stands in one split only."""

    text: str
    language: str
    sentiment: str
    topic: str
    group: str
    split: str

    def label(self, kind: str) -> str:
        """The label of a kind, "sentiment" or "topic"."""
        return self.sentiment if kind == "sentiment" else self.topic


def read_headlines(path: Path) -> tuple[LabelledHeadline, ...]:
    """Read and check a file of headlines. Raises `BadInput`."""
    names = ("text", "language", "sentiment", "topic", "group", "split")
    found = []
    for row in read_rows(path, required=names):
        headline = LabelledHeadline(*(row.text(name) for name in names))
        if headline.split not in SPLITS:
            raise BadInput(
                f"{headline.split!r} is no split",
                file=str(path),
                line=row.line,
                column="split",
                remedy=f"write one of {', '.join(SPLITS)}",
            )
        found.append(headline)
    return tuple(found)
