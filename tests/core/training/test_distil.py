"""A tiny English base learns a few Chinese words, as the shipped one learned many."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from core.errors import ArtefactCorrupt, BadInput
from core.models.base_model import OVERLAY_WEIGHTS, base_model
from core.models.manifest import Manifest
from core.models.registry import Registry
from core.models.text_model import UNSUPPORTED, TextModel
from core.models.tokens import TextTokenizer
from core.training.distil import rates, right_one, spelled_out, thinned, translation_top_1
from core.training.distilled_base import DistilRequest, distil_base
from core.training.encoder import load_encoder, tokenizer_file_of
from core.training.examples import Examples, HeadExamples
from core.training.overlay import pull_back
from core.training.plan import Plan
from core.training.recipe import DistilPlan
from core.training.teacher import pooled_vectors
from core.training.text import train_text_model

GLOSSES = {
    "退货": "return", "退款": "refund", "夹克": "jacket", "订单": "order", "鞋": "shoes",
    "利润": "profit", "上升": "rises", "下跌": "falls", "公司": "company", "礼品卡": "gift card",
    "视频": "video", "烹饪": "cooking", "旅行": "travel", "音乐": "music", "坏": "broken",
}  # fmt: skip
RECIPE = """
name = "tiny-en-zh"
base = {base}
languages = ["en", "zh"]
[vocabulary]
characters = 40
words = 40
[training]
steps = {steps}
batch_tokens = 256
rows_rate = 2e-2
spelled_share = 0.2
left_out_share = 0.05
dropout = 0.05
encoder_rate = 1e-3
pool = 16
warmup_steps = 2
checkpoint_seconds = {seconds}
[[source]]
name = "glosses"
path = "glosses.tsv"
dictionary = true
licence = "Apache-2.0"
attribution = "us"
[[source]]
name = "sentences"
path = "./sentences.tsv"
columns = ["zh", "en"]
licence = "Apache-2.0"
attribution = "us"
held_out = 20
"""


def request(folder: Path, base: Path, *, steps: int = 250, seconds: float = 60.0) -> DistilRequest:
    folder.mkdir(exist_ok=True)
    recipe = RECIPE.format(base=json.dumps(str(base)), steps=steps, seconds=seconds)
    (folder / "recipe.toml").write_text(recipe, encoding="utf-8")
    lines = [f"{zh}\t{en}" for zh, en in GLOSSES.items()]
    (folder / "glosses.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    pairs = [
        f"{a}{b}{c}\t{GLOSSES[a]} {GLOSSES[b]} {GLOSSES[c]}"
        for a in GLOSSES for b in GLOSSES for c in ("夹克", "音乐", "公司") if a != b
    ]  # fmt: skip
    (folder / "sentences.tsv").write_text("zh\ten\n" + "\n".join(pairs) + "\n", encoding="utf-8")
    return DistilRequest(
        recipe=folder / "recipe.toml",
        data=folder,
        output=folder / "made",
        work=folder / "work",
        board=folder / "board",
        command="tripod models distil ...",
    )


@pytest.fixture(scope="module")
def made(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("distil")
    result = distil_base(request(folder, tiny_base))
    assert result["metrics"]["translation_top_1"] > 0.5  # type: ignore[index, call-overload, operator]
    return folder / "made"


def vectors(setting: str | Path, texts: list[str]) -> torch.Tensor:
    base = base_model(str(setting))
    tokenizer = TextTokenizer(tokenizer_file_of(base, Path()), max_length=64)
    model = load_encoder(base, {}, dropout=0.0)
    found = pooled_vectors(
        model, tokenizer(texts).ids, pad_id=tokenizer.pad_id, device=torch.device("cpu")
    )
    return torch.nn.functional.normalize(found, dim=-1)


def test_a_text_lies_beside_its_translation(made: Path, tiny_base: Path) -> None:
    english = ["return jacket", "profit falls", "cooking video", "travel music"]
    chinese = ["退货夹克", "利润下跌", "烹饪视频", "旅行音乐"]
    found = vectors(made, chinese) @ vectors(made, english).T
    assert found.argmax(dim=1).tolist() == [0, 1, 2, 3]
    before = vectors(tiny_base, chinese) @ vectors(tiny_base, english).T
    assert float(found.diag().mean()) > float(before.diag().mean()) + 0.1


def test_english_stays_near_what_it_was(made: Path, tiny_base: Path) -> None:
    texts = ["return my order", "the company cut profit guidance", "how to travel"]
    assert float((vectors(made, texts) * vectors(tiny_base, texts)).sum(1).min()) > 0.9


def test_the_manifest_names_every_source_and_the_command(made: Path) -> None:
    manifest = Manifest.read(made)
    assert manifest.languages == ("en", "zh")
    assert manifest.extra["command"] == "tripod models distil ..."
    sources = manifest.extra["sources"]
    assert isinstance(sources, list)
    assert [source["name"] for source in sources] == ["glosses", "sentences"]  # type: ignore[index, call-overload]
    assert all(source["licence"] and source["attribution"] for source in sources)  # type: ignore[index, call-overload]


def test_weights_that_did_not_change_are_not_stored(made: Path) -> None:
    names = set(load_file(made / OVERLAY_WEIGHTS))
    assert not [name for name in names if "word_embeddings" in name]
    assert {"rows", "row_scales"} < names


def test_a_damaged_base_is_refused(made: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in made.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    with (copy / OVERLAY_WEIGHTS).open("r+b") as stream:
        stream.seek(-8, os.SEEK_END)
        stream.write(b"damaged!")
    with pytest.raises(ArtefactCorrupt, match=OVERLAY_WEIGHTS):
        base_model(str(copy))


def test_a_model_on_it_answers_both_languages_and_refuses_others(
    made: Path, registry: Registry
) -> None:
    moods = Examples(
        ("return jacket", "refund order", "broken shoes", "profit rises", "profit falls") * 4,
        ("shop", "shop", "shop", "money", "money") * 4,
    )
    manifest = train_text_model(
        registry=registry,
        name="t",
        heads={"topic": HeadExamples(moods, moods)},
        plan=Plan(epochs=20, batch_size=8, learning_rate=2e-3, head_learning_rate=2e-2),
        data_licence="x",
        base=str(made),
    )
    model = TextModel.load(registry.open(manifest.version).path)
    assert manifest.reads == ("en", "zh")
    analysis = model.analyse(["退货夹克", "利润上升", "鳯鳯鳯"])
    labels = model.labels("topic")
    found = [labels[row.argmax()] for row in analysis.probabilities["topic"]]
    assert found[:2] == ["shop", "money"]
    assert analysis.refused.tolist() == [False, False, True]
    assert not analysis.probabilities["topic"][2].any()
    assert model.refused_texts == 1
    assert UNSUPPORTED == "unsupported_language"


SLOW = """
import sys, time
from pathlib import Path
from core.training import distil
from tests.core.training.test_distil import distil_base, request
step = distil.Distillation._step
def slow(self, texts, targets):
    time.sleep(0.03)
    print("step", self.position.step, flush=True)
    return step(self, texts, targets)
