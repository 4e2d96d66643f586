"""Fine-tune the monitor's text model: sentiment and topic of financial headlines on one encoder.

    python -m apps.monitor.train [--home DIR]

The only module of the monitor that needs torch.
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from apps.monitor.headlines import LabelledHeadline, read_headlines
from apps.monitor.scoring import SENTIMENT_HEAD, TOPIC_HEAD
from apps.monitor.settings import MonitorSettings
from core.logs import configure
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.progress import say
from core.training.examples import Examples, HeadExamples
from core.training.plan import Plan
from core.training.text import train_text_model

MODEL_NAME = "monitor"
PLAN = Plan(epochs=2, batch_size=32, learning_rate=3e-4, max_length=64, seed=7)


def train(settings: MonitorSettings, *, plan: Plan = PLAN) -> Manifest:
    """Train on the sample headlines, add the model to the registry and promote it."""
    headlines = read_headlines(settings.samples / "headlines.jsonl")
    registry = Registry(settings.home / "registry")
    manifest = train_text_model(
        registry=registry,
        name=MODEL_NAME,
        heads={
            SENTIMENT_HEAD: _head(headlines, "sentiment"),
            TOPIC_HEAD: _head(headlines, "topic"),
        },
        plan=plan,
        data_licence="Apache-2.0",
        languages=sorted({headline.language for headline in headlines}),
        base=settings.base_model,
    )
    registry.promote(
        MODEL_NAME, manifest.version, now=datetime.now(UTC), metric=f"{SENTIMENT_HEAD}.macro_f1"
    )
    return manifest


def _head(headlines: Sequence[LabelledHeadline], label: str) -> HeadExamples:
    return HeadExamples(*(_examples(headlines, label, split) for split in ("train", "held_out")))


def _examples(headlines: Sequence[LabelledHeadline], label: str, split: str) -> Examples:
    chosen = [headline for headline in headlines if headline.split == split]
    return Examples(
        tuple(headline.text for headline in chosen),
        tuple(headline.label(label) for headline in chosen),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--home", type=Path)
    home: Path | None = parser.parse_args().home
    configure()
    settings = MonitorSettings() if home is None else MonitorSettings(home=home)
    manifest = train(settings)
    say(f"monitor: {manifest.version} is in use; {dict(manifest.metrics)}")


if __name__ == "__main__":
    main()
