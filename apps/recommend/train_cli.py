"""`tripod recommend train`: this module, and what it imports, needs torch."""

from typing import Annotated

import typer

from apps.recommend.cli import settings_of
from apps.recommend.train import train
from core.commands import AsJson, Home, emit

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command("train")
def train_command(
    *,
    budget_minutes: Annotated[float, typer.Option(min=0.1, help="Time for both models.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Same seed and data, same ranker.")] = 0,
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Train the text encoder and the ranker on the events, and put both into use."""
    found = train(settings_of(home), budget_minutes=budget_minutes, seed=seed)
    emit(
        {
            "version": found.ranker.version,
            "metrics": dict(found.ranker.metrics),
            "seconds": round(found.seconds, 1),
            "text_version": found.text.version,
            "text_metrics": dict(found.text.metrics),
            "weights": found.ranker.extra["weights"],
        },
        as_json=as_json,
    )
