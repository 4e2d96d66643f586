"""From a question to a decision: the one path that chat, retrieval and evaluation take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.support.articles import LANGUAGES, Article, has_words
from apps.support.decision import Action, Candidate, Decision, Reason, Retriever, choose_action
from apps.support.retrieval import DenseIndex, Hit, LexicalIndex, tokens
from apps.support.scoring import (
    HEAD,
    POOL,
    Scoring,
    confidences,
    head_view,
    lexical_features,
    pool,
)
from core.language import UNDETERMINED, detect
from core.models.text_model import TextModel

DENSE_LANGUAGE = "en"
SEARCHED = 50


@dataclass(frozen=True)
class Snapshot:
    """Everything a question is answered from, of one knowledge version and one model version."""

    version: int
    model: TextModel
    scoring: Scoring
    articles: Mapping[str, Article]
    dense: DenseIndex
    lexical: LexicalIndex


def understand(snapshot: Snapshot, text: str, *, language: str | None = None) -> Decision:
    """Decide on one question. `language` overrides detection; other languages are handed over."""
    if not has_words(text):
        reason = Reason.GIBBERISH if text.strip() else Reason.EMPTY
        return Decision(Action.HANDOVER, reason, language or UNDETERMINED, Retriever.NONE)
    found = language or detect(text, languages=LANGUAGES)
    retriever = _retriever(text, found)
    candidates, outside = _candidates(snapshot, text, retriever)
    if found not in LANGUAGES:
        unknown = found == UNDETERMINED
        reason = Reason.LANGUAGE_UNKNOWN if unknown else Reason.LANGUAGE_NOT_SERVED
        return Decision(Action.HANDOVER, reason, found, retriever, candidates)
    bands = snapshot.scoring.bands[found]
    action, reason = choose_action(candidates, bands=bands, out_of_scope=outside)
    return Decision(action, reason, found, retriever, candidates)


def _retriever(text: str, language: str) -> Retriever:
    if language in LANGUAGES:
        return Retriever.DENSE if language == DENSE_LANGUAGE else Retriever.LEXICAL
    latin = sum(character.isascii() for character in text) * 2 > len(text)
    return Retriever.DENSE if latin else Retriever.LEXICAL


def _candidates(
    snapshot: Snapshot, text: str, retriever: Retriever
) -> tuple[tuple[Candidate, ...], float]:
    """Best first, and the probability of being out of scope where the model says one."""
    if retriever is Retriever.DENSE:
        hits, values, outside = _dense(snapshot, text)
        language = DENSE_LANGUAGE
    else:
        hits, values, outside = _lexical(snapshot, text)
        language = "zh"
    ranked = sorted(zip(hits, values, strict=True), key=lambda pair: -pair[1])
    return tuple(
        Candidate(
            hit.article_id, snapshot.articles[hit.article_id].texts[language].question, float(value)
        )
        for hit, value in ranked[:POOL]
    ), outside


def _dense(snapshot: Snapshot, text: str) -> tuple[Sequence[Hit], NDArray[np.float64], float]:
    analysis = snapshot.model.analyse([text])
    labels = snapshot.model.labels(HEAD)
    head = head_view(labels, analysis.probabilities[HEAD][0])
    hits = pool(snapshot.dense.search(analysis.embeddings[0], SEARCHED), head)
    if not hits:
        return hits, np.zeros(0), head.out_of_scope
    return hits, confidences(snapshot.scoring, hits, head), head.out_of_scope


def _lexical(snapshot: Snapshot, text: str) -> tuple[Sequence[Hit], NDArray[np.float64], float]:
    hits = snapshot.lexical.search(text, POOL)
    if not hits:
        return hits, np.zeros(0), 1.0
    outside = snapshot.lexical.outside(text)
    features = lexical_features(hits, n_tokens=len(tokens(text)), outside=outside)
    nearer_outside = float(outside > hits[0].score)
    return hits, snapshot.scoring.lexical.probability(features), nearer_outside
