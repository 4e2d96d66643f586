"""Even out the channels of a transformer's activations before they are quantized to int8.

An int8 activation has one scale for all its channels, and a few large channels leave the others
little of it. Dividing each channel by a factor, and multiplying the weights that read it by the
same, changes nothing in float32 and makes the quantized product several times more exact
(SmoothQuant, Xiao et al. 2023, arXiv:2211.10438).
"""

import copy
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from core.models.batching import TokenIds
from core.training.batches import to_tensors
from core.training.encoder import HeadedEncoder

# How much of a channel's size moves from the activation to the weights: the best of 0.5, 0.7,
# 0.85 and 1 for MiniLM.
MIGRATION = 0.85
SMALLEST = 1e-5


class Evened(nn.Module):
    """Divides the channels of an input (.., c) that several layers read; does it once for all."""

    def __init__(self, factors: Tensor) -> None:
        super().__init__()
        self.inverse = nn.Buffer(1 / factors)
        self._last: tuple[Tensor, Tensor] | None = None

    def forward(self, values: Tensor) -> Tensor:
        if self._last is None or self._last[0] is not values:
            self._last = values, values * self.inverse
        return self._last[1]


def smoothed(model: HeadedEncoder, texts: Sequence[TokenIds], *, pad_id: int) -> HeadedEncoder:
    """A copy that computes the same as `model`, with even activations on texts like these."""
    made = copy.deepcopy(model).eval()
    for layers, largest in _inputs(made, texts, pad_id=pad_id):
        weight = torch.stack([layer.weight.detach().abs().amax(dim=0) for layer in layers]).amax(0)
        factors = largest.clamp(min=SMALLEST) ** MIGRATION
        factors = factors / weight.clamp(min=SMALLEST) ** (1 - MIGRATION)
        factors = factors / factors.mean()
        evened = Evened(factors)
        for layer in layers:
            layer.weight.data *= factors
            layer.register_forward_pre_hook(lambda _, given, evened=evened: (evened(given[0]),))
    return made


def _inputs(
    model: HeadedEncoder, texts: Sequence[TokenIds], *, pad_id: int
) -> list[tuple[list[nn.Linear], Tensor]]:
    """The transformer's linear layers by the input that they share, with the largest absolute
    value (c,) of each of its channels."""
    groups: dict[int, tuple[list[nn.Linear], Tensor]] = {}
    kept: list[Tensor] = []

    def note(layer: nn.Module, given: tuple[Tensor, ...]) -> None:
        assert isinstance(layer, nn.Linear)
        kept.append(given[0])  # Its id stays its own as long as it lives.
        largest = given[0].abs().flatten(0, -2).amax(dim=0)
        groups.setdefault(id(given[0]), ([], largest))[0].append(layer)

    linear = [one for one in model.transformer.modules() if isinstance(one, nn.Linear)]
    hooks = [layer.register_forward_pre_hook(note) for layer in linear]
    tokens, mask = to_tensors(texts, pad_id=pad_id)
    with torch.inference_mode():
        model.pooled(tokens, mask)
    for hook in hooks:
        hook.remove()
    return list(groups.values())
