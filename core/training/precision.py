"""Half precision where the machine computes faster in it."""

import functools
import time

import torch

# Rows and columns of the product that is timed: a batch of tokens through a feed-forward layer.
SHAPE = (1024, 384, 1536)
ROUNDS = 5


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 products where they are the faster ones, float32 elsewhere; weights stay in
    float32."""
    faster = device.type != "cpu" or _bfloat16_is_faster()
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=faster)


@functools.cache
def _bfloat16_is_faster() -> bool:
    """Measured: processors with the instructions differ in which way is the faster, by a factor
    of two either way."""
    return _product_seconds(torch.bfloat16) < _product_seconds(torch.float32)


def _product_seconds(dtype: torch.dtype) -> float:
    """Least seconds of a product over the rounds, the first of which warms up."""
    rows, inner, columns = SHAPE
    left, right = torch.ones(rows, inner, dtype=dtype), torch.ones(inner, columns, dtype=dtype)
    seconds = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        torch.mm(left, right)
        seconds.append(time.perf_counter() - started)
    return min(seconds[1:])
