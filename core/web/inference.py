"""The models over HTTP: OpenAI's `/v1/embeddings` and text-embeddings-inference's routes.

Shapes: https://platform.openai.com/docs/api-reference/embeddings and
https://huggingface.github.io/text-embeddings-inference. One server has several models, so the
TEI routes take `?model=` (and `/predict` `?head=`); without it the first model that serves answers.
Texts over a model's length are cut, as `/info` says (`auto_truncate`). `/predict` answers the one
label `unsupported_language` for a text that the model cannot read.
"""

import base64
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated

import numpy as np
from fastapi import APIRouter, Query
from numpy.typing import NDArray

from core.errors import BadInput, NotFound, Overloaded, Unavailable
from core.models.served import Served
from core.models.text_model import UNSUPPORTED, TextModel
from core.web.access import require
from core.web.inference_shapes import (
    MAX_TEXTS,
    Embedding,
    EmbeddingsRequest,
    EmbeddingsResponse,
    EmbedRequest,
    Info,
    ModelInfo,
    Prediction,
    PredictRequest,
    SimilarityRequest,
    Usage,
)

MAX_TEXTS_IN_FLIGHT = 8192
SCOPE = "inference"
# What stands in the place of the labels of a text that the model cannot read.
REFUSED = Prediction(label=UNSUPPORTED, score=1.0)

Models = Mapping[str, Served[TextModel]]
ModelName = Annotated[str | None, Query(alias="model", description="A name of `/info`")]
HeadName = Annotated[str | None, Query(alias="head", description="A head of that model")]


class Admission:
    """Counts the texts being worked on and refuses more than `limit` at once."""

    def __init__(self, limit: int = MAX_TEXTS_IN_FLIGHT) -> None:
        self._limit = limit
        self._texts = 0
        self._lock = threading.Lock()

    @contextmanager
    def of(self, texts: int) -> Iterator[None]:
        """Raises Overloaded; a request is never refused while the server is idle."""
        with self._lock:
            if self._texts and self._texts + texts > self._limit:
                raise Overloaded("the models have as much work as they can take", retry_after=1.0)
            self._texts += texts
        try:
            yield
        finally:
            with self._lock:
                self._texts -= texts


def inference_router(models: Models, *, version: str) -> APIRouter:
    """Routes over `models` by registry name; every one needs the scope "inference"."""
    router = APIRouter(dependencies=[require(SCOPE)], tags=["inference"])
    admission = Admission()

    @router.post("/v1/embeddings", summary="Embeddings (OpenAI)")
    def embeddings(request: EmbeddingsRequest) -> EmbeddingsResponse:
        model = _model(models, request.model)
        if request.dimensions not in (None, model.dimension):
            raise BadInput(
                f"{request.model} gives {model.dimension} dimensions",
                field="dimensions",
                remedy="leave it out",
            )
        texts = _as_list(request.input)
        with admission.of(len(texts)):
            vectors = model.encode(texts)
        tokens = model.count_tokens(texts)
        return EmbeddingsResponse(
            data=[
                Embedding(index=row, embedding=_encoded(vector, request.encoding_format))
                for row, vector in enumerate(vectors)
            ],
            model=request.model,
            usage=Usage(prompt_tokens=tokens, total_tokens=tokens),
        )

    @router.post("/embed", summary="Embeddings (TEI)")
    def embed(request: EmbedRequest, model: ModelName = None) -> list[list[float]]:
        if not request.normalize:
            raise BadInput(
                "the models give unit vectors only", field="normalize", remedy="leave it out"
            )
        texts = _as_list(request.inputs)
        with admission.of(len(texts)):
            vectors: list[list[float]] = _model(models, model).encode(texts).tolist()
        return vectors

    @router.post("/predict", summary="Labels and their probabilities (TEI)")
    def predict(
        request: PredictRequest, model: ModelName = None, head: HeadName = None
    ) -> list[Prediction] | list[list[Prediction]]:
        single = isinstance(request.inputs, str)
        texts = [request.inputs] if isinstance(request.inputs, str) else _singles(request.inputs)
        chosen = _model_with_heads(models, model)
        name = _head(chosen, head)
        with admission.of(len(texts)):
            if request.raw_scores:
                scores, refused = chosen.logits(texts)[name], chosen.refused(texts)
            else:
                analysis = chosen.analyse(texts)
                scores, refused = analysis.probabilities[name], analysis.refused
        predictions = [
            [REFUSED] if unreadable else _ranked(chosen.labels(name), row)
            for row, unreadable in zip(scores, refused, strict=True)
        ]
        return predictions[0] if single else predictions

    @router.post("/similarity", summary="Cosine similarity to one text (TEI)")
    def similarity(request: SimilarityRequest, model: ModelName = None) -> list[float]:
        texts = [request.inputs.source_sentence, *request.inputs.sentences]
        with admission.of(len(texts)):
            vectors = _model(models, model).encode(texts)
        cosines: list[float] = np.clip(vectors[1:] @ vectors[0], -1.0, 1.0).tolist()
        return cosines

    @router.get("/info", summary="What serves here (TEI)")
    def info(model: ModelName = None, head: HeadName = None) -> Info:
        chosen = _model(models, model)
        return Info(
            model_id=chosen.manifest.name,
            model_sha=chosen.version,
            model_dtype=chosen.manifest.runtime,
            model_type=_model_type(chosen, head),
            max_concurrent_requests=MAX_TEXTS_IN_FLIGHT,
            max_input_length=chosen.manifest.max_length,
            max_batch_tokens=MAX_TEXTS * chosen.manifest.max_length,
            max_client_batch_size=MAX_TEXTS,
            version=version,
            models=[
                _describe(name, served.current)
                for name, served in models.items()
                if served.version is not None
            ],
        )

    return router


