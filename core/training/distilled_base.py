"""`tripod models distil`: from a recipe and its parallel text to a base model in two languages."""

import hashlib
import json
import shutil
import time
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import torch
from torch.nn import functional

from core.errors import BadInput
from core.models.base_model import (
    OVERLAY_KIND,
    OVERLAY_WEIGHTS,
    BaseModel,
    base_model,
    packaged_model,
    sha256_of,
)
from core.models.manifest import FILE_NAME, Json, Manifest
from core.models.text_model import TOKENIZER
from core.models.tokens import TextTokenizer
from core.progress import say
from core.training.code import code_revision
from core.training.distil import Distillation, SplitEmbedding, translation_top_1
from core.training.encoder import HeadedEncoder, load_encoder, tokenizer_file_of
from core.training.lessons import lessons_of
from core.training.overlay import WORD_EMBEDDINGS, write_overlay
from core.training.recipe import (
    Material,
    ParallelPair,
    Recipe,
    files_of,
    read_material,
    read_recipe,
)
from core.training.teacher import Teacher, pooled_vectors
from core.training.vocabulary import (
    Pieces,
    choose_pieces,
    extended_tokenizer,
    initial_rows,
)

MEASURED_PAIRS = 1000


@dataclass(frozen=True)
class DistilRequest:
    """`data` is the folder that the recipe's paths start from, `work` where killed runs find their
    checkpoints, `board` where the curves go; `command` is kept in the manifest; `steps` 0 takes
    the recipe's."""

    recipe: Path
    data: Path
    output: Path
    work: Path
    board: Path
    command: str
    steps: int = 0


def distil_base(request: DistilRequest) -> dict[str, Json]:
    """Make the base model in `request.output`; returns what the command prints.

    The same call after a crash goes on from its checkpoint. On a machine with a GPU it trains
    there.
    """
    started = time.monotonic()
    recipe = read_recipe(request.recipe)
    if request.steps:
        recipe = replace(recipe, training=replace(recipe.training, steps=request.steps))
    below = base_model(recipe.base) if recipe.base else packaged_model()
    if below.overlay is not None:
        raise BadInput("the base has been extended already", field="base", file=str(request.recipe))
    material = read_material(recipe, request.data)
    sources = _described(recipe, material, request.data)
    work = request.work / f"distil-{_fingerprint(recipe, below, sources)}"
    staging = work / "made"
    staging.mkdir(parents=True, exist_ok=True)
    run = _taught(recipe, material, below, work=work, staging=staging, board=request.board)
    manifest = _manifest(request, recipe, material, below, staging, sources=sources, run=run)
    _write(manifest, staging)
    pairs = material.held_out[:MEASURED_PAIRS]
    measured = measure(base_model(str(staging)), pairs, below=below, work=work)
    manifest = replace(manifest, metrics=measured)
    _write(manifest, staging)
    _put(staging, request.output)
    shutil.rmtree(work)
    return {
        "name": recipe.name,
        "folder": str(request.output),
        "sha256": manifest.files[OVERLAY_WEIGHTS],
        "steps": recipe.training.steps,
        "seconds": round(time.monotonic() - started, 1),
        "bytes": sum(path.stat().st_size for path in request.output.iterdir()),
        "metrics": dict(measured),
    }


