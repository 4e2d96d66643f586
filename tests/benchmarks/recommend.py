"""Ranking quality against the baselines, and the time of a request.

    tripod bench recommend --data movielens-100k/ratings.csv

prints, under `ranking`, the leave-one-out table of `tripod recommend evaluate` for the given events
(without `--data` the sample events, which are simulated), and under `runs` what a request takes
on the sample site: `tripod` is HTTP over loopback with storage, the newest history, reasons and the
answer written down, while every fifth call posts an event; `tripod-ranking` is the ranking alone;
`implicit` is that library's recalculated user factors and its ten best items, which stores and
explains nothing. `ratio` is `tripod-ranking` to `implicit`.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import uvicorn
from scipy import sparse

from apps.recommend import service
from apps.recommend.api import create_app
from apps.recommend.evaluation.report import Plan, evaluate
from apps.recommend.events import Taken, taken
from apps.recommend.events_file import EventLog, read_events
from apps.recommend.models.ials import Ials
from apps.recommend.ranking import Rule, rank
from apps.recommend.runtime import Runtime, build
from apps.recommend.settings import SAMPLES, RecommendSettings
from apps.recommend.store import events as event_store
from apps.recommend.train import RANKER, train
from core.database import reading, transaction
from core.logs import configure
from core.models.registry import Registry
from core.progress import say
from core.web.access import create_key
from tests.benchmarks.timing import quantiles

REQUESTS = 2000
COLD = 50


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=SAMPLES / "events.csv.gz")
    parser.add_argument("--home", type=Path, default=RecommendSettings().home)
    parser.add_argument("--budget-minutes", type=float, default=4.0)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    options = parser.parse_args()
    configure(level="WARNING")
    if options.serve:
        serve(RecommendSettings.model_validate_json(options.serve))
        return
    log = read_events(options.data, columns={})
    ranking = evaluate(
        log.interactions,
        plan=Plan(budget=options.budget_minutes * 60),
        notify=lambda name: say(f"tuned {name}"),
    )
    with tempfile.TemporaryDirectory() as folder:
        settings = prepared(options.home, Path(folder))
        runs = {
            "tripod": over_http(settings),
            "tripod-ranking": ranking_alone(settings),
            "implicit": implicit_alone(read_events(SAMPLES / "events.csv.gz", columns={})),
        }
    rates = {name: run["requests_per_second"] for name, run in runs.items()}
    result = {
        "data": str(options.data),
        "ranking": ranking,
        "runs": runs,
        "ratio": rates["tripod-ranking"] / rates["implicit"],
    }
    print(json.dumps(result))


def prepared(home: Path, folder: Path) -> RecommendSettings:
    """Settings with a database of their own that has the samples, and trained models."""
    settings = RecommendSettings(home=home, database_url=f"sqlite:///{folder}/bench.db")
    if Registry(home / "registry").current(RANKER) is None:
        settings = settings.model_copy(update={"home": folder})
        train(settings)
    with build(settings) as runtime:
        service.load_samples(runtime)
    return settings


def serve(settings: RecommendSettings) -> None:
    """The app on a port that it prints with an API key."""
    with build(settings) as runtime:
        with transaction(runtime.engine) as connection:
            key = create_key(
                connection,
                runtime.directory.tables,
                name=f"bench-{time.time_ns()}",
                scopes=["*"],
                now=datetime.now(UTC),
            )
        server = uvicorn.Server(
            uvicorn.Config(create_app(runtime), port=0, log_level="error", ws="none")
        )
        socket = server.config.bind_socket()
        print(json.dumps({"port": socket.getsockname()[1], "key": key}), flush=True)
        server.run(sockets=[socket])


@contextmanager
def served(settings: RecommendSettings) -> Iterator[httpx.Client]:
    """A client of the app in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.recommend"]
    command += ["--serve", settings.model_dump_json(by_alias=True)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = json.loads(process.stdout.readline())
        headers = {"X-API-Key": told["key"]}
        address = f"http://127.0.0.1:{told['port']}/api/v1"
        try:
            with httpx.Client(base_url=address, headers=headers, timeout=30) as client:
                yield client
        finally:
            process.terminate()


def over_http(settings: RecommendSettings) -> dict[str, float]:
    """One client, one request after the other."""
    posted = 0

    with served(settings) as client:

        def ask(number: int) -> None:
            found = client.get(f"/users/{user(number)}/recommendations?n=10")
            assert len(found.json()["items"]) == 10

        def post(number: int) -> None:
            nonlocal posted
            event = {
                "event_id": f"bench-{time.time_ns()}",
                "user_id": user(number),
                "item_id": f"v{number % 600 + 1:04d}",
                "timestamp": datetime.now(UTC).isoformat(),
            }
            posted += client.post("/events", json=[event]).json()["accepted"]

        found = timed(ask, before=lambda number: post(number) if number % 5 == 0 else None)
    return found | {"events_posted": float(posted)}


def ranking_alone(settings: RecommendSettings) -> dict[str, float]:
    """History in hand, list out."""
    with build(settings) as runtime:
        histories = _histories(runtime)
        with reading(runtime.engine) as connection:
            snapshot = runtime.live.snapshot(connection, runtime.current.models)
        now = datetime.now(UTC)

        def ask(number: int) -> None:
            history = histories[number % len(histories)]
            rank(snapshot, history, rule=Rule(), exclude=frozenset(), n=10, now=now)

        return timed(ask)


def _histories(runtime: Runtime) -> Sequence[Taken]:
    with reading(runtime.engine) as connection:
        return [
            taken(
                event_store.of_actor(connection, user_id=user(number), session_id=None, limit=300)
            )
            for number in range(300)
        ]


def implicit_alone(log: EventLog) -> dict[str, float]:
    """The library's model with the events in memory."""
    matrix = log.interactions.matrix()
    model = Ials().fit(log.interactions).model

    def ask(number: int) -> None:
        row = sparse.csr_matrix(matrix[[number % matrix.shape[0]]])
        factors = model.recalculate_user(np.array([0]), row)
        scores = (factors @ model.item_factors.T)[0]
        scores[row.indices] = -np.inf
        np.argsort(-scores)[:10]

    return timed(ask)


def user(number: int) -> str:
    return f"u{number % 1000 + 1:04d}"


def timed(
    ask: Callable[[int], None], *, before: Callable[[int], None] | None = None
) -> dict[str, float]:
    """Quantiles and rate of `REQUESTS` calls; `before` is not counted."""
    seconds = []
    for number in range(-COLD, REQUESTS):
        if before is not None:
            before(number)
        started = time.perf_counter()
        ask(number)
        if number >= 0:
            seconds.append(time.perf_counter() - started)
    return {"requests_per_second": len(seconds) / sum(seconds), **quantiles(seconds)}


if __name__ == "__main__":
    main()