def _model(models: Models, name: str | None) -> TextModel:
    if name is None:
        return _first(models, needs_heads=False)
    if name not in models:
        raise NotFound(f"there is no model {name}: there are {', '.join(models)}")
    return models[name].current


def _model_with_heads(models: Models, name: str | None) -> TextModel:
    return _first(models, needs_heads=True) if name is None else _model(models, name)


def _first(models: Models, *, needs_heads: bool) -> TextModel:
    for served in models.values():
        if served.version is not None:
            model = served.current
            if model.manifest.heads or not needs_heads:
                return model
    raise Unavailable("no model serves yet")


def _head(model: TextModel, name: str | None) -> str:
    heads = list(model.manifest.heads)
    if name is None and heads:
        return heads[0]
    if name is None or name not in heads:
        raise NotFound(f"{model.manifest.name} has no head {name}: it has {', '.join(heads)}")
    return name


def _model_type(model: TextModel, head: str | None) -> dict[str, dict[str, object]]:
    if head is None:
        return {"embedding": {"pooling": "mean"}}
    labels = model.labels(_head(model, head))
    by_number = {str(number): label for number, label in enumerate(labels)}
    by_label = {label: number for number, label in enumerate(labels)}
    return {"classifier": {"id2label": by_number, "label2id": by_label}}


def _singles(inputs: Sequence[Sequence[str]]) -> list[str]:
    for row, texts in enumerate(inputs):
        if len(texts) != 1:
            raise BadInput(
                f"{len(texts)} texts in one entry",
                field=f"inputs.{row}",
                remedy="these models classify one text: send [[first], [second]]",
            )
    return [texts[0] for texts in inputs]


def _as_list(texts: str | list[str]) -> list[str]:
    return [texts] if isinstance(texts, str) else texts


def _ranked(labels: Sequence[str], scores: NDArray[np.float32]) -> list[Prediction]:
    order = np.argsort(-scores, kind="stable")
    return [Prediction(label=labels[column], score=float(scores[column])) for column in order]


def _encoded(vector: NDArray[np.float32], encoding: str) -> list[float] | str:
    if encoding == "base64":
        return base64.b64encode(vector.astype("<f4").tobytes()).decode("ascii")
    values: list[float] = vector.tolist()
    return values


def _describe(name: str, model: TextModel) -> ModelInfo:
    manifest = model.manifest
    return ModelInfo(
        name=name,
        version=model.version,
        dimension=model.dimension,
        max_input_length=manifest.max_length,
        runtime=manifest.runtime,
        languages=list(manifest.languages),
        heads={head: list(spec.labels) for head, spec in manifest.heads.items()},
    )
