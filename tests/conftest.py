"""A tiny randomly initialised transformer, made once, so that tests run real models in no time."""

import string
from pathlib import Path

import pytest
from hypothesis import strategies

from core.models.registry import Registry
from core.models.text_model import TextModel

pytest_plugins = ["tests.required_suites"]

WORDS = """
the a an i my your we it is was are be to of in on for with not no and or what how where when can
do does want need send back return refund order parcel jacket shoes size late broken pay card gift
price profit rises falls jumps beats misses loss narrows shares company bank guidance cut record
revenue video cooking travel science music game history how learn watch story film
"""


def pytest_collection_finish() -> None:
    """Hypothesis makes its table of all characters on first use, a second or more on a new
    machine, which it would count as slow input of whichever test comes first."""
    strategies.text().validate()


@pytest.fixture(scope="session")
def tiny_base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that `from_pretrained` takes: a two-layer BERT of width 32, random weights."""
    torch = pytest.importorskip("torch")
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: PLC0415
    from transformers import BertConfig, BertModel  # noqa: PLC0415

    folder = tmp_path_factory.mktemp("tiny-base")
    letters = list(string.ascii_lowercase + string.digits + string.punctuation)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters]
    vocabulary += [f"##{letter}" for letter in letters] + sorted(set(WORDS.split()))
    numbers = {token: number for number, token in enumerate(dict.fromkeys(vocabulary))}
    tokenizer = Tokenizer(models.WordPiece(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(numbers),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    return Registry(tmp_path / "registry")


@pytest.fixture(scope="session")
def tiny_artefact(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small but really trained artefact with the heads `topic` and `sentiment`."""
    from core.training.examples import Examples, HeadExamples  # noqa: PLC0415
    from core.training.plan import Plan  # noqa: PLC0415
    from core.training.text import train_text_model  # noqa: PLC0415

    registry = Registry(tmp_path_factory.mktemp("tiny-registry"))
    topics = Examples(
        ("return my jacket", "refund my order", "pay with card", "gift card price") * 4,
        ("returns", "returns", "payment", "payment") * 4,
    )
    moods = Examples(
        ("profit rises", "shares jumps", "profit falls", "loss guidance cut") * 4,
        ("positive", "positive", "negative", "negative") * 4,
    )
    manifest = train_text_model(
        registry=registry,
        name="tiny",
        heads={"topic": HeadExamples(topics, topics), "sentiment": HeadExamples(moods, moods)},
        plan=Plan(
            epochs=40,
            batch_size=8,
            learning_rate=5e-3,
            head_learning_rate=1e-2,
            train_embeddings=True,
        ),
        data_licence="Apache-2.0",
        base=str(tiny_base),
    )
    return registry.open(manifest.version).path


@pytest.fixture(scope="session")
def tiny_text_model(tiny_artefact: Path) -> TextModel:
    return TextModel.load(tiny_artefact)