def _taught(
    recipe: Recipe, material: Material, below: BaseModel, *, work: Path, staging: Path, board: Path
) -> Distillation:
    """Train, and write tokenizer and weights into `staging`."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    file = tokenizer_file_of(below, work)
    original = file.read_text(encoding="utf-8")
    pieces = _pieces(recipe, material, original)
    extended = staging / TOKENIZER
    extended.write_text(extended_tokenizer(original, pieces), encoding="utf-8")
    length = recipe.training.max_length
    tokenizer = TextTokenizer(extended, max_length=length)
    teacher = Teacher(
        load_encoder(below, {}, dropout=0.0).to(device), TextTokenizer(file, max_length=length)
    )
    lessons = lessons_of(
        material, pieces, tokenizer, teacher, extended=extended, folder=work, device=device
    )
    student, embeddings = _student(
        below, material, pieces, original, dropout=recipe.training.dropout
    )
    run = Distillation(
        student,
        lessons,
        recipe.training,
        embeddings=embeddings,
        below=teacher.model.transformer,
        tokenizer=tokenizer,
        held_out=material.held_out[-MEASURED_PAIRS:],
        folder=work,
        board=board,
        device=device,
    )
    run.train().to("cpu")
    write_overlay(
        staging,
        rows=embeddings.new.detach(),
        transformer=student.transformer,
        below=teacher.model.transformer,
    )
    return run


def _pieces(recipe: Recipe, material: Material, original: str) -> Pieces:
    pieces = choose_pieces(
        material.dictionary,
        (pair.text for pair in material.sentences),
        known=json.loads(original)["model"]["vocab"],
        characters=recipe.vocabulary.characters,
        words=recipe.vocabulary.words,
    )
    say(
        f"{recipe.name}: {len(pieces.characters)} characters, {len(pieces.words)} words and "
        f"{len(pieces.emoji)} emoji are new"
    )
    return pieces


def measure(
    base: BaseModel, pairs: tuple[ParallelPair, ...], *, below: BaseModel, work: Path
) -> dict[str, float]:
    """Of a base as it was written: top-1 among held-out translations, and how near its English
    vectors are to those of the model `below`."""
    if not pairs:
        return {}
    cpu = torch.device("cpu")
    found = {}
    english = [pair.english for pair in pairs]
    for name, model, texts in (
        ("text", base, [pair.text for pair in pairs]),
        ("english", base, english),
        ("teacher", below, english),
    ):
        tokenizer = TextTokenizer(tokenizer_file_of(model, work), max_length=128)
        vectors = pooled_vectors(
            load_encoder(model, {}, dropout=0.0),
            tokenizer(texts).ids,
            pad_id=tokenizer.pad_id,
            device=cpu,
        )
        found[name] = functional.normalize(vectors, dim=-1)
    return {
        "translation_top_1": translation_top_1(found["text"] @ found["english"].T),
        "english_cosine": float((found["english"] * found["teacher"]).sum(dim=1).mean()),
    }


def _student(
    below: BaseModel, material: Material, pieces: Pieces, original: str, *, dropout: float
) -> tuple[HeadedEncoder, SplitEmbedding]:
    """The encoder with the new rows in place, and these rows."""
    student = load_encoder(below, {}, dropout=dropout)
    known = student.transformer.get_parameter(WORD_EMBEDDINGS).detach()
    new = initial_rows(pieces, material.dictionary, base=original, rows=known.numpy())
    embeddings = SplitEmbedding(known, torch.from_numpy(new))
    student.transformer.get_submodule("embeddings").word_embeddings = embeddings
    return student, embeddings


def _described(recipe: Recipe, material: Material, data: Path) -> list[Json]:
    """Every source with what may be said of it: size, licence, attribution, checksums."""
    return [
        {
            "name": source.name,
            "pairs": len(pairs),
            "licence": source.licence,
            "attribution": source.attribution,
            "files": {path.name: sha256_of(path) for path in files_of(source, recipe, data)},
        }
        for source, pairs in material.sources
    ]


def _fingerprint(recipe: Recipe, below: BaseModel, sources: list[Json]) -> str:
    described = [asdict(recipe.training), asdict(recipe.vocabulary), below.sha256, sources]
    return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:16]


def _manifest(
    request: DistilRequest,
    recipe: Recipe,
    material: Material,
    below: BaseModel,
    staging: Path,
    *,
    sources: list[Json],
    run: Distillation,
) -> Manifest:
    return Manifest(
        kind=OVERLAY_KIND,
        name=recipe.name,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        base=below.name,
        base_sha256=below.sha256,
        data_sha256=hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest(),
        data_licence="; ".join(dict.fromkeys(source.licence for source in recipe.sources)),
        languages=recipe.languages,
        seed=recipe.training.seed,
        code_revision=code_revision(),
        method="distil",
        max_length=recipe.training.max_length,
        dimension=run.student.dimension,
        files={name: sha256_of(staging / name) for name in (TOKENIZER, OVERLAY_WEIGHTS)},
        extra={
            "command": request.command,
            "sources": sources,
            "training": {**asdict(recipe.training), "seconds": round(run.position.seconds, 1)},
            "vocabulary": asdict(recipe.vocabulary),
            "held_out_pairs": len(material.held_out),
        },
    )


def _write(manifest: Manifest, folder: Path) -> None:
    (folder / FILE_NAME).write_text(manifest.to_json(), encoding="utf-8")


def _put(staging: Path, output: Path) -> None:
    """The files in their place, the manifest last: without it they are no base model."""
    output.mkdir(parents=True, exist_ok=True)
    (output / FILE_NAME).unlink(missing_ok=True)
    for name in (TOKENIZER, OVERLAY_WEIGHTS, FILE_NAME):
        shutil.copyfile(staging / name, output / f".{name}.partial")
        (output / f".{name}.partial").replace(output / name)
