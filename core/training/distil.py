"""Teach an English encoder another language by distillation from itself.

The student reads a text, or its English translation, and learns to give the vector that the
unchanged encoder gives the English (Reimers & Gurevych 2020, arXiv:2004.09813). Besides the
distance of the vectors it learns which of thousands of the teacher's vectors is the right one, and
how similar the others are to it.
"""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter

from core.models.batching import TokenIds, cut_batches
from core.models.tokens import TextTokenizer
from core.progress import bar
from core.training import checkpoint
from core.training.batches import to_tensors
from core.training.checkpoint import Position
from core.training.encoder import HeadedEncoder
from core.training.lessons import Lessons
from core.training.overlay import pull_back
from core.training.precision import half_precision
from core.training.recipe import DistilPlan, ParallelPair
from core.training.teacher import pooled_vectors

# Texts are drawn, sorted by length and cut into batches this many at a time.
DRAWN = 4096
EVALUATE_EVERY = 250
# Targets nearer than this to the right one are no negatives: they say the same.
SAME = 0.92


class SplitEmbedding(nn.Module):
    """Word embeddings whose first rows stay as they are and whose new rows learn."""

    def __init__(self, known: Tensor, new: Tensor) -> None:
        super().__init__()
        self.known = nn.Parameter(known.clone(), requires_grad=False)
        self.new = nn.Parameter(new.clone())

    def forward(self, ids: Tensor) -> Tensor:
        first = len(self.known)
        old = functional.embedding(ids.clamp(max=first - 1), self.known)
        new = functional.embedding((ids - first).clamp(min=0), self.new)
        return torch.where((ids >= first).unsqueeze(-1), new, old)


class Distillation:
    """One run; `folder` holds its checkpoint, `board` its curves."""

    def __init__(
        self,
        student: HeadedEncoder,
        lessons: Lessons,
        plan: DistilPlan,
        *,
        embeddings: SplitEmbedding,
        below: nn.Module,
        tokenizer: TextTokenizer,
        held_out: Sequence[ParallelPair],
        folder: Path,
        board: Path,
        device: torch.device,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.device = device
        self.student = student.to(device)
        self.position = Position()
        self._below = below
        self._lessons = lessons
        self._vectors = lessons.vectors.to(device)
        self._directions = functional.normalize(self._vectors, dim=-1)
        self._spread = self._vectors.square().mean()
        self._pad_id = tokenizer.pad_id
        self._held_out = (
            tokenizer([pair.text for pair in held_out]).ids,
            tokenizer([pair.english for pair in held_out]).ids,
        )
        self._checkpoint = folder / "distil.safetensors"
        self._board = board
        self._encoder = [
            p for p in student.parameters() if p.requires_grad and p is not embeddings.new
        ]
        groups = [{"params": [embeddings.new]}, {"params": self._encoder}]
        self._optimizer = torch.optim.AdamW(groups, weight_decay=0.0, fused=True)

    def train(self) -> HeadedEncoder:
        """Run to the end; continues from a checkpoint where there is one."""
        found = checkpoint.restore(self._checkpoint, self.student, self._optimizer)
        if found is not None:
            self.position = found[0]
        plan, saved = self.plan, time.monotonic()
        before, started = self.position, saved
        with (
            SummaryWriter(str(self._board)) as board,
            bar(description="distilling", total=plan.steps) as advance,
        ):
            advance(self.position.step)
            remaining = islice(self._batches(), self.position.step, plan.steps)
            for texts, targets in remaining:
                losses = self._step(texts, targets)
                advance(1)
                now = time.monotonic()
                self.position = replace(
                    self.position,
                    step=self.position.step + 1,
                    seconds=before.seconds + now - started,
                )
                if self.position.step % 10 == 0:
                    for name, value in losses.items():
                        board.add_scalar(f"train/{name}", value, self.position.step)
                if self.position.step % EVALUATE_EVERY == 0 or self.position.step == plan.steps:
                    board.add_scalar("held_out/top_1", self.top_1(), self.position.step)
                if now - saved > plan.checkpoint_seconds:
                    checkpoint.save(
                        self._checkpoint, self.position, self.student, self._optimizer, None
                    )
                    saved = time.monotonic()
        pull_back(self.student.transformer, self._below, share=plan.pull_back)
        self.student.eval()
        return self.student

    def top_1(self) -> float:
        """Share of the held-out texts whose own translation is the nearest, both ways' mean."""
        if not self._held_out[0]:
            return 0.0
        texts, english = (
            functional.normalize(
                pooled_vectors(self.student, ids, pad_id=self._pad_id, device=self.device), dim=-1
            )
            for ids in self._held_out
        )
        return translation_top_1(texts @ english.T)

    def _step(self, texts: Sequence[TokenIds], targets: NDArray[np.int64]) -> dict[str, float]:
        rows_rate, encoder_rate = rates(self.plan, self.position.step)
        for group, rate in zip(
            self._optimizer.param_groups, (rows_rate, encoder_rate), strict=True
        ):
            group["lr"] = rate
        for parameter in self._encoder:
            parameter.requires_grad_(encoder_rate > 0)
        self.student.train()
        tokens, mask = to_tensors(texts, pad_id=self._pad_id)
        with half_precision(self.device):
            pooled = self.student.pooled(tokens.to(self.device), mask.to(self.device))
        losses = self._losses(pooled.float(), torch.from_numpy(targets).to(self.device))
        total = sum(losses.values(), torch.zeros((), device=self.device))
        self._optimizer.zero_grad(set_to_none=True)
        total.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._encoder, self.plan.gradient_norm)
        self._optimizer.step()
        return {name: float(loss.detach()) for name, loss in losses.items()}

    def _losses(self, pooled: Tensor, targets: Tensor) -> dict[str, Tensor]:
        plan = self.plan
        distance = functional.mse_loss(pooled, self._vectors[targets]) / self._spread
        losses = {"distance": plan.distance * distance}
        source = np.random.default_rng([plan.seed, 1, self.position.step])
        others = torch.from_numpy(source.integers(0, len(self._vectors), plan.pool))
        candidates = self._directions[torch.cat([targets, others.to(self.device)])]
        found = functional.normalize(pooled, dim=-1) @ candidates.T * plan.scale
        wanted = self._directions[targets] @ candidates.T
        if plan.similarity:
            losses["similarity"] = plan.similarity * right_one(found, wanted)
        if plan.soft_similarity:
            losses["soft_similarity"] = plan.soft_similarity * functional.kl_div(
                functional.log_softmax(found, dim=-1),
                functional.softmax(wanted * plan.scale, dim=-1),
                reduction="batchmean",
            )
        return losses

    def _disturbed(self, ids: TokenIds, source: np.random.Generator) -> TokenIds:
        """The text with words spelled out and pieces left out at random."""
        if share := self.plan.spelled_share:
            ids = spelled_out(ids, self._lessons.spelled, source.random(len(ids)) < share)
        if share := self.plan.left_out_share:
            ids = thinned(ids, source.random(len(ids)) < share)
        return ids

    def _batches(self) -> Iterator[tuple[list[TokenIds], NDArray[np.int64]]]:
        """Batches without end, the same ones for the same seed."""
        lessons, plan = self._lessons, self.plan
        shares = lessons.weights / lessons.weights.sum()
        replayed = int(DRAWN * plan.replay_share)
        chunk = 0
        while True:
            source = np.random.default_rng([plan.seed, 0, chunk])
            drawn = source.choice(len(shares), size=DRAWN, p=shares)
            taught, english = drawn[replayed:], lessons.targets[drawn[:replayed]]
            ids = [self._disturbed(lessons.ids[row], source) for row in taught]
            ids += [lessons.english[row] for row in english]
            targets = np.concatenate([lessons.targets[taught], english])
            # Texts of neighbouring lengths are mixed, so that batches are not of one length each.
            lengths = np.array([len(row) for row in ids]) + source.random(len(ids)) * 2
            batches = cut_batches(lengths.tolist(), budget=plan.batch_tokens)
            for number in source.permutation(len(batches)):
                rows = batches[number]
                yield [ids[row] for row in rows], targets[rows]
            chunk += 1


