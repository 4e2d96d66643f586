"""Bringing one's own articles: what goes in, what is refused, and where the fault is."""

import csv
import gzip
import json
from pathlib import Path

import pytest

from apps.support.importing import ImportReport, import_articles
from apps.support.reading import find_article, list_articles
from apps.support.runtime import Runtime
from apps.support.samples import DATA
from core.errors import BadInput
from tests.apps.support.conftest import NOW

HEADER = ("id", "question", "answer", "language", "category", "variants")
RENTAL = (
    "rental",
    "Can I rent a tent?",
    "Yes, for a week.",
    "en",
    "rental",
    "hire a tent|tent hire",
)


def write(path: Path, *rows: tuple[str, ...], header: tuple[str, ...] = HEADER) -> Path:
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


def put(runtime: Runtime, path: Path, **columns: str) -> ImportReport:
    return import_articles(runtime.engine, path, now=NOW, columns=columns)


def counts(report: ImportReport) -> tuple[int, int, int, int]:
    return report.added, report.changed, report.unchanged, len(report.rejected)


def test_rows_are_added_changed_or_left(runtime: Runtime, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", RENTAL, ("rental", "能租帐篷吗", "可以。", "zh", "rental", ""))
    assert counts(put(runtime, file)) == (2, 0, 0, 0)
    assert counts(put(runtime, file)) == (0, 0, 2, 0)
    write(tmp_path / "a.csv", (*RENTAL[:2], "Yes, for two weeks.", *RENTAL[3:]))
    assert counts(put(runtime, file)) == (0, 1, 0, 0)
    article = find_article(runtime.engine, "rental")
    assert article.texts["en"].answer == "Yes, for two weeks."
    assert article.texts["en"].variants == ("hire a tent", "tent hire")
    assert article.texts["zh"].question == "能租帐篷吗"


def test_a_bad_row_is_refused_with_its_reason_and_the_others_go_in(
    runtime: Runtime, tmp_path: Path
) -> None:
    file = write(
        tmp_path / "a.csv",
        RENTAL,
        ("", "No id?", "Right.", "en", "", ""),
        ("no-answer", "What now?", "", "en", "", ""),
        ("slot", "How much?", "It costs {price}.", "en", "", ""),
        ("klingon", "nuqneH", "Qapla'", "tlh", "", ""),
        ("rental", "Can I rent two?", "No.", "en", "", ""),
        ("skis", "Can I rent skis for a week?", "No.", "", "", ""),
    )
    report = put(runtime, file)
    assert counts(report) == (2, 0, 0, 5)
    by_line = {row.line: row.reason for row in report.rejected}
    assert set(by_line) == {3, 4, 5, 6, 7}
    assert "id" in by_line[3]
    assert "answer" in by_line[4]
    assert "{price}" in by_line[5]
    assert "use one of: en, zh" in by_line[6]
    assert "line 2" in by_line[7]
    assert find_article(runtime.engine, "skis").texts["en"].answer == "No."


def test_columns_are_chosen_by_name(runtime: Runtime, tmp_path: Path) -> None:
    file = write(
        tmp_path / "a.csv", ("x1", "Do you ship to Oslo?", "Yes."), header=("nr", "q", "a")
    )
    with pytest.raises(BadInput, match="id") as caught:
        put(runtime, file)
    assert caught.value.remedy == "name the column with --id-column"
    assert counts(put(runtime, file, id="nr", question="q", answer="a")) == (1, 0, 0, 0)


def test_the_sample_articles_can_be_imported_by_naming_their_columns(runtime: Runtime) -> None:
    with pytest.raises(BadInput):
        put(runtime, DATA / "articles.jsonl")
    report = put(runtime, DATA / "articles.jsonl", question="question_zh", answer="answer_zh")
    # The small shop of the tests has one policy; answers that name another are refused.
    assert report.added > 5
    assert all("no slot" in row.reason for row in report.rejected)
    assert report.added + len(report.rejected) == 50


def test_json_lines_bring_variants_as_a_list(runtime: Runtime, tmp_path: Path) -> None:
    row = {
        "id": "j",
        "question": "What is this?",
        "answer": "A [test].",
        "variants": ["why", "who"],
    }
    file = tmp_path / "a.jsonl.gz"
    file.write_bytes(gzip.compress(json.dumps(row).encode()))
    assert counts(put(runtime, file)) == (1, 0, 0, 0)
    article = find_article(runtime.engine, "j")
    assert article.texts["en"].variants == ("why", "who")
    assert article.texts["en"].answer == "A [test]."


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", b"", "empty"),
        ("a.csv", b"question,answer\nx,y\n", "id"),
        ("a.csv", "id,question,answer\na,\u9000\u8d27,b\n".encode("gb18030"), "UTF-8"),
        ("a.xlsx", b"PK", "csv, .tsv or .jsonl"),
        ("a.jsonl", b'{"id": "a", "question": "b", "answer": "c"}\n{"id":', "line 2"),
    ],
)
def test_a_file_that_cannot_be_read_says_where_and_changes_nothing(
    runtime: Runtime, tmp_path: Path, name: str, content: bytes, words: str
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(BadInput, match=words):
        put(runtime, file)
    assert len(list_articles(runtime.engine, after=None, limit=100)) == 3


def test_a_language_that_is_not_served_is_refused(runtime: Runtime, tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", RENTAL)
    with pytest.raises(BadInput, match="not served"):
        import_articles(runtime.engine, file, now=NOW, language="de")
