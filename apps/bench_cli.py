"""`tripod bench`: the committed benchmark programs, ours beside a peer in one run."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from core.commands import AsJson, Home, core_settings, emit, group
from core.errors import BadInput, TripodError

app = group("Run a benchmark program: ours beside a peer, in one run.")

CHECKOUT = Path(__file__).parents[1]
FOLDER = CHECKOUT / "tests" / "benchmarks"

Data = Annotated[Path | None, typer.Option(help="Data set to use instead of the sample content.")]


class BenchmarkFailed(TripodError):
    pass


def _run(program: str, *, data: Path | None, home: Path | None, as_json: bool) -> None:
    if not (FOLDER / f"{program}.py").is_file():
        raise BadInput("the benchmark programs come with a checkout", remedy="clone the repository")
    command = [sys.executable, "-m", f"tests.benchmarks.{program}"]
    command += ["--home", str(core_settings(home).home)]
    if data is not None:
        command += ["--data", str(data.absolute())]
    # The command's own thread setting would slow the peers down: they run as they come.
    environment = {k: v for k, v in os.environ.items() if k != "OMP_WAIT_POLICY"}
    done = subprocess.run(  # noqa: S603
        command, cwd=CHECKOUT, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    if done.returncode:
        raise BenchmarkFailed(f"the benchmark {program} ended with status {done.returncode}")
    result = json.loads(done.stdout.strip().splitlines()[-1])
    emit(result, as_json=as_json)


@app.command()
def encode(data: Data = None, home: Home = None, as_json: AsJson = False) -> None:
    """Encoding: int8 CPU runtime against sentence-transformers."""
    _run("encode", data=data, home=home, as_json=as_json)


@app.command()
def support(data: Data = None, home: Home = None, as_json: AsJson = False) -> None:
    """Support: quality on held-out questions, and speed against a plain cosine FAQ."""
    _run("support", data=data, home=home, as_json=as_json)


@app.command()
def monitor(data: Data = None, home: Home = None, as_json: AsJson = False) -> None:
    """Monitor: documents a second against transformers.pipeline, shocks found."""
    _run("monitor", data=data, home=home, as_json=as_json)


@app.command()
def recommend(data: Data = None, home: Home = None, as_json: AsJson = False) -> None:
    """Recommend: full ranking against its baselines, request latency."""
    _run("recommend", data=data, home=home, as_json=as_json)