def spelled_out(
    ids: TokenIds, spelled: Mapping[int, TokenIds], chosen: NDArray[np.bool_]
) -> TokenIds:
    """The ids with the characters of a word in its place wherever `chosen` (n,) says so."""
    found: list[int] = []
    for number, one in zip(ids, chosen.tolist(), strict=True):
        found += spelled.get(number, (number,)) if one else (number,)
    return found


def thinned(ids: TokenIds, chosen: NDArray[np.bool_]) -> TokenIds:
    """The ids without those that are `chosen` (n,); the first, the last and one more stay."""
    kept = [number for number, one in zip(ids[1:-1], chosen[1:-1].tolist(), strict=True) if not one]
    return [ids[0], *(kept or ids[1:2]), ids[-1]]


def rates(plan: DistilPlan, step: int) -> tuple[float, float]:
    """Learning rates of the new rows and of the encoder: a warm-up, then linear decay. The
    encoder's is 0 while the rows learn alone."""
    scale = max(0.02, 1 - step / plan.steps) * min(1.0, (step + 1) / plan.warmup_steps)
    alone = step < plan.rows_share * plan.steps
    return plan.rows_rate * scale, 0.0 if alone else plan.encoder_rate * scale


def right_one(found: Tensor, wanted: Tensor) -> Tensor:
    """Cross entropy of picking one's own target, row i of `found` (n, n + pool) being of target
    i; targets that say the same by `wanted`, the teacher's cosines, do not count against it."""
    own = torch.arange(len(found), device=found.device)
    same = wanted > SAME
    same[own, own] = False
    return functional.cross_entropy(found.masked_fill(same, float("-inf")), own)


def translation_top_1(similarities: Tensor) -> float:
    """(n, n) cosines of texts and translations: the share of right answers, both ways' mean."""
    own = torch.arange(len(similarities))
    there = (similarities.argmax(dim=1) == own).float().mean()
    back = (similarities.argmax(dim=0) == own).float().mean()
    return float((there + back) / 2)
