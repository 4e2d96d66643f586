"""Progress on standard error: a bar on a terminal, a line every few seconds elsewhere."""

import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
PLAIN_INTERVAL_SECONDS = 5.0
Advance = Callable[[float], None]


def track(iterable: Iterable[T], *, description: str, total: float | None = None) -> Iterator[T]:
    """Yield the items of `iterable` while showing how many have been taken."""
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    with bar(description=description, total=total) as advance:
        for item in iterable:
            yield item
            advance(1)


@contextmanager
def bar(*, description: str, total: float | None) -> Iterator[Advance]:
    """Show a bar; the caller advances it by any amount."""
    console = Console(stderr=True)
    if not console.is_terminal:
        yield from _plain(description, total)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task(description, total=total)
        yield lambda amount: progress.advance(task, amount)


def say(text: str) -> None:
    """One line to standard error."""
    print(text, file=sys.stderr, flush=True)  # noqa: T201


def _plain(description: str, total: float | None) -> Iterator[Advance]:
    started = last = time.monotonic()
    done = 0.0

    def advance(amount: float) -> None:
        nonlocal done, last
        done += amount
        if time.monotonic() - last >= PLAIN_INTERVAL_SECONDS:
            last = time.monotonic()
            say(f"{description}: {done:.0f}" + (f" of {total:.0f}" if total else ""))

    yield advance
    say(f"{description}: {done:.0f} done in {time.monotonic() - started:.1f} s")
