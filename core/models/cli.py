"""`tripod models`: train, measure, use, promote and roll back text models."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from core.commands import AsJson, Home, core_settings, deferred, emit, group
from core.errors import BadInput
from core.models.archive import export_artefact, import_artefact
from core.models.promotions import Promotion
from core.models.registry import Registry
from core.models.text_model import UNSUPPORTED, TextModel
from core.progress import bar
from core.rows import parse_time, read_rows, write_rows

app = group("Train, measure, use, promote and roll back text models.")

Version = Annotated[
    str, typer.Argument(metavar="VERSION", help="A version, its beginning, or a name in use.")
]
VersionOrBase = Annotated[
    str,
    typer.Argument(metavar="VERSION|base", help="A model, or the base model without training."),
]
Name = Annotated[str, typer.Argument(help="The name that models serve under, e.g. support.")]
TextColumn = Annotated[str, typer.Option(help="Column of the text.")]
LabelColumn = Annotated[str, typer.Option(help="Column of the label.")]
Head = Annotated[str, typer.Option(help="The head to use, where the model has several.")]
CHUNK = 4096


def registry_of(home: Path | None) -> Registry:
    return Registry(core_settings(home).home / "registry")


def opened(registry: Registry, reference: str, home: Path | None) -> TextModel:
    """The model of a version, a name in use, or "base" (exported on first use)."""
    if reference == "base":
        make = deferred("core.training.base_artefact:base_artefact")
        reference = make(registry, core_settings(home).base_model)
    return TextModel.load(registry.open(registry.resolve(reference)).path)


@app.command()
def train(
    data: Annotated[Path, typer.Option(help="Labelled texts: .csv, .tsv or .jsonl, also .gz.")],
    eval: Annotated[Path | None, typer.Option(help="Test file; never learned from.")] = None,
    method: Annotated[str, typer.Option(help="full, linear or auto.")] = "auto",
    base: Annotated[str, typer.Option(help="Hub id or folder (default: the packaged base).")] = "",
    epochs: Annotated[int, typer.Option(min=0, help="Passes over the data (0: by size).")] = 0,
    seed: Annotated[int, typer.Option(help="Seed of everything random.")] = 0,
    out_of_scope_label: Annotated[str, typer.Option(help="Label of texts to refuse.")] = "",
    budget_minutes: Annotated[float, typer.Option(min=0.0, help="Stop in time (0: no limit).")] = 0,
    name: Annotated[str, typer.Option(help="What the model is for.")] = "model",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Fine-tune a model on a labelled file. A killed run goes on when it is started again."""
    request = deferred("core.training.labelled_file:TrainRequest")(
        data=data,
        evaluation=eval,
        method=method,
        base=base or core_settings(home).base_model,
        epochs=epochs,
        seed=seed,
        out_of_scope_label=out_of_scope_label,
        budget_minutes=budget_minutes,
        name=name,
        text_column=text_column,
        label_column=label_column,
    )
    result = deferred("core.training.labelled_file:train_on_file")(registry_of(home), request)
    emit(result, as_json=as_json)


