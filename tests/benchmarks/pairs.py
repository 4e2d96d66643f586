"""Do two sentences say the same: an encoder fine-tuned end to end under a small head.

The settings were fixed before any test part was read.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components
from sklearn.metrics import f1_score, roc_auc_score
from torch import Tensor, nn
from torch.nn import functional
from transformers import get_linear_schedule_with_warmup

from core.models.base_model import BaseModel
from core.models.batching import cut_batches
from core.models.normal_form import normal_form
from core.models.tokens import TextTokenizer
from core.progress import bar
from core.training.batches import epoch_steps, to_tensors
from core.training.encoder import HeadedEncoder, load_encoder, parameter_groups
from core.training.plan import Plan
from core.training.precision import half_precision

TEST_SHARE = 0.2
# Of the training part; the threshold is chosen on it.
HELD_OUT_SHARE = 0.05
PLAN = Plan(epochs=3, train_embeddings=True)
PREDICTION_TOKENS = 8192

PairIds = list[tuple[list[int], list[int]]]


@dataclass(frozen=True)
class SentencePair:
    first: str
    second: str
    same: bool


@dataclass(frozen=True)
class Split:
    """No sentence of one part stands in another."""

    train: Sequence[SentencePair]
    held_out: Sequence[SentencePair]
    test: Sequence[SentencePair]


class PairClassifier(nn.Module):
    """Token ids (2n, t) of n first sentences, then of their second ones, to logits (n, 2)."""

    def __init__(self, encoder: HeadedEncoder, *, dropout: float) -> None:
        super().__init__()
        self.encoder = encoder
        width = encoder.dimension
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(2 * width + 1, width),
            nn.GELU(),
            nn.Dropout(dropout),
            nn.Linear(width, 2),
        )

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        u, v = self.encoder.pooled(input_ids, attention_mask).float().chunk(2)
        cosine = functional.cosine_similarity(u, v).unsqueeze(1)
        logits: Tensor = self.head(torch.cat([(u - v).abs(), u * v, cosine], dim=1))
        return logits.float()


@dataclass(frozen=True)
class Fitted:
    """A trained classifier with the tokenizer and the device that it runs with."""

    model: PairClassifier
    tokenizer: TextTokenizer
    device: torch.device


def split_pairs(pairs: Sequence[SentencePair], *, seed: int = 0) -> Split:
    """80 % and 20 %, and a little of the 80 % held out; connected sentences stay together."""
    rest, test = split_connected(pairs, share=TEST_SHARE, seed=seed)
    train, held_out = split_connected(rest, share=HELD_OUT_SHARE, seed=seed)
    return Split(train, held_out, test)


def split_connected(
    pairs: Sequence[SentencePair], *, share: float, seed: int
) -> tuple[list[SentencePair], list[SentencePair]]:
    """Two parts, the second with `share` of the pairs. Pairs that share a sentence, directly or
    by way of others, are in one part."""
    groups: dict[int, list[int]] = {}
    for row, group in enumerate(_groups(pairs)):
        groups.setdefault(group, []).append(row)
    order = list(groups.values())
    random.Random(seed).shuffle(order)
    second: set[int] = set()
    for rows in order:
        if len(second) + len(rows) <= share * len(pairs):
            second.update(rows)
    return (
        [pair for row, pair in enumerate(pairs) if row not in second],
        [pair for row, pair in enumerate(pairs) if row in second],
    )


def measured(
    base: BaseModel, tokenizer: TextTokenizer, split: Split, *, plan: Plan = PLAN
) -> dict[str, float]:
    """Fine-tune on the training part; accuracy, F1 of "the same" and AUC on the test part."""
    fitted = fit(base, tokenizer, split.train, plan=plan)
    threshold = best_threshold(same_probabilities(fitted, split.held_out), truth(split.held_out))
    found, wanted = same_probabilities(fitted, split.test), truth(split.test)
    return {
        "accuracy": float(((found >= threshold) == wanted).mean()),
        "accuracy_at_half": float(((found >= 0.5) == wanted).mean()),
        "f1": float(f1_score(wanted, found >= threshold)),
        "auc": float(roc_auc_score(wanted, found)),
        "threshold": threshold,
    }


def fit(
    base: BaseModel, tokenizer: TextTokenizer, pairs: Sequence[SentencePair], *, plan: Plan
) -> Fitted:
    """Train on a GPU where there is one, else on the CPU."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(plan.seed)
    encoder = load_encoder(base, {}, dropout=plan.dropout)
    model = PairClassifier(encoder, dropout=plan.dropout).to(device)
    groups = parameter_groups(encoder, plan)
    groups.append({"params": list(model.head.parameters()), "lr": plan.head_learning_rate})
    optimizer = torch.optim.AdamW(groups, weight_decay=plan.weight_decay, fused=True)
    ids = _ids(tokenizer, pairs)
    wanted = torch.from_numpy(truth(pairs).astype(np.int64))
    steps = [
        step.rows
        for epoch in range(plan.epochs)
        for step in epoch_steps(
            _lengths(ids), [], batch_size=plan.batch_size, seed=plan.seed, epoch=epoch
        )
    ]
    schedule = get_linear_schedule_with_warmup(
        optimizer, round(plan.warmup_share * len(steps)), len(steps)
    )
    model.train()
    with bar(description="fine-tuning on pairs", total=len(steps)) as advance:
        for rows in steps:
            with half_precision(device):
                logits = model(*_tensors(ids, rows, tokenizer.pad_id, device))
            loss = functional.cross_entropy(
                logits, wanted[rows].to(device), label_smoothing=plan.label_smoothing
            )
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(model.parameters(), plan.gradient_norm)
            optimizer.step()
            schedule.step()
            advance(1)
    return Fitted(model.eval(), tokenizer, device)


