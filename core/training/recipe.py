"""What a distillation learns from and how: a TOML file, and the parallel text that it names."""

import gzip
import random
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from core.errors import BadInput
from core.rows import read_rows

# A gloss begins with such a mark where its meaning is not the literal one.
GLOSS_MARK = re.compile(r"^\(?(fig|lit|abbr)\.?\)?\s*")
WORD_CHARACTERS = re.compile(r"\W+")
FEWEST_HELD_OUT_CHARACTERS = 5
HEADER = ["zh", "en"]

T = TypeVar("T")


@dataclass(frozen=True)
class ParallelPair:
    """A text and its English translation."""

    text: str
    english: str


@dataclass(frozen=True)
class Source:
    """Files of pairs: `path` may be a pattern, and starts with "./" where they lie beside the
    recipe. `columns` names the text's and the English column of a table; without it a line is
    `text<TAB>english`. `weight` is how often a pair is drawn compared with one of weight 1;
    `held_out` pairs are kept for measuring."""

    name: str
    path: str
    licence: str
    attribution: str
    columns: tuple[str, ...] = ()
    dictionary: bool = False
    weight: float = 1.0
    held_out: int = 0


@dataclass(frozen=True)
class Vocabulary:
    """How many new pieces at most."""

    characters: int = 8000
    words: int = 24000


@dataclass(frozen=True)
class DistilPlan:
    """Settings of one distillation.

    A step reads at most `batch_tokens` tokens, padding included. The first `rows_share` of the
    steps trains the new rows alone, the others everything but the base's own rows. At the end the
    encoder's weights are moved `pull_back` of the way towards what they were: English stays nearer
    to the teacher, and Chinese loses next to nothing (Wortsman et al. 2022, arXiv:2109.01903).
    `replay_share` of the texts are English ones. A word of a text is spelled out in its characters
    with the probability `spelled_share` (subword regularization, Kudo 2018, arXiv:1804.10959), so
    that these learn too and words that are no pieces are understood. A piece is left out with the
    probability `left_out_share`, and the encoder has `dropout`, so that pairs are not learned by
    heart. `similarity` weighs the contrastive loss, `soft_similarity` the divergence of the
    student's similarities from the teacher's, both over the batch's targets and `pool` others at
    the inverse temperature `scale`.
    """

    steps: int = 5000
    batch_tokens: int = 2048
    rows_share: float = 0.1
    rows_rate: float = 2e-3
    encoder_rate: float = 2e-4
    replay_share: float = 0.2
    spelled_share: float = 0.0
    left_out_share: float = 0.0
    dropout: float = 0.0
    distance: float = 1.0
    similarity: float = 1.0
    soft_similarity: float = 1.0
    scale: float = 20.0
    pool: int = 4096
    pull_back: float = 0.2
    max_length: int = 64
    gradient_norm: float = 1.0
    warmup_steps: int = 50
    seed: int = 0
    checkpoint_seconds: float = 60.0


@dataclass(frozen=True)
class Recipe:
    name: str
    languages: tuple[str, ...]
    sources: tuple[Source, ...]
    folder: Path
    base: str = ""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    training: DistilPlan = field(default_factory=DistilPlan)


@dataclass(frozen=True)
class Material:
    """The pairs of every source without what is held out; `held_out` are pairs that share no
    sentence with them or with each other."""

    sources: tuple[tuple[Source, tuple[ParallelPair, ...]], ...]
    held_out: tuple[ParallelPair, ...]

    @property
    def dictionary(self) -> dict[str, list[str]]:
        """English glosses by headword."""
        found: dict[str, list[str]] = defaultdict(list)
        for source, pairs in self.sources:
            if source.dictionary:
                for pair in pairs:
                    found[pair.text].append(pair.english)
        return dict(found)

    @property
    def sentences(self) -> list[ParallelPair]:
        return [pair for source, pairs in self.sources if not source.dictionary for pair in pairs]