@app.command()
def evaluate(
    version: Version,
    data: Annotated[Path, typer.Option(help="Labelled texts to measure on.")],
    head: Head = "",
    out_of_scope_label: Annotated[str, typer.Option(help="Label of texts to refuse.")] = "",
    text_column: TextColumn = "text",
    label_column: LabelColumn = "label",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Measure a model on a labelled file, as it serves."""
    model = opened(registry_of(home), version, home)
    chosen = deferred("core.evaluation.labelled_file:only_head")(model, head)
    texts, labels = _columns(data, {"text": text_column, "label": label_column})
    examples = deferred("core.evaluation.labelled_file:LabelledTexts")(texts, labels)
    metrics = deferred("core.evaluation.labelled_file:evaluate_labelled")(
        model, examples, head=chosen, out_of_scope_label=out_of_scope_label
    )
    emit({"version": model.version, "head": chosen, "metrics": metrics}, as_json=as_json)


@app.command()
def predict(
    version: Version,
    input: Annotated[Path, typer.Option(help="Texts to label.")],
    output: Annotated[Path, typer.Option(help="Where the predictions go.")],
    head: Head = "",
    text_column: TextColumn = "text",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Label every text of a file; one that the model cannot read is unsupported_language."""
    model = opened(registry_of(home), version, home)
    chosen = deferred("core.evaluation.labelled_file:only_head")(model, head)
    labels = model.labels(chosen)
    (texts,) = _columns(input, {"text": text_column})
    started = time.monotonic()

    def rows() -> Iterator[dict[str, object]]:
        for chunk in _chunks(texts, description="predicting"):
            found = model.analyse(chunk)
            every = zip(chunk, found.probabilities[chosen], found.refused, strict=True)
            for text, values, refused in every:
                best = int(values.argmax())
                shares = {name: round(float(p), 6) for name, p in zip(labels, values, strict=True)}
                yield {
                    "text": text,
                    "label": UNSUPPORTED if refused else labels[best],
                    "probability": round(float(values[best]), 6),
                    "probabilities": shares,
                }

    n = write_rows(output, rows())
    rate = n / max(time.monotonic() - started, 1e-9)
    emit({"version": model.version, "n": n, "texts_per_second": rate}, as_json=as_json)


@app.command()
def encode(
    version: VersionOrBase,
    input: Annotated[Path, typer.Option(help="Texts to encode.")],
    output: Annotated[Path, typer.Option(help="Where the vectors go, as .npy.")],
    text_column: TextColumn = "text",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write a unit vector for every text of a file, float32 (texts, dimension)."""
    if output.suffix != ".npy":
        raise BadInput("vectors are written as .npy", field="output", remedy=f"{output.stem}.npy")
    model = opened(registry_of(home), version, home)
    (texts,) = _columns(input, {"text": text_column})
    started = time.monotonic()
    parts = [model.encode(chunk) for chunk in _chunks(texts, description="encoding")]
    rate = len(texts) / max(time.monotonic() - started, 1e-9)
    partial = output.with_name(f".{output.name}.partial.npy")
    np.save(partial, np.concatenate(parts))
    partial.replace(output)
    result = {
        "version": model.version,
        "n": len(texts),
        "dimension": model.dimension,
        "texts_per_second": rate,
    }
    emit(result, as_json=as_json)


@app.command()
def similarity(
    version: VersionOrBase,
    data: Annotated[Path, typer.Option(help="Pairs: text_a, text_b, and score or label.")],
    text_a_column: Annotated[str, typer.Option(help="Column of the first text.")] = "text_a",
    text_b_column: Annotated[str, typer.Option(help="Column of the second text.")] = "text_b",
    score_column: Annotated[str, typer.Option(help="Column of a graded score.")] = "score",
    label_column: Annotated[str, typer.Option(help="Column of a 0/1 label.")] = "label",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Compare cosine similarities with graded scores (Spearman) or 0/1 labels (AUC)."""
    model = opened(registry_of(home), version, home)
    measure = deferred("core.evaluation.similarity:similarity_of_file")
    columns = {
        "text_a": text_a_column,
        "text_b": text_b_column,
        "score": score_column,
        "label": label_column,
    }
    emit({"version": model.version, **measure(model, data, columns=columns)}, as_json=as_json)


@app.command()
def distil(
    recipe: Annotated[Path, typer.Option(help="What to learn from and how, .toml.")],
    data: Annotated[Path, typer.Option(help="Folder that the recipe's paths start from.")],
    output: Annotated[Path, typer.Option(help="Folder that the base model is written to.")],
    steps: Annotated[int, typer.Option(min=0, help="Steps (0: as the recipe says).")] = 0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Teach an English base model another language. A killed run goes on when started again."""
    root = registry_of(home).root
    request = deferred("core.training.distilled_base:DistilRequest")(
        recipe=recipe,
        data=data,
        output=output,
        work=root / "training",
        board=root / "tensorboard" / f"distil-{output.name}",
        command=f"tripod models distil --recipe {recipe} --data DATA --output {output}",
        steps=steps,
    )
    emit(deferred("core.training.distilled_base:distil_base")(request), as_json=as_json)


@app.command(name="list")
def list_models(home: Home = None, as_json: AsJson = False) -> None:
    """All models of this home, and the names they serve under."""
    registry = registry_of(home)
    serving = {registry.current(name): name for name in registry.names()}
    rows = []
    for version in registry.versions():
        manifest = registry.describe(version).manifest
        rows.append(
            {
                "version": version,
                "name": manifest.name,
                "kind": manifest.kind,
                "created_at": manifest.created_at,
                "serves": serving.get(version, ""),
            }
        )
    rows.sort(key=lambda row: row["created_at"])

    def text() -> str:
        lines = [f"{r['version']}  {r['created_at']}  {r['kind']:<10}  {r['name']:<16}"
                 + (f"  serves {r['serves']}" if r["serves"] else "") for r in rows]  # fmt: skip
        return "\n".join(lines) or "no models yet: `tripod models train --data FILE` makes one"

    emit({"models": rows}, as_json=as_json, text=text)


@app.command()
def show(version: Version, home: Home = None, as_json: AsJson = False) -> None:
    """What a model says of itself: its manifest."""
    registry = registry_of(home)
    artefact = registry.open(registry.resolve(version))
    emit({"path": str(artefact.path), **asdict(artefact.manifest)}, as_json=as_json)


@app.command()
def promote(
    version: Version,
    name: Annotated[str, typer.Option(help="The name to serve under.")],
    metric: Annotated[str, typer.Option(help="Held-out metric that may not fall.")] = "",
    force: Annotated[bool, typer.Option(help="Pass over the gate; the log says so.")] = False,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Let a model serve under a name, unless it is worse than the one in use."""
    registry = registry_of(home)
    found = registry.promote(
        name, registry.resolve(version), now=datetime.now(UTC), metric=metric, force=force
    )
    emit(_entry(found), as_json=as_json, text=f"{found.version} serves as {name}")


@app.command()
def rollback(name: Name, home: Home = None, as_json: AsJson = False) -> None:
    """Serve again what served before."""
    found = registry_of(home).rollback(name, now=datetime.now(UTC))
    emit(_entry(found), as_json=as_json, text=f"{found.version} serves as {name} again")


@app.command()
def history(
    name: Name,
    at: Annotated[str, typer.Option(help="Only what served at this time (RFC 3339).")] = "",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Which versions served under a name, and since when."""
    registry = registry_of(home)
    if at:
        try:
            when = parse_time(at)
        except ValueError as error:
            raise BadInput(str(error), field="at", remedy="e.g. 2026-01-31T12:00:00Z") from error
        emit({"name": name, "at": when, "version": registry.at(name, when)}, as_json=as_json)
        return
    entries = [_entry(entry) for entry in registry.history(name)]
    emit(
        {"name": name, "history": entries},
        as_json=as_json,
        text="\n".join(
            f"{e['at']}  {e['action']:<8}  {e['version']}  {e['reason']}" for e in entries
        )
        or f'nothing has served as "{name}" yet',
    )


@app.command(name="export")
def export_model(
    version: Version,
    output: Annotated[Path, typer.Argument(help="The file to write, .tar.gz.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write a model to one file, checksums included."""
    registry = registry_of(home)
    artefact = registry.open(registry.resolve(version))
    size = export_artefact(artefact, output)
    emit(
        {"version": artefact.manifest.version, "file": str(output), "bytes": size}, as_json=as_json
    )


@app.command(name="import")
def import_model(
    file: Annotated[Path, typer.Argument(help="A file that `tripod models export` wrote.")],
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Add a model from one file; a damaged or changed file is refused."""
    manifest = import_artefact(registry_of(home), file)
    emit({"version": manifest.version, "name": manifest.name}, as_json=as_json)


def _entry(entry: Promotion) -> dict[str, object]:
    return asdict(entry) | {"at": entry.at.isoformat()}


def _columns(path: Path, columns: dict[str, str]) -> tuple[tuple[str, ...], ...]:
    rows = list(read_rows(path, columns=columns, required=tuple(columns)))
    return tuple(tuple(row.text(name) for row in rows) for name in columns)


def _chunks(texts: Iterable[str], *, description: str) -> Iterator[list[str]]:
    texts = list(texts)
    source = iter(texts)
    with bar(description=description, total=len(texts)) as advance:
        while chunk := list(islice(source, CHUNK)):
            yield chunk
            advance(len(chunk))
