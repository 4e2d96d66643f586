"""The commands of `tripod`, by name, as the tests of contracts and of the docs see them."""

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from apps.cli import app


def commands() -> dict[str, Any]:
    """Every command that does something, by its words after `tripod`."""
    return dict(_leaves(get_command(app), ()))


def options(command: Any) -> set[str]:
    """The options of a command with their dashes, in every spelling."""
    return {name for parameter in command.params for name in parameter.opts if name[0] == "-"}


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    if not hasattr(command, "list_commands"):
        yield " ".join(path), command
        return
    for name in command.list_commands(None):
        yield from _leaves(command.get_command(None, name), (*path, name))
