"""Run the examples of README and guides again and put what they print in their place.

    python -m tests.doc_examples --home HOME

needs a home that `tripod up` has prepared. Only commands that look and change nothing are run.
"""

import argparse
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/support.md", "docs/monitor.md", "docs/recommend.md")
LOOKING = re.compile(r"    \$ tripod (support ask|monitor (alerts|rules|why)|recommend for) ")
CODE = "    "


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path, required=True)
    home = parser.parse_args().home
    for name in PAGES:
        page = ROOT / name
        lines = page.read_text(encoding="utf-8").splitlines()
        page.write_text("\n".join(renewed(lines, home=home)) + "\n", encoding="utf-8")


def renewed(lines: Sequence[str], *, home: Path) -> Iterator[str]:
    """The lines of a page with the output of each example as it is now."""
    number = 0
    while number < len(lines):
        line = lines[number]
        number += 1
        yield line
        if not LOOKING.match(f"{line} "):
            continue
        end = number
        while end < len(lines) and _is_output(lines[end]):
            end += 1
        while not lines[end - 1]:
            end -= 1
        printed = run(line.removeprefix("    $ "), home=home).rstrip("\n").split("\n")
        yield from (f"{CODE}{text}" if text else "" for text in printed)
        number = end


def run(command: str, *, home: Path) -> str:
    """What a command prints; it must succeed."""
    words = shlex.split(command)
    words[0] = str(Path(sys.executable).with_name("tripod"))
    environment = os.environ | {"TRIPOD_HOME": str(home)}
    done = subprocess.run(words, capture_output=True, text=True, check=True, env=environment)
    return done.stdout


def _is_output(line: str) -> bool:
    return not line or (line.startswith(CODE) and not line.startswith(f"{CODE}$ "))


if __name__ == "__main__":
    main()
