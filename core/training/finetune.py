"""Fine-tune one encoder on any mix of heads and pairs: AdamW, warm-up, early stop, resume."""

import copy
import resource
import time
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional
from torch.utils.tensorboard import SummaryWriter

from core.models.base_model import BaseModel
from core.models.runtime import HEAD_PREFIX
from core.models.tokens import TextTokenizer
from core.progress import bar
from core.training import checkpoint
from core.training.batches import (
    LabelledRows,
    PairRows,
    Step,
    epoch_steps,
    labelled_rows,
    pair_rows,
    to_tensors,
)
from core.training.checkpoint import Position
from core.training.encoder import HeadedEncoder, load_encoder, parameter_groups
from core.training.examples import Corpus
from core.training.losses import in_batch_pairs, supervised_contrastive
from core.training.plan import Plan
from core.training.precision import half_precision

CHECKPOINT = "checkpoint.safetensors"
EVALUATION_BATCH = 64
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Trained:
    """A fine-tuned model and what its training cost."""

    model: HeadedEncoder
    tokenizer: TextTokenizer
    steps: int
    seconds: float
    cpu_seconds: float
    resumed: bool
    stopped: str


class Run:
    """The state of one fine-tuning run; `folder` holds its checkpoint, `board` its curves."""

    def __init__(
        self,
        base: BaseModel,
        tokenizer: TextTokenizer,
        corpus: Corpus,
        plan: Plan,
        *,
        folder: Path,
        board: Path,
    ) -> None:
        torch.manual_seed(plan.seed)
        self.plan = plan
        self.tokenizer = tokenizer
        sizes = {name: len(head.labels) for name, head in corpus.heads.items()}
        self.model = load_encoder(base, sizes, dropout=plan.dropout)
        self.optimizer = torch.optim.AdamW(parameter_groups(self.model, plan), fused=True)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]

        def encode(texts: object) -> list[list[int]]:
            return tokenizer(list(texts)).ids  # type: ignore[call-overload]

        self.rows: LabelledRows = labelled_rows(corpus.heads, encode)
        self.held_out: LabelledRows = labelled_rows(corpus.heads, encode, held_out=True)
        self.pairs: PairRows = pair_rows(corpus, encode)
        self.per_epoch = len(self._steps(0))
        self.total = self.per_epoch * plan.epochs
        self.checkpoint = folder / CHECKPOINT
        self.board = board
        self.position = Position()
        self.best: dict[str, Tensor] | None = None

    def _steps(self, epoch: int) -> list[Step]:
        lengths = [len(row) for row in self.rows.ids]
        pairs = [
            len(a) + len(b) for a, b in zip(self.pairs.anchors, self.pairs.positives, strict=True)
        ]
        return epoch_steps(
            lengths, pairs, batch_size=self.plan.batch_size, seed=self.plan.seed, epoch=epoch
        )

    def train(self) -> Trained:
        """Run to the end, the budget or early stopping; continues from a checkpoint."""
        resumed = self._restore()
        started, cpu_started = time.monotonic(), _cpu_seconds()
        before = self.position
        stopped = "epochs"
        saved = started
        with (
            SummaryWriter(str(self.board)) as board,
            bar(description="fine-tuning", total=self.total) as advance,
        ):
            advance(self.position.step)
            while self.position.step < self.total:
                epoch, inside = divmod(self.position.step, self.per_epoch)
                for step in self._steps(epoch)[inside:]:
                    loss = self._advance(step)
                    advance(1)
                    if self.position.step % 10 == 0:
                        board.add_scalar("train/loss", loss, self.position.step)
                    self._clock(before, started, cpu_started)
                    if time.monotonic() - saved > self.plan.checkpoint_seconds:
                        self._save()
                        saved = time.monotonic()
                    if self._over_budget():
                        break
                if self._over_budget():
                    stopped = "budget"
                    break
                if self._evaluate(board):
                    stopped = "early"
                    break
        if self.best is not None:
            self.model.load_state_dict(self.best)
        self.model.eval()
        return Trained(
            self.model,
            self.tokenizer,
            self.position.step,
            self.position.seconds,
            self.position.cpu_seconds,
            resumed,
            stopped,
        )

    def _advance(self, step: Step) -> float:
        self.model.train()
        scale = _rate_scale(self._progress(), self.plan.warmup_share)
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * scale
        loss = self._pair_loss(step.rows) if step.pairs else self._head_loss(step.rows)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.plan.gradient_norm)
        self.optimizer.step()
        self.position = replace(self.position, step=self.position.step + 1)
        return float(loss.detach())

    def _head_loss(self, rows: list[int]) -> Tensor:
        pooled = self._pooled([self.rows.ids[row] for row in rows])
        logits = self.model.logits(pooled)
        total = pooled.sum() * 0.0
        for name, labels in self.rows.labels.items():
            wanted = labels[rows]
            known = wanted >= 0
            if not bool(known.any()):
                continue
            total = total + functional.cross_entropy(
                logits[HEAD_PREFIX + name][known],
                wanted[known],
                label_smoothing=self.plan.label_smoothing,
            )
            if self.plan.supcon:
                total = total + self.plan.supcon * supervised_contrastive(
                    pooled[known], wanted[known], temperature=self.plan.supcon_temperature
                )
        return total

    def _pair_loss(self, rows: list[int]) -> Tensor:
        texts = [self.pairs.anchors[row] for row in rows]
        texts += [self.pairs.positives[row] for row in rows]
        pooled = self._pooled(texts)
        return in_batch_pairs(
            pooled[: len(rows)],
            pooled[len(rows) :],
            self.pairs.groups[rows],
            scale=self.plan.pair_scale,
        )

    def _pooled(self, ids: list[list[int]]) -> Tensor:
        with half_precision(CPU):
            pooled = self.model.pooled(*to_tensors(ids, pad_id=self.tokenizer.pad_id))
        return pooled.float()

    def _evaluate(self, board: SummaryWriter) -> bool:
        """Held-out loss after an epoch; True when patience is at its end."""
        loss = held_out_loss(self.model, self.held_out, pad_id=self.tokenizer.pad_id)
        if loss is None:
            return False
        board.add_scalar("held_out/loss", loss, self.position.step)
        if self.plan.patience == 0:
            return False
        if self.position.best_loss is None or loss < self.position.best_loss:
            self.position = replace(self.position, best_loss=loss, stale=0)
            self.best = copy.deepcopy(self.model.state_dict())
            return False
        self.position = replace(self.position, stale=self.position.stale + 1)
        return self.position.stale >= self.plan.patience

    def _clock(self, before: Position, started: float, cpu_started: float) -> None:
        self.position = replace(
            self.position,
            seconds=before.seconds + time.monotonic() - started,
            cpu_seconds=before.cpu_seconds + _cpu_seconds() - cpu_started,
        )

    def _progress(self) -> float:
        """Share of the run that is done, by steps or by the budget, whichever is further."""
        budget = self.plan.budget_minutes * 60
        spent = self.position.seconds / budget if budget > 0 else 0.0
        return max(self.position.step / max(1, self.total), spent)

    def _over_budget(self) -> bool:
        budget = self.plan.budget_minutes * 60
        return 0 < budget <= self.position.seconds

    def _save(self) -> None:
        checkpoint.save(self.checkpoint, self.position, self.model, self.optimizer, self.best)

    def _restore(self) -> bool:
        found = checkpoint.restore(self.checkpoint, self.model, self.optimizer)
        if found is None:
            return False
        self.position, self.best = found
        return True


def held_out_loss(model: HeadedEncoder, rows: LabelledRows, *, pad_id: int) -> float | None:
    """Mean cross entropy over the heads' held-out rows; None where there are none."""
    if not rows.ids:
        return None
    model.eval()
    order = sorted(range(len(rows.ids)), key=lambda row: len(rows.ids[row]))
    losses: list[Tensor] = []
    with torch.inference_mode():
        for at in range(0, len(order), EVALUATION_BATCH):
            chosen = order[at : at + EVALUATION_BATCH]
            pooled = model.pooled(*to_tensors([rows.ids[row] for row in chosen], pad_id=pad_id))
            for name, logits in model.logits(pooled).items():
                wanted = rows.labels[name.removeprefix(HEAD_PREFIX)][chosen]
                known = wanted >= 0
                losses.append(
                    functional.cross_entropy(logits[known], wanted[known], reduction="none")
                )
    return float(torch.cat(losses).mean()) if losses else None


def _rate_scale(progress: float, warmup_share: float) -> float:
    """Linear warm-up, then linear decay to a hundredth."""
    if progress < warmup_share:
        return max(0.01, progress / warmup_share)
    return max(0.01, (1.0 - progress) / (1.0 - warmup_share))


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
