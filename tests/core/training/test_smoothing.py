from pathlib import Path

import numpy as np
import pytest
import torch

from core.models.base_model import base_model
from core.models.runtime import EMBEDDING, CpuRuntime
from core.training.encoder import HeadedEncoder, load_encoder
from core.training.export import quantize, to_onnx
from core.training.smoothing import smoothed

READING_NORMED = tuple(f"{name}.weight" for name in ("query", "key", "value", "intermediate.dense"))
TEXTS = [[2, 40, 41, 42, 3], [2, 50, 51, 3], [2, 60, 61, 62, 63, 64, 3]]


@pytest.fixture
def uneven(tiny_base: Path) -> HeadedEncoder:
    """An encoder of which one channel is a hundred times as large as the others."""
    model = load_encoder(base_model(str(tiny_base)), {}, dropout=0.0).eval()
    state = model.transformer.state_dict()
    for name, tensor in state.items():
        if name.endswith("LayerNorm.weight"):
            tensor[0] *= 100
        if name.endswith(
            ("query.weight", "key.weight", "value.weight", "intermediate.dense.weight")
        ):
            tensor[:, 0] /= 100
    return model


def embeddings(model: HeadedEncoder, folder: Path, *, int8: bool) -> np.ndarray:
    graph = folder / "graph.onnx"
    to_onnx(model, graph)
    if int8:
        quantize(graph, folder / "int8.onnx")
        graph = folder / "int8.onnx"
    return CpuRuntime(graph)(TEXTS, pad_id=0)[EMBEDDING]


def test_an_evened_model_computes_the_same(uneven: HeadedEncoder, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in uneven.state_dict().items()}
    even = smoothed(uneven, TEXTS, pad_id=0)
    expected = embeddings(uneven, tmp_path, int8=False)
    assert np.allclose(embeddings(even, tmp_path, int8=False), expected, atol=1e-5)
    assert all(torch.equal(before[name], now) for name, now in uneven.state_dict().items())


def test_its_int8_graph_is_nearer_to_the_truth(uneven: HeadedEncoder, tmp_path: Path) -> None:
    true = embeddings(uneven, tmp_path, int8=False)
    plain = embeddings(uneven, tmp_path, int8=True)
    even = embeddings(smoothed(uneven, TEXTS, pad_id=0), tmp_path, int8=True)
    assert np.abs(even - true).mean() < np.abs(plain - true).mean() / 2
