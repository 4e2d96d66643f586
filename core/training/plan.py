"""How a training run goes; stated once, stored in the manifest."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """Settings of one fine-tuning run.

    Rates are those of the top layer; each layer below has `layer_decay` times the rate of the one
    above (Howard & Ruder 2018, arXiv:1801.06146). `supcon` weighs the supervised contrastive loss
    (Khosla et al. 2020, arXiv:2004.11362) on the batches of the heads, `pair_scale` is the inverse
    temperature of the in-batch loss on pairs. `budget_minutes` stops the run in time, whatever the
    epochs; `patience` counts evaluations without a better held-out loss.
    A model refuses texts of whose tokens more than `unknown_limit` (a share) cannot be read.
    Word embeddings stay as they are by default: on banking77 that was better, and faster.
    """

    epochs: int = 6
    batch_size: int = 32
    learning_rate: float = 2e-4
    head_learning_rate: float = 1e-3
    layer_decay: float = 0.85
    train_embeddings: bool = False
    weight_decay: float = 0.01
    warmup_share: float = 0.1
    label_smoothing: float = 0.05
    supcon: float = 0.0
    supcon_temperature: float = 0.1
    pair_scale: float = 20.0
    dropout: float = 0.1
    max_length: int = 128
    unknown_limit: float = 0.2
    gradient_norm: float = 1.0
    patience: int = 0
    seed: int = 0
    budget_minutes: float = 0.0
    checkpoint_seconds: float = 30.0
