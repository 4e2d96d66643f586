"""`tripod recommend`: import, train, evaluate, and ask for recommendations."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from apps.recommend import service, wire
from apps.recommend.answering import Query
from apps.recommend.importing import Kind, Tally
from apps.recommend.runtime import build
from apps.recommend.settings import RecommendSettings
from core.commands import AsJson, Home, emit, group
from core.errors import BadInput
from core.progress import say

app = group(
    "Recommendations for the users of a video site or shop.",
    lazy={
        "train": "apps.recommend.train_cli:app",
        "evaluate": "apps.recommend.evaluate_cli:app",
    },
)


@app.callback()
def _root() -> None:
    """Recommendations for the users of a video site or shop."""


def settings_of(home: Path | None) -> RecommendSettings:
    """Settings with the home folder of the command line, where one was given."""
    return RecommendSettings() if home is None else RecommendSettings(home=home)


@app.command("import")
def import_command(
    *,
    items: Annotated[
        Path | None, typer.Option(help="item_id, title, description, tags ...")
    ] = None,
    users: Annotated[Path | None, typer.Option(help="user_id, language")] = None,
    events: Annotated[
        Path | None, typer.Option(help="user_id, item_id, timestamp, kind, value, event_id")
    ] = None,
    item_column: Annotated[str, typer.Option()] = "item_id",
    user_column: Annotated[str, typer.Option()] = "user_id",
    timestamp_column: Annotated[str, typer.Option()] = "timestamp",
    title_column: Annotated[str, typer.Option()] = "title",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Bring in items, users and events; the same file again changes nothing."""
    given: dict[Kind, Path | None] = {"items": items, "users": users, "events": events}
    files = {kind: path for kind, path in given.items() if path is not None}
    if not files:
        raise BadInput("nothing to import", remedy="give --items, --users or --events")
    columns = {
        "item_id": item_column,
        "user_id": user_column,
        "timestamp": timestamp_column,
        "title": title_column,
    }
    tallies: dict[str, Tally] = {}
    with build(settings_of(home)) as runtime:
        for kind, path in files.items():
            tallies[kind] = service.import_file(runtime, kind, path, columns=columns)
            for line, reason in tallies[kind].problems:
                say(f"{path}, line {line}: {reason}")
    total = sum(tallies.values(), Tally())
    emit(
        total.counts | {kind: _counted(tally) for kind, tally in tallies.items()},
        as_json=as_json,
    )


def _counted(tally: Tally) -> dict[str, object]:
    problems = [{"line": line, "reason": reason} for line, reason in tally.problems]
    return {**tally.counts, "problems": problems}


@app.command("for")
def for_command(
    user: Annotated[str, typer.Argument(help="The user's id; an unknown one is a new user.")],
    *,
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many.")] = 10,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Recommendations for a user, with the reasons."""
    with build(settings_of(home)) as runtime:
        query = Query(user_id=user, n=n, scenario="command")
        body = wire.answer_body(service.recommend(runtime, query, now=datetime.now(UTC)))
    emit(body.model_dump(mode="json"), as_json=as_json, text=lambda: _lines(body))


def _lines(body: wire.RecommendationResponse) -> str:
    head = [f"(fallback: {body.fallback_applied})"] if body.fallback_applied else []
    return "\n".join(
        head
        + [
            f"{shown.rank:>3}  {shown.item_id:<10} {shown.score:.3f}  {shown.title}"
            + "".join(f"\n     - {reason.text}" for reason in shown.reasons)
            for shown in body.items
        ]
    )
