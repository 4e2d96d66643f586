"""Fits calibration and bands on questions that the index and the model have not seen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apps.support.articles import LANGUAGES
from apps.support.calibration import Logistic, fit_logistic
from apps.support.decision import SHOWN, Bands, fit_bands
from apps.support.retrieval import DenseIndex, Hit
from apps.support.scoring import (
    HEAD,
    HeadView,
    Scoring,
    confidences,
    cosine_features,
    fused_features,
    head_view,
    pool,
)
from apps.support.understanding import SEARCHED
from core.models.text_model import TextModel

ANSWER_PRECISION = 0.93
CHOOSE_PRECISION = 0.85
# With fewer questions, or with none that is right, nothing can be said: everything is handed over.
FEWEST = 10
NEVER = Bands(1.01, 1.01)
UNLIKELY = -3.0


@dataclass(frozen=True)
class Asked:
    """A question with the article that answers it, empty for none."""

    text: str
    article_id: str


@dataclass(frozen=True)
class _Case:
    hits: Sequence[Hit]
    head: HeadView
    article_id: str

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.array([hit.article_id == self.article_id for hit in self.hits], dtype=bool)


_Features = Callable[[Sequence[Hit], HeadView], NDArray[np.float64]]


def fit_scoring(
    model: TextModel, index: DenseIndex, *, asked: Mapping[str, Sequence[Asked]]
) -> Scoring:
    """`asked` are questions by language that neither `model` nor `index` has seen.

    One calibration serves all languages; the bands are fitted on each language's own questions.
    """
    cases = {language: _cases(model, index, asked.get(language, ())) for language in LANGUAGES}
    every = [case for found in cases.values() for case in found]
    fused = _fit(every, fused_features)
    cosine = _fit(every, lambda hits, head: cosine_features(hits))
    scoring = Scoring(fused, cosine, dict.fromkeys(LANGUAGES, NEVER))
    bands = {language: _bands(found, scoring) for language, found in cases.items()}
    return replace(scoring, bands=bands)


def _cases(model: TextModel, index: DenseIndex, asked: Sequence[Asked]) -> list[_Case]:
    analysis = model.analyse([question.text for question in asked])
    labels = model.labels(HEAD)
    cases = []
    for row, question in enumerate(asked):
        if analysis.refused[row]:
            continue
        head = head_view(labels, analysis.probabilities[HEAD][row])
        hits = pool(index.search(analysis.embeddings[row], SEARCHED), head)
        cases.append(_Case(hits, head, question.article_id))
    return [case for case in cases if case.hits]


def _fit(cases: Sequence[_Case], features: _Features) -> Logistic:
    """On the best few hits of each question, so that the many hopeless ones weigh nothing."""
    if len(cases) < FEWEST:
        n = features((), HeadView({}, 0.0)).shape[1]
        return Logistic((0.0,) * n, (1.0,) * n, (0.0,) * n, UNLIKELY)
    rows = np.concatenate([features(case.hits, case.head)[:SHOWN] for case in cases])
    right = np.concatenate([case.right[:SHOWN] for case in cases])
    return fit_logistic(rows, right)


def _bands(cases: Sequence[_Case], scoring: Scoring) -> Bands:
    if len(cases) < FEWEST:
        return NEVER
    values = [confidences(scoring, case.hits, case.head) for case in cases]
    orders = [np.argsort(-found, kind="stable") for found in values]
    ranked = [case.right[order] for case, order in zip(cases, orders, strict=True)]
    return fit_bands(
        np.array([found.max() for found in values]),
        right=np.array([found[0] for found in ranked], dtype=bool),
        right_in_three=np.array([found[:SHOWN].any() for found in ranked], dtype=bool),
        answer_precision=ANSWER_PRECISION,
        choose_precision=CHOOSE_PRECISION,
    )
