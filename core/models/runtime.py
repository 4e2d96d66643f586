"""The CPU runtime: one ONNX graph, one single-threaded run per core, no spinning."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf

from core.errors import ArtefactCorrupt
from core.models.batching import TokenIds, cut_batches, pad

EMBEDDING = "sentence_embedding"
HEAD_PREFIX = "head_"
# Small batches stay in the cache of one core: measured best between 256 and 1,024.
TOKEN_BUDGET = 512

Outputs = dict[str, NDArray[np.float32]]


def available_cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0))


class CpuRuntime:
    """Runs a graph over tokenized texts. Safe to call from several threads at once."""

    def __init__(self, graph: Path, *, cores: int | None = None) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        # Shapes differ from call to call, so planned memory is never reused: 16 % slower with it.
        options.enable_cpu_mem_arena = False
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            self._session = onnxruntime.InferenceSession(
                str(graph), options, providers=["CPUExecutionProvider"]
            )
        except (Fail, InvalidGraph, InvalidProtobuf) as error:
            raise ArtefactCorrupt(f"the graph cannot be loaded: {error}") from error
        self.outputs = [output.name for output in self._session.get_outputs()]
        self.dimension = int(self._session.get_outputs()[0].shape[-1])
        self._cores = cores or available_cores()
        self._pool = ThreadPoolExecutor(self._cores, thread_name_prefix="encode")

    def __call__(self, ids: Sequence[TokenIds], *, pad_id: int) -> Outputs:
        """Each output as (texts, width) float32, in the order of `ids`."""
        batches = cut_batches([len(row) for row in ids], budget=TOKEN_BUDGET)

        def run(rows: list[int]) -> list[NDArray[np.float32]]:
            tokens, mask = pad([ids[row] for row in rows], pad_id=pad_id)
            feed = {"input_ids": tokens, "attention_mask": mask}
            found: list[NDArray[np.float32]] = self._session.run(self.outputs, feed)
            return found

        many = len(batches) > 1 and self._cores > 1
        results = self._pool.map(run, batches) if many else map(run, batches)
        gathered: Outputs = {}
        for rows, arrays in zip(batches, results, strict=True):
            for name, array in zip(self.outputs, arrays, strict=True):
                if name not in gathered:
                    gathered[name] = np.empty((len(ids), array.shape[1]), dtype=np.float32)
                gathered[name][rows] = array
        return gathered
