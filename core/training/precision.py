"""Half precision where the machine computes in it."""

import torch


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 products where the machine has them, float32 elsewhere; weights stay in float32."""
    # torch has no public way to ask.
    has = device.type != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=has)
