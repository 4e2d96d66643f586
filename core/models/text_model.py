"""A fine-tuned encoder with a pooled embedding and any number of heads: one pass for all."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from core.errors import ArtefactCorrupt
from core.models.manifest import Manifest, Sample
from core.models.runtime import EMBEDDING, HEAD_PREFIX, CpuRuntime, Outputs
from core.models.tokens import TextTokenizer, Tokens

GRAPH = "model.onnx"
TOKENIZER = "tokenizer.json"
UNSUPPORTED = "unsupported_language"
SAMPLE_COMPONENTS = 16
# int8 kernels differ between processors in the last bits; a wrong file differs far more.
EMBEDDING_TOLERANCE = 0.05
PROBABILITY_TOLERANCE = 0.10


@dataclass(frozen=True)
class Analysis:
    """What one pass says of n texts.

    `embeddings` (n, dimension) unit vectors; `probabilities` by head (n, labels), calibrated;
    `unknown_share` (n,) of tokens that the model cannot read. A text of whose tokens too many are
    unknown is `refused` (n,), with the reason `UNSUPPORTED`: its probabilities are all zero.
    """

    embeddings: NDArray[np.float32]
    probabilities: Mapping[str, NDArray[np.float32]]
    unknown_share: NDArray[np.float32]
    refused: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.embeddings)


class TextModel:
    """A model artefact ready to serve. Safe to call from several threads at once.

    `refused_texts` counts what `analyse` has refused since the model was loaded.
    """

    def __init__(self, manifest: Manifest, tokenizer: TextTokenizer, runtime: CpuRuntime) -> None:
        self.manifest = manifest
        self.version = manifest.version
        self.dimension = runtime.dimension
        self.refused_texts = 0
        self._counting = threading.Lock()
        self._tokenizer = tokenizer
        self._runtime = runtime
        missing = {HEAD_PREFIX + head for head in manifest.heads} - set(runtime.outputs)
        if missing:
            raise ArtefactCorrupt(f"the graph lacks the outputs {', '.join(sorted(missing))}")

    @classmethod
    def load(cls, path: Path) -> Self:
        """Load an artefact folder. `Registry.open` has verified it; this checks that it runs."""
        manifest = Manifest.read(path)
        tokenizer = TextTokenizer(
            path / TOKENIZER, max_length=manifest.max_length, languages=manifest.reads
        )
        return cls(manifest, tokenizer, CpuRuntime(path / GRAPH))

    def labels(self, head: str) -> tuple[str, ...]:
        return self.manifest.heads[head].labels

    def encode(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Unit vectors, (texts, dimension)."""
        return self.analyse(texts).embeddings

    def analyse(self, texts: Sequence[str]) -> Analysis:
        """Embedding and every head's probabilities from one pass over each text."""
        if not texts:
            return self._empty()
        tokens = self._tokenizer(texts)
        outputs = self._runtime(tokens.ids, pad_id=self._tokenizer.pad_id)
        refused = self._refused(tokens)
        probabilities = self._probabilities(outputs)
        for values in probabilities.values():
            values[refused] = 0.0
        return Analysis(outputs[EMBEDDING], probabilities, tokens.unknown_share, refused)

    def count_tokens(self, texts: Sequence[str]) -> int:
        """Tokens that the model reads of these texts together, special tokens included."""
        return sum(len(row) for row in self._tokenizer(texts).ids)

    def refused(self, texts: Sequence[str]) -> NDArray[np.bool_]:
        """Which of the texts `analyse` would refuse, (texts,), without a pass of the encoder."""
        return self._refused(self._tokenizer(texts))

    def logits(self, texts: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        """Raw logits of each head, (texts, labels); calibration is fitted on them."""
        if not texts:
            return {
                name: np.zeros((0, len(self.labels(name))), dtype=np.float32)
                for name in self.manifest.heads
            }
        tokens = self._tokenizer(texts)
        outputs = self._runtime(tokens.ids, pad_id=self._tokenizer.pad_id)
        return {name: outputs[HEAD_PREFIX + name] for name in self.manifest.heads}

    def sample(self, texts: Sequence[str]) -> tuple[Sample, ...]:
        """Predictions to store in a manifest and to replay on loading."""
        analysis = self.analyse(texts)
        return tuple(
            Sample(
                text,
                tuple(round(float(x), 5) for x in analysis.embeddings[row, :SAMPLE_COMPONENTS]),
                {
                    head: tuple(round(float(x), 5) for x in values[row])
                    for head, values in analysis.probabilities.items()
                },
            )
            for row, text in enumerate(texts)
        )

    def verify(self) -> None:
        """Replay the stored sample predictions; `ArtefactCorrupt` where they differ."""
        stored = self.manifest.samples
        for expected, found in zip(
            stored, self.sample([sample.text for sample in stored]), strict=True
        ):
            same = np.allclose(expected.embedding, found.embedding, atol=EMBEDDING_TOLERANCE)
            for head, values in expected.probabilities.items():
                same = same and np.allclose(
                    values, found.probabilities[head], atol=PROBABILITY_TOLERANCE
                )
            if not same:
                raise ArtefactCorrupt(
                    f"model {self.version} no longer predicts what it did when it was made"
                )

    def _refused(self, tokens: Tokens) -> NDArray[np.bool_]:
        refused = np.asarray(tokens.unknown_share > self.manifest.unknown_limit)
        if self.manifest.heads and refused.any():
            with self._counting:
                self.refused_texts += int(refused.sum())
        return refused

    def _probabilities(self, outputs: Outputs) -> dict[str, NDArray[np.float32]]:
        return {
            name: probabilities(
                outputs[HEAD_PREFIX + name],
                temperature=head.temperature,
                multi_label=head.multi_label,
            )
            for name, head in self.manifest.heads.items()
        }

    def _empty(self) -> Analysis:
        return Analysis(
            np.zeros((0, self.dimension), dtype=np.float32),
            {
                name: np.zeros((0, len(head.labels)), dtype=np.float32)
                for name, head in self.manifest.heads.items()
            },
            np.zeros(0, dtype=np.float32),
            np.zeros(0, dtype=np.bool_),
        )


def probabilities(
    logits: NDArray[np.float32], *, temperature: float = 1.0, multi_label: bool = False
) -> NDArray[np.float32]:
    """Softmax over the last axis (sigmoid for multi-label) of logits divided by the temperature."""
    scaled = logits / temperature
    if multi_label:
        return np.asarray(1.0 / (1.0 + np.exp(-scaled)), dtype=np.float32)
    shifted = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=-1, keepdims=True), dtype=np.float32)
