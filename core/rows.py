"""Tabular input and output: CSV, TSV and JSON lines, each also gzipped.

Every fault names the file, the line, the column and the remedy (`BadInput`), so that a person
can mend the file without reading code.
"""

import csv
import gzip
import io
import json
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

from core.errors import BadInput

JsonScalar = str | int | float | bool | None
FORMATS = (".csv", ".tsv", ".jsonl")
FIELD_LIMIT = 16 * 1024 * 1024


@dataclass(frozen=True)
class Row:
    """One row: its line number in the file (1-based) and its values by our column name."""

    line: int
    values: Mapping[str, object]

    def text(self, column: str) -> str:
        """The value as stripped text; an absent or null value is the empty string."""
        value = self.values.get(column)
        return "" if value is None else str(value).strip()


def read_rows(
    path: str | Path,
    *,
    required: Collection[str],
    columns: Mapping[str, str] | None = None,
    reject: Callable[[BadInput], None] | None = None,
) -> Iterator[Row]:
    """Yield the rows of a file; "-" reads JSON lines from standard input.

    `columns` maps our name to the file's name where they differ. CSV and TSV values are strings;
    JSON values keep their type. Raises `BadInput` for a missing or empty file, an unknown ending,
    text that is not UTF-8, broken JSON or a missing column. With `reject`, a JSON line after the
    first that is broken or lacks a column is told to it and passed over.
    """
    renamed = dict(columns or {})
    wanted = {name: renamed.get(name, name) for name in required}
    name = str(path)
    if name == "-":
        yield from _read_json(
            sys.stdin, name="standard input", wanted=wanted, renamed=renamed, reject=reject
        )
        return
    kind = table_format(path)
    with _opened(Path(path)) as stream:
        if kind == ".jsonl":
            yield from _read_json(stream, name=name, wanted=wanted, renamed=renamed, reject=reject)
        else:
            delimiter = "\t" if kind == ".tsv" else ","
            yield from _read_table(
                stream, name=name, delimiter=delimiter, wanted=wanted, renamed=renamed
            )


def write_rows(path: str | Path, rows: Iterable[Mapping[str, object]]) -> int:
    """Write rows in the format of the file's ending; columns are those of the first row.

    Lists and objects are written as JSON inside CSV and TSV cells. Returns the number of rows.
    The file appears whole or not at all: it is written beside its place and renamed.
    """
    kind = table_format(path)
    target = Path(path)
    partial = target.with_name(f".{target.name}.partial")
    n = 0
    try:
        with _text_writer(partial, compressed=target.suffix == ".gz") as stream:
            writer: csv.DictWriter[str] | None = None
            for row in rows:
                n += 1
                if kind == ".jsonl":
                    stream.write(json.dumps(row, ensure_ascii=False) + "\n")
                    continue
                if writer is None:
                    delimiter = "\t" if kind == ".tsv" else ","
                    writer = csv.DictWriter(stream, list(row), delimiter=delimiter)
                    writer.writeheader()
                writer.writerow({key: _cell(value) for key, value in row.items()})
    except FileNotFoundError as error:
        raise BadInput(
            f"the folder of {name_of(path)} does not exist",
            file=str(path),
            remedy="make the folder first",
        ) from error
    partial.replace(target)
    return n


def parse_time(value: object) -> datetime:
    """Read RFC 3339 or Unix seconds as aware UTC; raises ValueError for anything else."""
    if isinstance(value, bool):
        raise ValueError(f"{value!r} is not a time")
    if isinstance(value, int | float):
        return _from_unix(float(value))
    text = str(value).strip()
    try:
        return _from_unix(float(text))
    except ValueError:
        pass
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone: write it as RFC 3339, e.g. {text}Z")
    return moment.astimezone(UTC)


