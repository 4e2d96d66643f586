"""The trainable model: a transformer, mean pooling, and linear heads on the pooled vector."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer
from transformers.utils.logging import disable_progress_bar

from core.models.base_model import BaseModel
from core.models.runtime import HEAD_PREFIX
from core.models.text_model import TOKENIZER
from core.training.overlay import apply_overlay
from core.training.plan import Plan

LAYER = re.compile(r"\.(\d+)\.")


class HeadedEncoder(nn.Module):
    """Token ids (n, t) to a pooled embedding (n, d) and the logits of each head (n, labels)."""

    def __init__(self, transformer: nn.Module, heads: Mapping[str, int], *, dropout: float) -> None:
        super().__init__()
        self.transformer = transformer
        self.dimension = int(transformer.config.hidden_size)  # type: ignore[union-attr, arg-type]
        self.dropout = nn.Dropout(dropout)
        self.heads = nn.ModuleDict(
            {
                HEAD_PREFIX + name: nn.Linear(self.dimension, labels)
                for name, labels in heads.items()
            }
        )

    def pooled(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        """Mean of the token vectors that the mask keeps, (n, d), not normalised."""
        hidden = self.transformer(
            input_ids=input_ids, attention_mask=attention_mask
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        total: Tensor = (hidden * mask).sum(1)
        return total / mask.sum(1).clamp(min=1e-9)

    def logits(self, pooled: Tensor) -> dict[str, Tensor]:
        dropped = self.dropout(pooled)
        return {name: head(dropped) for name, head in self.heads.items()}

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> tuple[Tensor, ...]:
        """The exported graph: the unit embedding, then each head's logits in order."""
        pooled = self.pooled(input_ids, attention_mask)
        unit = nn.functional.normalize(pooled, dim=-1)
        return (unit, *self.logits(pooled).values())


def load_encoder(base: BaseModel, heads: Mapping[str, int], *, dropout: float) -> HeadedEncoder:
    """Base weights in float32 with new heads. No code of the checkpoint is ever run."""
    disable_progress_bar()
    transformer = AutoModel.from_pretrained(
        base.source,
        dtype=torch.float32,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
        trust_remote_code=False,
    )
    if hasattr(transformer, "pooler"):
        transformer.pooler = None
    if base.overlay is not None:
        apply_overlay(transformer, base.overlay)
    return HeadedEncoder(transformer, heads, dropout=dropout)


def tokenizer_file_of(base: BaseModel, folder: Path) -> Path:
    """The base's `tokenizer.json`; written into `folder` where the base does not bring one."""
    local = (base.overlay or Path(base.source)) / TOKENIZER
    if local.is_file():
        return local
    made = folder / TOKENIZER
    AutoTokenizer.from_pretrained(base.source).backend_tokenizer.save(str(made))
    return made


def parameter_groups(model: HeadedEncoder, plan: Plan) -> list[dict[str, object]]:
    """Optimizer groups with layer-wise rates; biases and norms are not decayed."""
    depth = max((_layer(name) for name, _ in model.transformer.named_parameters()), default=-1) + 1
    groups: list[dict[str, object]] = []
    for name, parameter in model.transformer.named_parameters():
        layer = _layer(name)
        if layer < 0 and not plan.train_embeddings:
            parameter.requires_grad_(False)
            continue
        rate = plan.learning_rate * plan.layer_decay ** (depth - 1 - layer)
        plain = parameter.ndim < 2
        groups.append(_group([parameter], rate, 0.0 if plain else plan.weight_decay))
    if len(model.heads):
        heads = list(model.heads.parameters())
        groups.append(_group(heads, plan.head_learning_rate, plan.weight_decay))
    return groups


def trainable_parameters(model: nn.Module) -> int:
    return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _group(parameters: Sequence[nn.Parameter], rate: float, decay: float) -> dict[str, object]:
    return {"params": list(parameters), "lr": rate, "weight_decay": decay}


def _layer(name: str) -> int:
    """The number of a parameter's layer; -1 for the embeddings."""
    found = LAYER.search(name)
    return int(found.group(1)) if found and "embedding" not in name else -1
