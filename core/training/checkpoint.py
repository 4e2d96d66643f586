"""Checkpoints that a killed run continues from; tensors in safetensors, the rest in JSON."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from core.training.encoder import HeadedEncoder

STATE = "state.safetensors"


@dataclass(frozen=True)
class Position:
    """Where a run stands: steps done, seconds spent, best held-out loss and since when."""

    step: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    best_loss: float | None = None
    stale: int = 0


def save(
    path: Path,
    position: Position,
    model: HeadedEncoder,
    optimizer: torch.optim.Optimizer,
    best: dict[str, Tensor] | None,
) -> None:
    """Write one file beside the place and rename it over the last one."""
    tensors: dict[str, Tensor] = {"rng": torch.get_rng_state()}
    tensors |= {f"model.{name}": tensor for name, tensor in model.state_dict().items()}
    tensors |= {f"best.{name}": tensor for name, tensor in (best or {}).items()}
    for number, parameter in enumerate(_parameters(optimizer)):
        for key, value in optimizer.state.get(parameter, {}).items():
            tensors[f"optimizer.{number}.{key}"] = value
    partial = path.with_suffix(".partial")
    path.parent.mkdir(parents=True, exist_ok=True)
    packed = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(packed, partial, metadata={"position": json.dumps(asdict(position))})
    with partial.open("rb") as stream:
        os.fsync(stream.fileno())
    partial.replace(path)


def restore(
    path: Path, model: HeadedEncoder, optimizer: torch.optim.Optimizer
) -> tuple[Position, dict[str, Tensor] | None] | None:
    """Continue from a checkpoint; None where there is none that fits this run."""
    if not path.is_file():
        return None
    try:
        tensors = load_file(path)
        position = Position(**json.loads(_metadata(path)["position"]))
    except (SafetensorError, KeyError, ValueError, TypeError):
        return None
    model.load_state_dict(_under("model.", tensors))
    for number, parameter in enumerate(_parameters(optimizer)):
        state = _under(f"optimizer.{number}.", tensors)
        if state:
            optimizer.state[parameter] = state
    torch.set_rng_state(tensors["rng"])
    return position, _under("best.", tensors) or None


def _under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name[len(prefix) :]: t for name, t in tensors.items() if name.startswith(prefix)}


def _parameters(optimizer: torch.optim.Optimizer) -> list[Tensor]:
    return [parameter for group in optimizer.param_groups for parameter in group["params"]]


def _metadata(path: Path) -> dict[str, str]:
    with path.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        header: dict[str, dict[str, str]] = json.loads(stream.read(length))
    return header["__metadata__"]