def same_probabilities(fitted: Fitted, pairs: Sequence[SentencePair]) -> NDArray[np.float64]:
    """How probable it is of each pair that its sentences say the same, (n,)."""
    ids = _ids(fitted.tokenizer, pairs)
    found = np.empty(len(pairs))
    with torch.inference_mode(), half_precision(fitted.device):
        for rows in cut_batches([2 * length for length in _lengths(ids)], budget=PREDICTION_TOKENS):
            logits = fitted.model(*_tensors(ids, rows, fitted.tokenizer.pad_id, fitted.device))
            found[rows] = logits.softmax(dim=1)[:, 1].cpu().numpy()
    return found


def best_threshold(scores: NDArray[np.float64], same: NDArray[np.bool_]) -> float:
    """The score from which on to say "the same" for the most right answers, half way between two
    scores that occur."""
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    gained = np.concatenate([[0], np.cumsum(np.where(same[order], 1, -1))])
    edges = np.concatenate([[ranked[0] + 1], ranked, [ranked[-1] - 1]])
    gained = np.where(edges[:-1] > edges[1:], gained, -len(scores) - 1)
    best = int(gained.argmax())
    return float((edges[best] + edges[best + 1]) / 2)


def truth(pairs: Sequence[SentencePair]) -> NDArray[np.bool_]:
    return np.array([pair.same for pair in pairs], dtype=np.bool_)


def _groups(pairs: Sequence[SentencePair]) -> list[int]:
    """The number of the connected sentences that each pair belongs to."""
    numbers: dict[str, int] = {}
    ends = [
        [
            numbers.setdefault(normal_form(text).lower(), len(numbers))
            for text in (pair.first, pair.second)
        ]
        for pair in pairs
    ]
    first, second = np.array(ends).T
    links = coo_matrix((np.ones(len(pairs)), (first, second)), shape=(len(numbers), len(numbers)))
    group_of = connected_components(links, directed=False)[1]
    return [int(group_of[number]) for number in first]


def _ids(tokenizer: TextTokenizer, pairs: Sequence[SentencePair]) -> PairIds:
    first = tokenizer([pair.first for pair in pairs]).ids
    second = tokenizer([pair.second for pair in pairs]).ids
    return list(zip(first, second, strict=True))


def _lengths(ids: PairIds) -> list[int]:
    return [max(len(first), len(second)) for first, second in ids]


def _tensors(
    ids: PairIds, rows: Sequence[int], pad_id: int, device: torch.device
) -> tuple[Tensor, Tensor]:
    texts = [ids[row][0] for row in rows] + [ids[row][1] for row in rows]
    tokens, mask = to_tensors(texts, pad_id=pad_id)
    return tokens.to(device), mask.to(device)
