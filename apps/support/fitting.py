"""Fits calibration and bands on questions that the index and the model have not seen."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from apps.support.articles import ArticleText
from apps.support.calibration import Logistic, fit_logistic
from apps.support.decision import SHOWN, Bands, fit_bands
from apps.support.retrieval import DenseIndex, Hit, LexicalIndex, tokens
from apps.support.scoring import (
    HEAD,
    POOL,
    HeadView,
    Scoring,
    confidences,
    cosine_features,
    fused_features,
    head_view,
    lexical_features,
    pool,
)
from apps.support.understanding import SEARCHED
from core.models.text_model import TextModel

ANSWER_PRECISION = 0.93
CHOOSE_PRECISION = 0.85
# With fewer questions, or with none that is right, nothing can be said: everything is handed over.
FEWEST = 10
NEVER = Bands(1.01, 1.01)


@dataclass(frozen=True)
class Asked:
    """A question with the article that answers it, empty for none."""

    text: str
    article_id: str


@dataclass(frozen=True)
class _Case:
    hits: Sequence[Hit]
    article_id: str
    head: HeadView | None = None
    n_tokens: int = 0
    outside: float = 0.0

    @property
    def right(self) -> NDArray[np.bool_]:
        return np.array([hit.article_id == self.article_id for hit in self.hits], dtype=bool)


def fit_scoring(
    model: TextModel,
    index: DenseIndex,
    *,
    english: Sequence[Asked],
    chinese: Mapping[str, ArticleText],
    chinese_outside: Sequence[str],
) -> Scoring:
    """`english` are questions that neither `model` nor `index` has seen. Chinese needs no such
    part: each wording is looked up in an index without it."""
    dense = dense_cases(model, index, english)
    lexical = lexical_cases(chinese, chinese_outside)
    fused = _fit(dense, [fused_features(case.hits, _head(case)) for case in dense])
    cosine = _fit(dense, [cosine_features(case.hits) for case in dense])
    chinese_features = [
        lexical_features(case.hits, n_tokens=case.n_tokens, outside=case.outside)
        for case in lexical
    ]
    by_characters = _fit(lexical, chinese_features)
    never = {"en": NEVER, "zh": NEVER}
    scoring = Scoring(fused, cosine, by_characters, never, tuple(chinese_outside))
    english_values = [confidences(scoring, case.hits, _head(case)) for case in dense]
    chinese_values = [by_characters.probability(features) for features in chinese_features]
    bands = {"en": _bands(dense, english_values), "zh": _bands(lexical, chinese_values)}
    return replace(scoring, bands=bands)


def dense_cases(model: TextModel, index: DenseIndex, asked: Sequence[Asked]) -> list[_Case]:
    analysis = model.analyse([question.text for question in asked])
    labels = model.labels(HEAD)
    cases = []
    for row, question in enumerate(asked):
        head = head_view(labels, analysis.probabilities[HEAD][row])
        hits = pool(index.search(analysis.embeddings[row], SEARCHED), head)
        cases.append(_Case(hits, question.article_id, head))
    return [case for case in cases if case.hits]


def lexical_cases(texts: Mapping[str, ArticleText], outside: Sequence[str]) -> list[_Case]:
    cases = []
    for message in outside:
        others = [other for other in outside if other != message]
        cases.append(_lexical_case(LexicalIndex(texts, outside=others), message, ""))
    for article_id, text in texts.items():
        for variant in text.variants:
            rest = tuple(other for other in text.variants if other != variant)
            without = {**texts, article_id: replace(text, variants=rest)}
            index = LexicalIndex(without, outside=outside)
            cases.append(_lexical_case(index, variant, article_id))
    return [case for case in cases if case.hits]


def _lexical_case(index: LexicalIndex, text: str, article_id: str) -> _Case:
    return _Case(
        index.search(text, POOL),
        article_id,
        n_tokens=len(tokens(text)),
        outside=index.outside(text),
    )


def _head(case: _Case) -> HeadView:
    return case.head or HeadView({}, 0.0)


def _fit(cases: Sequence[_Case], features: Sequence[NDArray[np.float64]]) -> Logistic:
    """On the best few hits of each question, so that the many hopeless ones weigh nothing."""
    if len(cases) < FEWEST:
        n = features[0].shape[1] if features else 2
        return Logistic((0.0,) * n, (1.0,) * n, (0.0,) * n, -3.0)
    rows = np.concatenate([found[:SHOWN] for found in features])
    right = np.concatenate([case.right[:SHOWN] for case in cases])
    return fit_logistic(rows, right)


def _bands(cases: Sequence[_Case], values: Sequence[NDArray[np.float64]]) -> Bands:
    if len(cases) < FEWEST:
        return NEVER
    orders = [np.argsort(-found, kind="stable") for found in values]
    ranked = [case.right[order] for case, order in zip(cases, orders, strict=True)]
    return fit_bands(
        np.array([found.max() for found in values]),
        right=np.array([found[0] for found in ranked], dtype=bool),
        right_in_three=np.array([found[:SHOWN].any() for found in ranked], dtype=bool),
        answer_precision=ANSWER_PRECISION,
        choose_precision=CHOOSE_PRECISION,
    )
