import gzip
from pathlib import Path

import pytest

from core.errors import BadInput
from core.training.recipe import (
    DistilPlan,
    ParallelPair,
    Recipe,
    Source,
    hold_out,
    read_material,
    read_recipe,
)

ROOT = Path(__file__).parents[3]


def recipe(folder: Path, *sources: Source) -> Recipe:
    return Recipe("r", ("en", "zh"), sources, folder)


def source(path: str, **options: object) -> Source:
    return Source("s", path, "x", "y", **options)  # type: ignore[arg-type]


def test_plain_lines_and_tables_are_read(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "a.tsv.gz", "wt", encoding="utf-8") as stream:
        stream.write('退货\treturn\n"他说"\t"he said" so\n')
    (tmp_path / "b.tsv").write_text("id\ten\tzh\n1\tgood\t好\n", encoding="utf-8")
    found = read_material(
        recipe(tmp_path, source("a.tsv.gz"), source("./b.tsv", columns=("zh", "en"))), tmp_path
    )
    assert [pair for _, pairs in found.sources for pair in pairs] == [
        ParallelPair("退货", "return"),
        ParallelPair('"他说"', '"he said" so'),
        ParallelPair("好", "good"),
    ]


def test_a_dictionary_loses_its_marks(tmp_path: Path) -> None:
    (tmp_path / "d.tsv").write_text("出山\tfig. to come out\n出山\t(lit.) leave hills\n", "utf-8")
    found = read_material(recipe(tmp_path, source("d.tsv", dictionary=True)), tmp_path)
    assert found.dictionary == {"出山": ["to come out", "leave hills"]}
    assert found.sentences == []


def test_nothing_that_is_held_out_is_learned(tmp_path: Path) -> None:
    lines = [f"第{n}个句子在这里\tsentence number {n}" for n in range(50)]
    lines += [f"第{n}个句子，在这里！\tanother wording {n}" for n in range(50)]
    (tmp_path / "a.tsv").write_text("\n".join(lines), encoding="utf-8")
    found = read_material(recipe(tmp_path, source("a.tsv", held_out=10)), tmp_path)
    learned = {
        pair.text.replace("，", "").replace("！", "") for _, ps in found.sources for pair in ps
    }
    held_out = {pair.text.replace("，", "").replace("！", "") for pair in found.held_out}
    assert len(found.held_out) == 10
    assert not learned & held_out


def test_held_out_pairs_share_no_sentence() -> None:
    pairs = [ParallelPair(f"句子编号{n % 7}", f"sentence {n}") for n in range(40)]
    chosen = hold_out(pairs, n=20, seed=1)
    assert len({pair.text for pair in chosen}) == len(chosen) == 7
    assert chosen == hold_out(pairs, n=20, seed=1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("name = ", "not TOML"),
        ('name = "x"', "names no"),
        ('name = "x"\nspeed = 3\n[[source]]\nname="a"', "missing|no setting"),
        ('name = "x"\n[training]\nstep = 3\n[[source]]\nname="a"\npath="p"\nlicence="l"\n'
         'attribution="t"', "no setting step"),
        ('[[source]]\nname="a"\npath="p"\nlicence="l"\nattribution="t"', "missing"),
    ],
)  # fmt: skip
def test_a_faulty_recipe_names_the_fault(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=message):
        read_recipe(path)


def test_a_missing_file_and_a_broken_line_are_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="--data"):
        read_material(recipe(tmp_path, source("nothing.tsv")), tmp_path)
    (tmp_path / "a.tsv").write_text("一\tone\n二\n", encoding="utf-8")
    with pytest.raises(BadInput, match="1 fields") as raised:
        read_material(recipe(tmp_path, source("a.tsv")), tmp_path)
    assert raised.value.line == 2


def test_the_shipped_recipe_can_be_read() -> None:
    found = read_recipe(ROOT / "data" / "parallel" / "recipe.toml")
    assert isinstance(found.training, DistilPlan)
    assert all(one.licence and one.attribution for one in found.sources)
