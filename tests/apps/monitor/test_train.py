"""The real model, trained on the sample headlines (minutes)."""

from pathlib import Path

import pytest

from apps.monitor.runtime import build
from apps.monitor.service import load_samples
from apps.monitor.settings import MonitorSettings
from apps.monitor.train import train
from core.models.text_model import TextModel

pytestmark = pytest.mark.slow


@pytest.mark.timeout(1800)
def test_the_trained_model_scores_and_finds_the_shocks(tmp_path: Path) -> None:
    settings = MonitorSettings(home=tmp_path)
    manifest = train(settings)
    assert manifest.metrics["sentiment.accuracy"] >= 0.75
    assert manifest.metrics["topic.accuracy"] >= 0.65
    with build(settings) as runtime:
        model: TextModel = runtime.served.current
        labels = model.labels("sentiment")
        for text, expected in (
            ("Operating profit rose to EUR 13.1 mn from EUR 8.7 mn a year earlier", "positive"),
            ("Arden Pharma recalls insulin pens over contamination", "negative"),
            ("Arden Pharma appoints Ruth Abara as head of research", "neutral"),
        ):
            row = model.analyse([text]).probabilities["sentiment"][0]
            assert labels[int(row.argmax())] == expected, text
        report = load_samples(runtime)
        again = load_samples(runtime)
        assert (report.read, again.stored, again.outcome.known) == (30_000, 0, 30_000)
        assert len(report.outcome.fired) >= 20
