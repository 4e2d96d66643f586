"""A base model as the difference from another: new rows, and the weights that were trained.

`weights.safetensors` holds `rows` (n, d) as int8 with a scale for each row, and every changed
tensor of the transformer in float16; what did not change is taken from the model below.
"""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from core.errors import ArtefactCorrupt
from core.models.base_model import OVERLAY_WEIGHTS

ROWS, SCALES, CHANGED = "rows", "row_scales", "changed."
PADDING = 0
WORD_EMBEDDINGS = "embeddings.word_embeddings.weight"


def write_overlay(folder: Path, *, rows: Tensor, transformer: nn.Module, below: nn.Module) -> None:
    """`rows` (n, d) are the new word embeddings; `below` the transformer as it was before."""
    before = below.state_dict()
    scales = rows.abs().amax(dim=1, keepdim=True).clamp(min=1e-8) / 127
    tensors = {
        ROWS: (rows / scales).round().to(torch.int8).contiguous(),
        SCALES: scales.to(torch.float32).contiguous(),
    }
    for name, tensor in transformer.state_dict().items():
        known = name in before and name != WORD_EMBEDDINGS
        if known and not torch.equal(tensor, before[name].cpu()):
            tensors[CHANGED + name] = tensor.to(torch.float16).contiguous()
    save_file(tensors, folder / OVERLAY_WEIGHTS)


@torch.no_grad()
def pull_back(transformer: nn.Module, below: nn.Module, *, share: float) -> None:
    """Move the weights that both have `share` of the way from `transformer` to `below`."""
    before = below.state_dict()
    for name, tensor in transformer.state_dict().items():
        if name in before and tensor.is_floating_point() and tensor.shape == before[name].shape:
            tensor.lerp_(before[name], share)


def apply_overlay(transformer: nn.Module, folder: Path) -> None:
    """Append the rows and put the changed weights in place, in float32."""
    tensors = load_file(folder / OVERLAY_WEIGHTS)
    try:
        rows = tensors.pop(ROWS).to(torch.float32) * tensors.pop(SCALES)
        state = transformer.state_dict()
        known = state[WORD_EMBEDDINGS]
        for name, tensor in tensors.items():
            state[name.removeprefix(CHANGED)].copy_(tensor)
        made = nn.Embedding(len(known) + len(rows), known.shape[1], padding_idx=PADDING)
        made.weight.data = torch.cat([known, rows])
        transformer.get_submodule("embeddings").word_embeddings = made
        transformer.config.vocab_size = made.num_embeddings  # type: ignore[union-attr]
    except (KeyError, RuntimeError) as error:
        raise ArtefactCorrupt(f"{folder.name} does not fit its base model: {error}") from error
