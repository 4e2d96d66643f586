import gzip
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.errors import BadInput
from core.rows import parse_time, read_rows, write_rows


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.jsonl", "t.csv.gz", "t.jsonl.gz"])
def test_what_is_written_is_read_again(tmp_path: Path, name: str) -> None:
    rows = [{"text": 'a "quoted", line\nbroken\ttext', "label": "退货"}, {"text": "", "label": "x"}]
    assert write_rows(tmp_path / name, rows) == 2
    found = [dict(row.values) for row in read_rows(tmp_path / name, required=("text", "label"))]
    assert found == rows


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"))))
def test_any_text_survives_json_lines(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("rows") / "t.jsonl"
    write_rows(path, [{"text": text} for text in [*texts, "end"]])
    assert [row.values["text"] for row in read_rows(path, required=["text"])] == [*texts, "end"]


def test_columns_are_renamed_and_lines_counted(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", "Frage,category\nwo?,a\nwann?,b\n")
    rows = list(read_rows(path, required=("text", "category"), columns={"text": "Frage"}))
    assert [(row.line, row.text("text")) for row in rows] == [(2, "wo?"), (3, "wann?")]


def test_a_byte_order_mark_is_no_part_of_the_header(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", b"\xef\xbb\xbftext\nhello\n")
    assert next(read_rows(path, required=["text"])).text("text") == "hello"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("t.csv", "a,b\n1,2\n", 'no column "text"'),
        ("t.csv", "", "empty"),
        ("t.csv", "text\n", "no rows"),
        ("t.csv", "text\n\u00e4".encode("latin-1"), "not UTF-8"),
        ("t.csv", "text\n我要退货\n".encode("gb18030"), "iconv -f GB18030"),
        ("t.xlsx", "x", "use .csv, .tsv or .jsonl"),
        ("t.jsonl", '{"text": 1}\n{"text": \n', "line 2"),
        ("t.jsonl", "[1]\n", "line 1"),
        ("t.csv.gz", b"\x1f\x8b\x08\x00broken", "gzip"),
        ("t.csv.gz", gzip.compress(b"text\n" + b"word\n" * 10_000)[:-20], "gzip"),
    ],
)
def test_bad_files_say_where_and_what_to_do(
    tmp_path: Path, name: str, content: str | bytes, said: str
) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(BadInput) as caught:
        list(read_rows(path, required=["text"]))
    assert said in str(caught.value)
    assert name in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no file .*t\.csv"):
        list(read_rows(tmp_path / "t.csv", required=["text"]))


def test_an_interrupted_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    write_rows(path, [{"text": "old"}])

    def failing() -> object:
        yield {"text": "new"}
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_rows(path, failing())  # type: ignore[arg-type]
    assert json.loads(path.read_text()) == {"text": "old"}


@pytest.mark.parametrize(
    "value", ["2026-05-01T12:00:00Z", "2026-05-01T20:00:00+08:00", 1777636800, "1777636800.0"]
)
def test_times_become_utc(value: object) -> None:
    assert parse_time(value) == datetime(2026, 5, 1, 12, tzinfo=UTC)


@pytest.mark.parametrize("value", ["yesterday", "2026-05-01T12:00:00", "1e300", True, ""])
def test_other_times_are_refused(value: object) -> None:
    with pytest.raises(ValueError):
        parse_time(value)
