"""Heads on a frozen encoder: multinomial logistic regression, written into the heads' weights."""

import time

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegressionCV
from sklearn.preprocessing import StandardScaler

from core.errors import BadInput
from core.models.runtime import HEAD_PREFIX
from core.models.tokens import TextTokenizer
from core.progress import track
from core.training.batches import to_tensors
from core.training.encoder import HeadedEncoder
from core.training.examples import Corpus, label_numbers
from core.training.finetune import Trained

STRENGTHS = (0.001, 0.003, 0.01, 0.03, 0.1)
FOLDS = 3
BATCH = 64


def fit_linear(model: HeadedEncoder, tokenizer: TextTokenizer, corpus: Corpus) -> Trained:
    """Fit every head by cross-validated logistic regression on the pooled vectors.

    The standardisation of the features is folded into weights and biases.
    """
    if corpus.pairs:
        raise BadInput("pairs need an encoder that learns", field="method", remedy="use full")
    started, cpu = time.monotonic(), time.process_time()
    model.eval()
    for parameter in model.transformer.parameters():
        parameter.requires_grad_(False)
    for name, head in corpus.heads.items():
        features = _pooled(model, tokenizer, list(head.train.texts))
        scaler = StandardScaler().fit(features)
        numbers = np.array(label_numbers(head.train.labels, head.labels))
        smallest = int(np.bincount(numbers).min())
        found = LogisticRegressionCV(
            Cs=STRENGTHS,
            cv=max(2, min(FOLDS, smallest)),
            max_iter=500,
            scoring="neg_log_loss",
            use_legacy_attributes=False,
            l1_ratios=(0.0,),
        ).fit(scaler.transform(features), numbers)
        coefficients, intercept = _both_classes(found.coef_, found.intercept_)
        weight = coefficients / scaler.scale_
        bias = intercept - weight @ scaler.mean_
        layer = model.heads[HEAD_PREFIX + name]
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(weight))  # type: ignore[operator]
            layer.bias.copy_(torch.from_numpy(bias))  # type: ignore[operator]
    return Trained(
        model,
        tokenizer,
        steps=0,
        seconds=time.monotonic() - started,
        cpu_seconds=time.process_time() - cpu,
        resumed=False,
        stopped="epochs",
    )


def _both_classes(
    coefficients: NDArray[np.float64], intercept: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Two rows for a two-class problem, whose solution scikit-learn gives as one."""
    if len(coefficients) > 1:
        return coefficients, intercept
    return (
        np.vstack([-coefficients / 2, coefficients / 2]),
        np.concatenate([-intercept / 2, intercept / 2]),
    )


def _pooled(
    model: HeadedEncoder, tokenizer: TextTokenizer, texts: list[str]
) -> NDArray[np.float64]:
    ids = tokenizer(texts).ids
    order = sorted(range(len(ids)), key=lambda row: len(ids[row]))
    vectors = np.empty((len(ids), model.dimension))
    batches = [order[at : at + BATCH] for at in range(0, len(order), BATCH)]
    with torch.inference_mode():
        for rows in track(batches, description="encoding"):
            tensors = to_tensors([ids[row] for row in rows], pad_id=tokenizer.pad_id)
            vectors[rows] = model.pooled(*tensors).numpy()
    return vectors