def table_format(path: str | Path) -> str:
    """The format (".csv", ".tsv", ".jsonl") that a file name asks for, or `BadInput`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if not suffixes or suffixes[-1] not in FORMATS:
        raise BadInput(
            f"{name_of(path)} has no ending that says its format",
            file=str(path),
            remedy="use .csv, .tsv or .jsonl, each also .gz",
        )
    return suffixes[-1]


def name_of(path: str | Path) -> str:
    return Path(path).name


def _from_unix(seconds: float) -> datetime:
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError) as error:
        raise ValueError(f"{seconds} is not a Unix time in seconds") from error


def _cell(value: object) -> object:
    if isinstance(value, list | dict | tuple):
        return json.dumps(value, ensure_ascii=False)
    return value


@contextmanager
def _text_writer(path: Path, *, compressed: bool) -> Iterator[TextIO]:
    if compressed:
        with (
            path.open("wb") as raw,
            gzip.GzipFile(filename="", fileobj=raw, mode="wb", mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8", newline="") as stream,
        ):
            yield stream
    else:
        with path.open("w", encoding="utf-8", newline="") as stream:
            yield stream


def _text_reader(path: Path) -> TextIO:
    if path.suffix.lower() == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline="")
    return path.open(encoding="utf-8-sig", newline="")


@contextmanager
def _opened(path: Path) -> Iterator[TextIO]:
    name = str(path)
    if not path.is_file():
        raise BadInput(f"there is no file {name}", file=name, remedy="check the path")
    if path.stat().st_size == 0:
        raise BadInput(f"{path.name} is empty", file=name, remedy="give a file with rows in it")
    with _text_reader(path) as stream:
        try:
            yield stream
        except UnicodeDecodeError as error:
            raise BadInput(
                f"{path.name} is not UTF-8 (byte {error.object[error.start]:#04x})",
                file=name,
                remedy=f"convert it, e.g. iconv -f GB18030 -t UTF-8 {path.name}",
            ) from error
        except (gzip.BadGzipFile, EOFError) as error:
            raise BadInput(
                f"{path.name} is not a whole gzip file", file=name, remedy="compress it again"
            ) from error


def _read_table(
    stream: TextIO,
    *,
    name: str,
    delimiter: str,
    wanted: Mapping[str, str],
    renamed: Mapping[str, str],
) -> Iterator[Row]:
    csv.field_size_limit(FIELD_LIMIT)
    reader = csv.DictReader(stream, delimiter=delimiter)
    try:
        header = list(reader.fieldnames or [])
    except csv.Error as error:
        raise BadInput(f"cannot read the header: {error}", file=name, line=1) from error
    for ours, theirs in wanted.items():
        if theirs not in header:
            raise _missing_column(name, line=1, ours=ours, theirs=theirs, found=header)
    back = {theirs: ours for ours, theirs in renamed.items()}
    known = set(header)
    n = 0
    try:
        for record in reader:
            n += 1
            values = {
                back.get(str(key), str(key)): value for key, value in record.items() if key in known
            }
            yield Row(line=reader.line_num, values=values)
    except csv.Error as error:
        raise BadInput(
            f"broken quoting: {error}",
            file=name,
            line=reader.line_num,
            remedy='put values that hold the separator in quotes and double each quote: ""',
        ) from error
    if n == 0:
        raise BadInput("no rows below the header", file=name, remedy="add rows")


def _read_json(
    stream: TextIO,
    *,
    name: str,
    wanted: Mapping[str, str],
    renamed: Mapping[str, str],
    reject: Callable[[BadInput], None] | None,
) -> Iterator[Row]:
    back = {theirs: ours for ours, theirs in renamed.items()}
    n = 0
    for line, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        n += 1
        try:
            record = _json_record(text, name=name, line=line, wanted=wanted)
        except BadInput as error:
            if reject is None or n == 1:
                raise
            reject(error)
            continue
        yield Row(line=line, values={back.get(key, key): value for key, value in record.items()})
    if n == 0:
        raise BadInput("no rows", file=name, remedy="give a file with rows in it")


def _json_record(
    text: str, *, name: str, line: int, wanted: Mapping[str, str]
) -> dict[str, object]:
    try:
        record = json.loads(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise BadInput(
            f"not a JSON object: {error}",
            file=name,
            line=line,
            remedy="write one JSON object per line",
        ) from error
    if not isinstance(record, dict):
        raise BadInput("not a JSON object", file=name, line=line)
    for ours, theirs in wanted.items():
        if theirs not in record:
            raise _missing_column(name, line=line, ours=ours, theirs=theirs, found=record)
    return {str(key): value for key, value in record.items()}


def _missing_column(
    name: str, *, line: int, ours: str, theirs: str, found: Iterable[str]
) -> BadInput:
    return BadInput(
        f'there is no column "{theirs}" (found: {", ".join(found) or "none"})',
        file=name,
        line=line,
        column=theirs,
        remedy=f"name the column with --{ours.replace('_', '-')}-column",
    )
