"""What the inference API takes and gives: shapes of OpenAI and of text-embeddings-inference."""

from typing import Annotated, Literal

from pydantic import BaseModel, Field

MAX_TEXTS = 2048

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1, max_length=MAX_TEXTS)]


class EmbeddingsRequest(BaseModel):
    input: Text | Texts
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: int | None = Field(default=None, ge=1)
    user: str | None = None


class Embedding(BaseModel):
    """`embedding` is a list, or base64 of little-endian float32."""

    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str


class Usage(BaseModel):
    prompt_tokens: int
    total_tokens: int


class EmbeddingsResponse(BaseModel):
    object: Literal["list"] = "list"
    data: list[Embedding]
    model: str
    usage: Usage


class EmbedRequest(BaseModel):
    inputs: Text | Texts
    normalize: bool = True
    truncate: bool = True


class PredictRequest(BaseModel):
    """A text, or a batch `[["first"], ["second"]]`; a flat list would be a pair of texts."""

    inputs: Text | Annotated[list[list[Text]], Field(min_length=1, max_length=MAX_TEXTS)]
    raw_scores: bool = False
    truncate: bool = True


class Prediction(BaseModel):
    label: str
    score: float


class SimilarityInputs(BaseModel):
    source_sentence: Text
    sentences: Texts


class SimilarityRequest(BaseModel):
    inputs: SimilarityInputs


class ModelInfo(BaseModel):
    name: str
    version: str
    dimension: int
    max_input_length: int
    runtime: str
    languages: list[str]
    heads: dict[str, list[str]]


class Info(BaseModel):
    """The fields of text-embeddings-inference for one model, and all models of this server.

    `model_type` is the classifier's where a head was asked for.
    """

    model_id: str
    model_sha: str
    model_dtype: str
    model_type: dict[str, dict[str, object]]
    max_concurrent_requests: int
    max_input_length: int
    max_batch_tokens: int
    max_client_batch_size: int
    auto_truncate: bool = True
    tokenization_workers: int = 1
    version: str
    models: list[ModelInfo]
