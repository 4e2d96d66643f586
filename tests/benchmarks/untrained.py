"""What a base model knows before any fine-tuning: characters, translations, similarity."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr
from tokenizers import Tokenizer

from core.models.normal_form import normal_form
from core.models.text_model import TOKENIZER
from core.models.tokens import UNKNOWN
from core.training.distilled_base import MEASURED_PAIRS
from core.training.recipe import ParallelPair, read_material, read_recipe
from tests.benchmarks import public_sets
from tests.benchmarks.systems import OURS, Runs, System, Vectors

RECIPE = Path(__file__).parents[2] / "data" / "parallel" / "recipe.toml"
GRADED = ("stsb-zh", "stsb-en")
ENCODED_TOGETHER = 4096


def unknown(systems: Sequence[System], data: Path) -> dict[str, object]:
    pairs = public_sets.question_pairs(data)
    texts = {
        "atec-zh": [text for pair in pairs for text in (pair.first, pair.second)],
        "fincuge-zh": public_sets.finance_texts(data),
    }
    runs: Runs = {}
    for system in systems:
        tokenizer = Tokenizer.from_file(str(system.folder / TOKENIZER))
        runs[system.name] = {
            name: unknown_share(tokenizer, chosen) for name, chosen in texts.items()
        }
    return {"n": {name: len(chosen) for name, chosen in texts.items()}, "runs": runs}


def unknown_share(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """The share of the characters of the texts' normal form, white space aside, that lie in an
    unknown token. Nothing is cut off."""
    tokenizer.no_truncation()
    tokenizer.no_padding()
    unknown_ids = {tokenizer.token_to_id(name) for name in UNKNOWN} - {None}
    lost = total = 0
    for start in range(0, len(texts), ENCODED_TOGETHER):
        chunk = [normal_form(text) for text in texts[start : start + ENCODED_TOGETHER]]
        for text, encoding in zip(chunk, tokenizer.encode_batch(chunk), strict=True):
            total += _visible(text)
            for number, (begin, end) in zip(encoding.ids, encoding.offsets, strict=True):
                if number in unknown_ids:
                    lost += _visible(text[begin:end])
    return lost / max(1, total)


def translation(systems: Sequence[System], data: Path) -> dict[str, object]:
    held_out = read_material(read_recipe(RECIPE), data).held_out[:MEASURED_PAIRS]
    general = public_sets.general_translations(data)
    rows = public_sets.drawn(MEASURED_PAIRS, of=general, seed=0)
    sets: dict[str, Sequence[ParallelPair]] = {
        "tatoeba held out": held_out,
        "generaltest2022": general,
        f"generaltest2022, {len(rows)} drawn": [general[row] for row in rows],
    }
    runs: Runs = {
        system.name: {
            name: top_1(
                system.model.encode([pair.text for pair in pairs]),
                system.model.encode([pair.english for pair in pairs]),
            )
            for name, pairs in sets.items()
        }
        for system in systems
    }
    n = {name: len(pairs) for name, pairs in sets.items()}
    return {"n": n, "runs": runs, "generaltest2022 customer service": None}


def top_1(chinese: Vectors, english: Vectors) -> dict[str, float]:
    """Of unit vectors (n, d) whose rows are translations: how often the nearest one is right."""
    cosines = chinese @ english.T
    own = np.arange(len(cosines))
    return {
        "zh_to_en": float((cosines.argmax(axis=1) == own).mean()),
        "en_to_zh": float((cosines.argmax(axis=0) == own).mean()),
    }


def similarity(systems: Sequence[System], data: Path) -> dict[str, object]:
    sets = {name: public_sets.graded_pairs(data / name / "test.tsv") for name in GRADED}
    runs: Runs = {}
    for system in systems:
        runs[system.name] = {}
        for name, rows in sets.items():
            first, second, scores = zip(*rows, strict=True)
            found = spearmanr(system.cosines(first, second), scores)
            runs[system.name][f"spearman {name}"] = float(found.statistic)
    result: dict[str, object] = {"n": {name: len(rows) for name, rows in sets.items()}}
    if len(systems) == 2:
        sentences = [text for first, second, _ in sets["stsb-en"] for text in (first, second)]
        english = {"stsb-en": sentences, "banking77": public_sets.banking_questions(data)}
        for name, texts in english.items():
            ours, original = (system.model.encode(texts) for system in systems)
            cosine = float((ours * original).sum(axis=1).mean())
            runs[OURS][f"cosine to the original's vectors, {name}"] = cosine
    return result | {"runs": runs}


def _visible(text: str) -> int:
    return sum(not character.isspace() for character in text)
