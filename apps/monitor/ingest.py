"""Rows of a file or a request into the pipeline, batch by batch, with a count of what became of
each."""

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from apps.monitor.documents import Document, parse
from apps.monitor.pipeline import Outcome, Pipeline
from core.errors import BadInput

KEPT_REJECTIONS = 1000


@dataclass(frozen=True)
class Rejection:
    """A row that cannot be used; `line` counts from 1, in a request the position in the list."""

    line: int
    reason: str


@dataclass
class Report:
    """`read` = `stored` + `duplicates` + `rejected`.

    Duplicates are copies of a story (kept, but they do not count in series) and documents that
    were stored before; `copies` are the former. At most 1,000 rejections are listed.
    """

    read: int = 0
    rejected: int = 0
    outcome: Outcome = field(default_factory=Outcome)
    rejections: list[Rejection] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def stored(self) -> int:
        return self.outcome.stored

    @property
    def duplicates(self) -> int:
        return self.outcome.copies + self.outcome.known

    def reject(self, line: int, reason: str) -> None:
        """Count a row that cannot be used."""
        self.read += 1
        self.rejected += 1
        if len(self.rejections) < KEPT_REJECTIONS:
            self.rejections.append(Rejection(line, reason))

    def to_json(self) -> dict[str, object]:
        """What `tripod monitor ingest --json` prints and the API answers."""
        return {
            "read": self.read,
            "stored": self.stored,
            "duplicates": self.duplicates,
            "copies": self.outcome.copies,
            "already_known": self.outcome.known,
            "rejected": self.rejected,
            "unscored": self.outcome.unscored,
            "alerts": list(self.outcome.fired),
            "documents_per_second": round(self.read / max(self.seconds, 1e-9), 1),
            "rejections": [
                {"line": each.line, "reason": each.reason}
                for each in sorted(self.rejections, key=lambda each: each.line)
            ],
        }


def ingest(
    pipeline: Pipeline,
    rows: Iterable[tuple[int, Mapping[str, object]]],
    *,
    batch: int,
    clock: Callable[[], datetime],
    report: Report | None = None,
    advance: Callable[[float], None] = lambda amount: None,
) -> Report:
    """Take all (line, values) rows; `advance` is told how many were settled.

    Each batch is one transaction. Batches are cut by position, so a file that is given again after
    a crash goes through the same batches and stores what was missing.
    """
    report = report or Report()
    started = time.perf_counter()
    for chunk in _chunks(rows, batch):
        documents = list(_parsed(chunk, report, now=clock()))
        report.outcome += pipeline.ingest(documents, now=clock())
        report.seconds = time.perf_counter() - started
        advance(len(chunk))
    return report


def _parsed(
    rows: Iterable[tuple[int, Mapping[str, object]]], report: Report, *, now: datetime
) -> Iterator[Document]:
    for line, values in rows:
        try:
            document = parse(values, now=now)
        except BadInput as error:
            report.reject(line, str(error))
            continue
        report.read += 1
        yield document


def _chunks(
    rows: Iterable[tuple[int, Mapping[str, object]]], size: int
) -> Iterator[list[tuple[int, Mapping[str, object]]]]:
    chunk = []
    for row in rows:
        chunk.append(row)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk
