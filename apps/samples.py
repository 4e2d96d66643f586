"""`python -m apps.samples NAME --home HOME`: load the sample content of one application."""

import argparse
from datetime import UTC, datetime
from pathlib import Path

from apps.applications import Application
from apps.preparation import load_samples
from core.logs import configure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--home", type=Path, required=True)
    arguments = parser.parse_args()
    configure()
    load_samples(Application(arguments.name), home=arguments.home, now=datetime.now(UTC))


if __name__ == "__main__":
    main()
