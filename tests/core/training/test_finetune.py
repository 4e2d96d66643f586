import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.models.registry import Registry
from core.models.text_model import TextModel
from core.training.examples import Examples, HeadExamples, TextPair
from core.training.plan import Plan
from core.training.text import train_text_model

TOPICS = Examples(
    tuple(f"{text} {n}" for n in range(8) for text in ("return jacket", "refund order"))
    + tuple(f"{text} {n}" for n in range(8) for text in ("pay card", "gift price")),
    ("returns",) * 16 + ("payment",) * 16,
)
PLAN = Plan(
    epochs=10,
    batch_size=8,
    learning_rate=3e-3,
    head_learning_rate=1e-2,
    train_embeddings=True,
    seed=3,
)

# Trains slowly enough to be killed: saves a checkpoint at every step.
SLOW_TRAINING = """
import sys, time
from pathlib import Path
from core.models.registry import Registry
from core.training import finetune, text
from tests.core.training.test_finetune import PLAN, TOPICS, HeadExamples, replace
advance = finetune.Run._advance
def slow(self, step):
    time.sleep(0.05)
    print("step", self.position.step, flush=True)
    return advance(self, step)
finetune.Run._advance = slow
text.train_text_model(registry=Registry(Path(sys.argv[1])), name="t",
    heads={"topic": HeadExamples(TOPICS, TOPICS)}, plan=replace(PLAN, checkpoint_seconds=0.0),
    data_licence="x", base=sys.argv[2])
"""


def train(registry: Registry, base: Path, plan: Plan = PLAN, **options: object) -> TextModel:
    manifest = train_text_model(
        registry=registry,
        name="t",
        heads={"topic": HeadExamples(TOPICS, TOPICS)},
        plan=plan,
        data_licence="x",
        base=str(base),
        **options,  # type: ignore[arg-type]
    )
    return TextModel.load(registry.open(manifest.version).path)


def test_the_artefact_serves_what_was_learned(registry: Registry, tiny_base: Path) -> None:
    model = train(registry, tiny_base)
    assert model.manifest.metrics["topic.accuracy"] == 1.0
    assert model.manifest.data_sha256
    assert model.manifest.heads["topic"].labels == ("payment", "returns")
    assert not list((registry.root / "training").iterdir())
    assert list((registry.root / "tensorboard").glob("t-*/events*"))


def test_the_seed_decides_the_weights(registry: Registry, tiny_base: Path, tmp_path: Path) -> None:
    first = train(registry, tiny_base).encode(["return jacket"])
    again = train(Registry(tmp_path / "again"), tiny_base).encode(["return jacket"])
    assert np.array_equal(first, again)


def test_the_linear_method_leaves_the_encoder_alone(registry: Registry, tiny_base: Path) -> None:
    model = train(registry, tiny_base, method="linear")
    bare = train_text_model(
        registry=registry,
        name="bare",
        pairs=[TextPair("return jacket", "refund order")],
        plan=Plan(epochs=0),
        data_licence="x",
        base=str(tiny_base),
    )
    encoder = TextModel.load(registry.open(bare.version).path)
    # The two int8 graphs were evened out on different texts.
    assert np.allclose(model.encode(["my order"]), encoder.encode(["my order"]), atol=2e-3)
    assert model.manifest.metrics["topic.accuracy"] > 0.7


def test_pairs_bring_their_texts_together(registry: Registry, tiny_base: Path) -> None:
    pairs = [
        TextPair("pay card", "gift price", group="a"),
        TextPair("return jacket", "refund order", group="b"),
        TextPair("profit rises", "shares jumps", group="c"),
    ] * 4

    def gap(epochs: int) -> float:
        manifest = train_text_model(
            registry=registry,
            name="p",
            pairs=pairs,
            plan=Plan(epochs=epochs, batch_size=6, learning_rate=3e-3, train_embeddings=True),
            data_licence="x",
            base=str(tiny_base),
        )
        model = TextModel.load(registry.open(manifest.version).path)
        a, b, c = model.encode(["pay card", "gift price", "return jacket"])
        return float(a @ b - a @ c)

    assert gap(15) > gap(0) + 0.3


def test_the_budget_ends_the_run(registry: Registry, tiny_base: Path) -> None:
    plan = replace(PLAN, epochs=100_000, budget_minutes=0.03)
    started = time.monotonic()
    model = train(registry, tiny_base, plan)
    assert time.monotonic() - started < 30
    cost = model.manifest.extra["training"]
    assert isinstance(cost, dict)
    assert cost["stopped"] == "budget"


def test_patience_keeps_the_best_weights(registry: Registry, tiny_base: Path) -> None:
    plan = replace(PLAN, epochs=60, patience=2, learning_rate=2e-2)
    cost = train(registry, tiny_base, plan).manifest.extra["training"]
    assert isinstance(cost, dict)
    assert cost["stopped"] in ("early", "epochs")


def test_a_killed_training_goes_on_and_ends_the_same(
    registry: Registry, tiny_base: Path, tmp_path: Path
) -> None:
    undisturbed = train(registry, tiny_base, replace(PLAN, checkpoint_seconds=0.0))
    root = tmp_path / "killed"
    with subprocess.Popen(
        [sys.executable, "-c", SLOW_TRAINING, str(root), str(tiny_base)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        cwd=Path(__file__).parents[3],
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if line.split()[-1] == "13":
                os.kill(process.pid, signal.SIGKILL)
                break
    resumed = train(Registry(root), tiny_base, replace(PLAN, checkpoint_seconds=0.0))
    cost = resumed.manifest.extra["training"]
    assert isinstance(cost, dict)
    assert cost["resumed"] is True
    assert np.allclose(
        resumed.encode(["return jacket"]), undisturbed.encode(["return jacket"]), atol=1e-3
    )


def test_a_torn_checkpoint_starts_again(registry: Registry, tiny_base: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(registry, tiny_base, finish=interrupt)
    (checkpoint,) = (registry.root / "training").glob("*")
    (checkpoint / "checkpoint.safetensors").write_bytes(b"torn")
    assert train(registry, tiny_base).manifest.metrics["topic.accuracy"] == 1.0


def interrupt(model: TextModel) -> None:
    raise KeyboardInterrupt
