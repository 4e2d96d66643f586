"""The base model without fine-tuning, exported once, so that it serves like any other."""

from datetime import UTC, datetime

from core.models.base_model import base_model
from core.models.registry import Registry
from core.training.examples import TextPair
from core.training.plan import Plan
from core.training.text import train_text_model

NAME = "base"
# Short everyday sentences of both languages on which the int8 graph is compared with float32.
PROBE = (
    TextPair("Where is my parcel?", "The order was shipped yesterday."),
    TextPair("The company cut its guidance.", "Quarterly profit rose by a fifth."),
    TextPair("How to bake bread at home", "A beginner's guide to the night sky"),
    TextPair("我想退货", "公司季度利润增长两成"),
)


def base_artefact(registry: Registry, setting: str) -> str:
    """The version of the exported base model, made and promoted as "base" where it is missing."""
    wanted = base_model(setting)
    current = registry.current(NAME)
    if current is not None:
        manifest = registry.describe(current).manifest
        if (manifest.base, manifest.base_sha256) == (wanted.name, wanted.sha256):
            return current
    made = train_text_model(
        registry=registry,
        name=NAME,
        pairs=PROBE,
        plan=Plan(epochs=0, max_length=256),
        data_licence="as the base model",
        base=setting,
        method="base",
    )
    registry.promote(NAME, made.version, now=datetime.now(UTC), force=True)
    return made.version
