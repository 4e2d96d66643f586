"""From a question to a decision: the one path that chat, retrieval and evaluation take."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from apps.support.articles import LANGUAGES, Article, has_words
from apps.support.decision import (
    SHOWN,
    Action,
    Candidate,
    Decision,
    Reason,
    Retriever,
    choose_action,
)
from apps.support.retrieval import DenseIndex
from apps.support.scoring import HEAD, POOL, HeadView, Scoring, confidences, head_view, pool
from core.language import UNDETERMINED, detect
from core.models.text_model import TextModel

SEARCHED = 50


@dataclass(frozen=True)
class Snapshot:
    """Everything a question is answered from, of one knowledge version and one model version."""

    version: int
    model: TextModel
    scoring: Scoring
    articles: Mapping[str, Article]
    dense: DenseIndex


def understand(snapshot: Snapshot, text: str, *, language: str | None = None) -> Decision:
    """Decide on one question. `language` overrides detection.

    Other languages are handed over, and so is a question whose article has no text in its language.
    """
    if not has_words(text):
        reason = Reason.GIBBERISH if text.strip() else Reason.EMPTY
        return Decision(Action.HANDOVER, reason, language or UNDETERMINED, Retriever.NONE)
    found = language or detect(text, languages=LANGUAGES)
    analysis = snapshot.model.analyse([text])
    if analysis.refused[0]:
        return Decision(Action.HANDOVER, Reason.LANGUAGE_NOT_SERVED, found, Retriever.NONE)
    head = head_view(snapshot.model.labels(HEAD), analysis.probabilities[HEAD][0])
    candidates = _candidates(snapshot, analysis.embeddings[0], head, language=found)
    action, reason = _action(snapshot, candidates, head, language=found)
    return Decision(action, reason, found, Retriever.DENSE, candidates)


def _candidates(
    snapshot: Snapshot, vector: NDArray[np.float32], head: HeadView, *, language: str
) -> tuple[Candidate, ...]:
    """Best first."""
    hits = pool(snapshot.dense.search(vector, SEARCHED), head)
    if not hits:
        return ()
    values = confidences(snapshot.scoring, hits, head)
    ranked = sorted(zip(hits, values, strict=True), key=lambda pair: -pair[1])
    return tuple(
        Candidate(
            hit.article_id, _question(snapshot.articles[hit.article_id], language), float(value)
        )
        for hit, value in ranked[:POOL]
    )


def _question(article: Article, language: str) -> str:
    """In the asked language, or in one that the article has."""
    return next(
        article.texts[code].question for code in (language, *LANGUAGES) if code in article.texts
    )


def _action(
    snapshot: Snapshot, candidates: Sequence[Candidate], head: HeadView, *, language: str
) -> tuple[Action, Reason]:
    if language not in LANGUAGES:
        unknown = language == UNDETERMINED
        reason = Reason.LANGUAGE_UNKNOWN if unknown else Reason.LANGUAGE_NOT_SERVED
        return Action.HANDOVER, reason
    bands = snapshot.scoring.bands[language]
    action, reason = choose_action(candidates, bands=bands, out_of_scope=head.out_of_scope)
    if action is Action.HANDOVER:
        return action, reason
    offered = candidates[: 1 if action is Action.ANSWER else SHOWN]
    if any(language in snapshot.articles[found.article_id].texts for found in offered):
        return action, reason
    return Action.HANDOVER, Reason.NOT_TRANSLATED