def read_recipe(path: Path) -> Recipe:
    """Raises `BadInput` naming the place where the file is no recipe."""
    try:
        body = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadInput(f"there is no recipe {path}", file=str(path)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadInput(f"not TOML: {error}", file=str(path)) from error
    body["sources"] = tuple(
        _build(Source, {**source, "columns": tuple(source.get("columns", ()))}, f"source {n}", path)
        for n, source in enumerate(body.pop("source", []), start=1)
    )
    body["languages"] = tuple(body.get("languages", ()))
    body["folder"] = path.parent
    for name, kind in (("vocabulary", Vocabulary), ("training", DistilPlan)):
        if name in body:
            body[name] = _build(kind, body[name], name, path)
    recipe = _build(Recipe, body, "the recipe", path)
    if not recipe.sources:
        raise BadInput("the recipe names no [[source]]", file=str(path), field="source")
    return recipe


def read_material(recipe: Recipe, root: Path) -> Material:
    """The sources' files, sought under `root` or beside the recipe."""
    read = [
        (source, [pair for path in files_of(source, recipe, root) for pair in _read(source, path)])
        for source in recipe.sources
    ]
    held_out: list[ParallelPair] = []
    for source, pairs in read:
        held_out += hold_out(pairs, n=source.held_out, seed=recipe.training.seed)
    kept_away = {_key(pair.text) for pair in held_out} | {_key(pair.english) for pair in held_out}
    sources = tuple(
        (
            source,
            tuple(
                pair
                for pair in pairs
                if _key(pair.text) not in kept_away and _key(pair.english) not in kept_away
            ),
        )
        for source, pairs in read
    )
    return Material(sources, tuple(held_out))


def files_of(source: Source, recipe: Recipe, root: Path) -> list[Path]:
    """The files that a source names, sorted by name; `BadInput` where there is none."""
    folder = recipe.folder if source.path.startswith("./") else root
    found = sorted(folder.glob(source.path.removeprefix("./")))
    if not found:
        raise BadInput(
            f"the source {source.name} has no file {source.path} in {folder}",
            file=str(folder / source.path),
            remedy="give the folder of the parallel text with --data",
        )
    return found


def hold_out(pairs: Sequence[ParallelPair], *, n: int, seed: int) -> list[ParallelPair]:
    """`n` pairs no two of which share a sentence, drawn with the seed."""
    chosen: list[ParallelPair] = []
    seen: set[str] = set()
    order = list(range(len(pairs)))
    random.Random(seed).shuffle(order)
    for number in order:
        pair = pairs[number]
        keys = {_key(pair.text), _key(pair.english)}
        if len(chosen) < n and len(pair.text) >= FEWEST_HELD_OUT_CHARACTERS and not keys & seen:
            chosen.append(pair)
            seen |= keys
    return chosen


def _key(text: str) -> str:
    return WORD_CHARACTERS.sub("", text.lower())


def _read(source: Source, path: Path) -> Iterator[ParallelPair]:
    for text, english in _table(source, path) if source.columns else _lines(path):
        gloss = GLOSS_MARK.sub("", english.strip()) if source.dictionary else english.strip()
        if text.strip() and gloss:
            yield ParallelPair(text.strip(), gloss)


def _table(source: Source, path: Path) -> Iterator[tuple[str, str]]:
    columns = dict(zip(("text", "english"), source.columns, strict=True))
    for row in read_rows(path, columns=columns, required=("text", "english")):
        yield row.text("text"), row.text("english")


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as stream:
        for number, line in enumerate(stream, start=1):
            cells = line.rstrip("\n").split("\t")
            if number == 1 and cells == HEADER:
                continue
            if len(cells) != 2:
                raise BadInput(
                    f"{len(cells)} fields, not 2", file=str(path), line=number,
                    remedy="write text<TAB>english",
                )  # fmt: skip
            yield cells[0], cells[1]


def _build(kind: type[T], body: dict[str, Any], place: str, path: Path) -> T:
    known = {one.name for one in fields(kind)}  # type: ignore[arg-type]
    if unknown := set(body) - known:
        raise BadInput(
            f"{place} has no setting {min(unknown)}",
            file=str(path),
            field=min(unknown),
            remedy=f"use one of {', '.join(sorted(known))}",
        )
    try:
        return kind(**body)
    except TypeError as error:
        raise BadInput(f"{place}: {error}", file=str(path)) from error
