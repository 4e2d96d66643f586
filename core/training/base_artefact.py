"""The base model without fine-tuning, exported once, so that it serves like any other."""

from datetime import UTC, datetime

from core.models.base_model import base_model
from core.models.registry import Registry
from core.training.examples import TextPair
from core.training.plan import Plan
from core.training.text import train_text_model

NAME = "base"
# Everyday sentences of both languages on which the int8 graph is made and compared with float32.
PROBE = (
    TextPair("Where is my parcel?", "The order was shipped yesterday."),
    TextPair("The company cut its guidance.", "Quarterly profit rose by a fifth."),
    TextPair("How to bake bread at home", "A beginner's guide to the night sky"),
    TextPair("我想退货", "公司季度利润增长两成"),
    TextPair("Is the jacket waterproof, and which size fits 1.85 m?", "Can I pay by card?"),
    TextPair("A man is playing the guitar on a stage.", "Two dogs run across a field of snow."),
    TextPair("Shares fell 12% after the regulator opened a probe.", "The bank cut 400 jobs."),
    TextPair("快递显示已签收，可是我没有收到", "信用卡还款日可以改吗？"),
    TextPair("一个女人在厨房里切洋葱。", "今天的会议改到下午三点"),
    TextPair("The parliament passed the law by a narrow majority on Friday night.", "ok thanks!!"),
    TextPair("监管部门对该公司立案调查，股价跌停", "这部电影太感人了，推荐大家去看"),
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
