"""`tripod data`: sample content of any size."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from core.commands import AsJson, Home, core_settings, deferred, emit, group
from core.errors import BadInput

app = group("Sample content: simulate it in any size.")

SAMPLES = Path(__file__).parents[1] / "data"


class Simulated(StrEnum):
    MONITOR = "monitor"
    RECOMMEND = "recommend"


@app.callback()
def _root() -> None:
    """Sample content: simulate it in any size."""


@app.command()
def simulate(
    what: Annotated[Simulated, typer.Argument(help="Whose content.")],
    output: Annotated[
        Path | None, typer.Option(help="Where to (default: simulated/ under --home).")
    ] = None,
    documents: Annotated[int, typer.Option(min=1, help="monitor: documents of 90 days.")] = 30_000,
    videos: Annotated[int, typer.Option(min=1, help="recommend: videos.")] = 600,
    users: Annotated[int, typer.Option(min=1, help="recommend: viewers.")] = 1000,
    events: Annotated[int, typer.Option(min=1, help="recommend: events.")] = 60_000,
    seed: Annotated[
        int, typer.Option(help="recommend: another one draws other events.")
    ] = 20260601,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Write a stream of news, or videos with viewers and their events, from the hand-written parts
    in `data`. The same numbers and seed give the same files."""
    folder = output or core_settings(home).home / "simulated" / what
    if what is Simulated.MONITOR:
        made: dict[str, object] = {
            "documents": deferred("apps.monitor.simulate:write")(
                folder, parts=SAMPLES / "monitor", documents=documents
            )
        }
    else:
        made = _videos(folder, videos=videos, users=users, events=events, seed=seed)
    emit({"folder": str(folder)} | made, as_json=as_json)


def _videos(folder: Path, *, videos: int, users: int, events: int, seed: int) -> dict[str, object]:
    most = deferred("apps.recommend.sample_videos:MOST_VIDEOS")
    if videos > most:
        raise BadInput(
            f"the parts give {most} different videos, not {videos}",
            field="videos",
            remedy="add topics to data/recommend/topics.tsv or ask for fewer",
        )
    if events < 8 * users:
        raise BadInput(
            f"{events} events are fewer than 8 for each of {users} viewers",
            field="events",
            remedy="ask for more events or fewer users",
        )
    catalogue = deferred("apps.recommend.sample_videos:catalogue_of")(videos)
    scale = deferred("apps.recommend.simulate:Scale")(viewers=users, events=events)
    written = deferred("apps.recommend.simulate:write")(
        folder, parts=SAMPLES / "recommend", seed=seed, scale=scale, catalogue=catalogue
    )
    return {"videos": videos, "users": users, "events": written}
