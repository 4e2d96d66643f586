import gzip
from pathlib import Path

from core.rows import write_rows
from core.training.recipe import ParallelPair
from tests.benchmarks.pairs import SentencePair
from tests.benchmarks.public_sets import (
    distinct_pairs,
    drawn,
    finance_texts,
    general_translations,
    question_pairs,
    shop_reviews,
)


def test_no_sentence_occurs_twice_on_either_side() -> None:
    first, other = ParallelPair("您还在吗？", "Are you there?"), ParallelPair("再见", "Goodbye")
    again = [
        ParallelPair("您还在吗?", "Still there?"),
        ParallelPair("你在吗", "are you there"),
        ParallelPair("您還在嗎", "Are you still here?"),
    ]
    assert distinct_pairs([first, *again, other, first]) == [first, other]


def test_translations_keep_their_quotes(tmp_path: Path) -> None:
    folder = tmp_path / "wmt-newstest-zh-en"
    folder.mkdir()
    with gzip.open(folder / "generaltest2022.tsv.gz", "wt", encoding="utf-8") as stream:
        stream.write('“很兴奋\t"We were excited.\n他说。\the said."\n')
    assert general_translations(tmp_path) == [
        ParallelPair("“很兴奋", '"We were excited.'),
        ParallelPair("他说。", 'he said."'),
    ]


def test_quoted_cells_of_a_table_are_read_without_their_quotes(tmp_path: Path) -> None:
    (tmp_path / "atec-zh").mkdir()
    (tmp_path / "atec-zh" / "atec_train.tsv").write_text(
        'id\tsentence1\tsentence2\tlabel\n1\t"""没有""花呗"\t怎么没有花呗\t1\n', encoding="utf-8"
    )
    assert question_pairs(tmp_path) == [SentencePair('"没有"花呗', "怎么没有花呗", True)]


def test_finance_texts_are_those_of_three_tasks(tmp_path: Path) -> None:
    folder = tmp_path / "fincuge-zh"
    folder.mkdir()
    for name in ("finfe_train_clean.tsv", "finfe_eval.tsv"):
        write_rows(folder / name, [{"text": "补仓", "label": "0"}])
    for part in ("train", "eval"):
        write_rows(folder / f"finnl_{part}.jsonl.gz", [{"text": "要闻", "labels": ["公司"]}])
        write_rows(folder / f"finnsp_{part}.jsonl.gz", [{"title": "标题", "text": "正文"}])
    assert sorted(finance_texts(tmp_path)) == sorted(["补仓", "要闻", "标题", "正文"] * 2)


def test_a_review_counts_once_and_an_empty_one_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "online-shopping-10-cats").mkdir()
    write_rows(
        tmp_path / "online-shopping-10-cats" / "reviews.csv.gz",
        [
            {"cat": "书籍", "label": label, "review": review}
            for label, review in (("1", "\ufeff很好！"), ("0", "很好"), ("0", ""), ("0", "!?"))
        ],
    )
    found = shop_reviews(tmp_path)
    assert (found.texts, found.labels) == (("很好！", "!?"), ("1", "0"))


def test_rows_are_drawn_by_the_seed_in_their_order() -> None:
    rows = drawn(10, of=range(100), seed=0)
    assert rows == sorted(set(rows)) == drawn(10, of=range(100), seed=0)
    assert len(rows) == 10
    assert drawn(10, of=range(3), seed=0) == [0, 1, 2]
