"""Which code made a model."""

import subprocess
from importlib.metadata import version
from pathlib import Path


def code_revision() -> str:
    """The commit of a checkout, else the installed version."""
    command = ["git", "rev-parse", "--short=12", "HEAD"]
    folder = Path(__file__).parent
    try:
        found = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return version("tripod")
    return found.stdout.strip()
