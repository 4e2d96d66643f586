"""How commands are written.

- `group(lazy)` makes a command group whose sub-groups import their module only when they are
  used, so `tripod --help` and `tripod support ask` stay fast.
- Every command takes `home: Home = None` and `as_json: AsJson = False` and ends with
  `emit(result, as_json=as_json, text=...)`.
- A `TripodError` ends the command with its sentence on standard error and exit status 2 for what
  the caller can mend (bad input), 1 for everything else. No traceback for expected faults.
- `deferred("package.module:function")` imports heavy modules (torch) when they are called.
"""

import importlib
import json
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command

from core.errors import BadInput, NotFound, TooLarge, TripodError
from core.settings import CoreSettings

Home = Annotated[
    Path | None,
    typer.Option(
        "--home", help="Folder of all state of this machine (default: TRIPOD_HOME, else ~/.tripod)."
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on standard output and nothing else.")
]

CALLER_MUST_MEND = (BadInput, NotFound, TooLarge)


class CommandGroup(TyperGroup):
    """A typer group that loads sub-commands on use and turns `TripodError` into exit codes."""

    lazy: ClassVar[Mapping[str, str]] = {}

    def list_commands(self, ctx: Any) -> list[str]:
        return [*self.lazy, *(name for name in super().list_commands(ctx) if name not in self.lazy)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        target = self.lazy.get(cmd_name)
        if target is None:
            return super().get_command(ctx, cmd_name)
        command = get_command(deferred(target))
        command.name = cmd_name
        return command

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except TripodError as error:
            print(f"error: {error}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(2 if isinstance(error, CALLER_MUST_MEND) else 1) from error


def group(help_text: str, *, lazy: Mapping[str, str] | None = None) -> typer.Typer:
    """A command group; `lazy` maps a sub-command's name to "module:typer_app"."""
    loaded = type("LazyCommandGroup", (CommandGroup,), {"lazy": dict(lazy or {})})
    return typer.Typer(
        cls=loaded,
        help=help_text,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode=None,
    )


def deferred(target: str) -> Any:
    """The object named "module:attribute", its module imported now."""
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def core_settings(home: Path | None) -> CoreSettings:
    """Settings with the home folder of the command line, where one was given."""
    return CoreSettings() if home is None else CoreSettings(home=home)


def emit(
    result: Mapping[str, object], *, as_json: bool, text: str | Callable[[], str] | None = None
) -> None:
    """Print a command's result: one JSON object, or text for people."""
    if as_json:
        print(json.dumps(result, ensure_ascii=False, default=str))  # noqa: T201
    elif text is None:
        for key, value in result.items():
            print(f"{key}: {_plain(value)}")  # noqa: T201
    else:
        print(text() if callable(text) else text)  # noqa: T201


def _plain(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=str)
    return str(value)
