"""`tripod recommend evaluate`: our ranking against the baselines on anybody's events."""

import time
from pathlib import Path
from typing import Annotated, cast

import typer

from apps.recommend.evaluation.grids import baselines, parts
from apps.recommend.evaluation.peers import peers
from apps.recommend.evaluation.report import OURS, Plan, Report, evaluate
from apps.recommend.events_file import read_events
from apps.recommend.item_texts import text_vectors
from apps.recommend.settings import RecommendSettings
from core.commands import AsJson, Home, emit
from core.progress import bar, say

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


@app.command("evaluate")
def evaluate_command(
    *,
    events: Annotated[Path, typer.Option(help="Events: user, item, time.")],
    items: Annotated[
        Path | None, typer.Option(help="Items with texts, which our ranking then uses.")
    ] = None,
    protocol: Annotated[str, typer.Option(help="leave-one-out or temporal.")] = "leave-one-out",
    k: Annotated[int, typer.Option(min=1, help="Length of the lists.")] = 10,
    budget_minutes: Annotated[float, typer.Option(min=0.05, help="Time for the tuning.")] = 5.0,
    seed: Annotated[int, typer.Option(help="Breaks ties and draws the bootstrap.")] = 0,
    user_column: Annotated[str, typer.Option()] = "user_id",
    item_column: Annotated[str, typer.Option()] = "item_id",
    timestamp_column: Annotated[str, typer.Option()] = "timestamp",
    title_column: Annotated[str, typer.Option(help="In the items file.")] = "title",
    home: Home = None,
    as_json: AsJson = False,
) -> None:
    """Measure our ranking and the baselines: tuned on validation, refit, full ranking on test."""
    started = time.monotonic()
    columns = {"user_id": user_column, "item_id": item_column, "timestamp": timestamp_column}
    log = read_events(events, columns=columns)
    settings = RecommendSettings() if home is None else RecommendSettings(home=home)
    vectors = None
    if items is not None:
        vectors = text_vectors(
            items,
            item_ids=log.item_ids,
            columns={"item_id": item_column, "title": title_column},
            settings=settings,
        )
    names = [*baselines(), *peers(), *parts(vectors), OURS]
    plan = Plan(protocol=protocol, k=k, seed=seed, budget=budget_minutes * 60, vectors=vectors)
    with bar(description="Tuning", total=len(names)) as advance:

        def done(name: str) -> None:
            say(f"tuned {name} ({time.monotonic() - started:.0f} s)")
            advance(1)

        report = evaluate(log.interactions, plan=plan, notify=done)
    report["seconds"] = round(time.monotonic() - started, 1)
    emit(report, as_json=as_json, text=lambda: table(report))


def table(report: Report) -> str:
    """The report as lines for people, best NDCG first."""
    k = report["k"]
    models = cast("dict[str, dict[str, float]]", report["models"])
    comparison = cast("dict[str, object]", report["comparison"])
    header = f"{'model':<16}{f'HR@{k}':>9}{f'NDCG@{k}':>9}{f'MRR@{k}':>9}"
    lines = [
        f"{report['protocol']}: {report['n_users']} users, {report['n_items']} items, "
        "full ranking over all items not seen",
        f"{header}{'coverage':>10}{'novelty':>9}{'seconds':>9}",
    ]
    for name, row in sorted(models.items(), key=lambda pair: -pair[1]["ndcg"]):
        lines.append(
            f"{name:<16}{row['hr']:>9.4f}{row['ndcg']:>9.4f}{row['mrr']:>9.4f}"
            f"{row['coverage']:>10.3f}{row['novelty']:>9.2f}{row['seconds']:>9.1f}"
        )
    low, high = cast("list[float]", comparison["interval_95"])
    lines.append(
        f"{OURS} - {comparison['best_baseline']}: NDCG {comparison['ndcg_difference']:+.4f}, "
        f"95 % interval {low:+.4f} to {high:+.4f}"
    )
    return "\n".join(lines)
