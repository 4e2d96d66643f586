"""Fine-tune the monitor's text model: sentiment and topic of financial headlines on one encoder.

    python -m apps.monitor.train [--home DIR]

The only module of the monitor that needs torch.
"""

import argparse
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from apps.monitor.headlines import LabelledHeadline, read_headlines
from apps.monitor.scoring import SENTIMENT_HEAD, TOPIC_HEAD
from apps.monitor.settings import MonitorSettings
from core.logs import configure
from core.models.base_model import base_model
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.tokens import TextTokenizer
from core.progress import say
from core.training.encoder import tokenizer_file_of
from core.training.examples import Examples, HeadExamples
from core.training.plan import Plan
from core.training.text import train_text_model

MODEL_NAME = "monitor"
PLAN = Plan(epochs=4, batch_size=32, learning_rate=3e-4, max_length=64, seed=7)


def train(settings: MonitorSettings, *, plan: Plan = PLAN) -> Manifest:
    """Train on the sample headlines, add the model to the registry and promote it.

    Headlines in a language that the base model's vocabulary does not know are left out: they
    would teach it nothing, and it will refuse to score such texts.
    """
    headlines = read_headlines(settings.samples / "headlines.jsonl")
    known = _known(headlines, settings)
    say(f"monitor: {len(known)} of {len(headlines)} headlines are in the base model's languages")
    registry = Registry(settings.home / "registry")
    manifest = train_text_model(
        registry=registry,
        name=MODEL_NAME,
        heads={
            SENTIMENT_HEAD: _head(known, "sentiment"),
            TOPIC_HEAD: _head(known, "topic"),
        },
        plan=plan,
        data_licence="Apache-2.0",
        languages=sorted({headline.language for headline in known}),
        base=settings.base_model,
    )
    registry.promote(
        MODEL_NAME, manifest.version, now=datetime.now(UTC), metric=f"{SENTIMENT_HEAD}.macro_f1"
    )
    return manifest


def _known(
    headlines: Sequence[LabelledHeadline], settings: MonitorSettings
) -> list[LabelledHeadline]:
    with tempfile.TemporaryDirectory() as folder:
        file = tokenizer_file_of(base_model(settings.base_model), Path(folder))
        tokens = TextTokenizer(file, max_length=PLAN.max_length)(
            [headline.text for headline in headlines]
        )
    return [
        headline
        for headline, unknown in zip(headlines, tokens.unknown_share.tolist(), strict=True)
        if unknown <= settings.unknown_limit
    ]


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