distil.Distillation._step = slow
distil_base(request(Path(sys.argv[1]), Path(sys.argv[2]), steps=40, seconds=0.0))
"""


def test_a_killed_run_goes_on_and_ends_the_same(tiny_base: Path, tmp_path: Path) -> None:
    whole = request(tmp_path / "whole", tiny_base, steps=40, seconds=0.0)
    distil_base(whole)
    cut = request(tmp_path / "cut", tiny_base, steps=40, seconds=0.0)
    process = subprocess.Popen(
        [sys.executable, "-c", SLOW, str(tmp_path / "cut"), str(tiny_base)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step 20"):
            os.kill(process.pid, signal.SIGKILL)
            break
    process.wait()
    process.stdout.close()
    assert not (tmp_path / "cut" / "made").exists()
    started = time.monotonic()
    distil_base(cut)
    assert time.monotonic() - started < 60
    first, second = (load_file(one.output / OVERLAY_WEIGHTS) for one in (whole, cut))
    assert np.array_equal(first["rows"].numpy(), second["rows"].numpy())


def test_the_extended_base_is_not_extended_again(made: Path, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="extended already"):
        distil_base(replace(request(tmp_path / "again", made), steps=1))


def test_words_are_spelled_out_where_chosen() -> None:
    chosen = np.array([True, True, False, True])
    assert spelled_out([2, 7, 7, 3], {7: [5, 6]}, chosen) == [2, 5, 6, 7, 3]


def test_a_thinned_text_keeps_its_ends_and_something_between() -> None:
    chosen = np.array([True, True, False, True])
    assert thinned([2, 7, 8, 3], chosen) == [2, 8, 3]
    assert thinned([2, 7, 8, 3], np.ones(4, dtype=bool)) == [2, 7, 3]


def test_rows_learn_alone_first_and_rates_fall_to_the_end() -> None:
    plan = DistilPlan(steps=100, rows_share=0.1, warmup_steps=5)
    found = [rates(plan, step) for step in range(100)]
    assert {encoder for _, encoder in found[:10]} == {0.0}
    assert min(encoder for _, encoder in found[10:]) > 0
    assert found[0][0] < found[4][0]
    assert [rows for rows, _ in found[5:]] == sorted((rows for rows, _ in found[5:]), reverse=True)


def test_pulled_back_weights_lie_between() -> None:
    student, below = torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)
    expected = 0.75 * student.weight.detach() + 0.25 * below.weight.detach()
    pull_back(student, below, share=0.25)
    assert torch.allclose(student.weight, expected)


def test_the_right_one_is_not_confused_by_its_doubles() -> None:
    wanted = torch.tensor([[1.0, 0.2, 0.99], [0.2, 1.0, 0.1]])
    found = torch.tensor([[5.0, -5.0, 50.0], [-5.0, 5.0, -5.0]])
    assert float(right_one(found, wanted)) < 0.01


def test_top_1_looks_both_ways() -> None:
    assert translation_top_1(torch.eye(3)) == 1.0
    assert translation_top_1(torch.tensor([[1.0, 0.0], [2.0, 0.5]])) == pytest.approx(0.5)
