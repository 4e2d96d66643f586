"""What to do with a question: answer it, offer three articles, or hand it to a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

SHOWN = 3


class Action(StrEnum):
    ANSWER = "answer"
    CHOOSE = "choose"
    HANDOVER = "handover"


class Reason(StrEnum):
    CONFIDENT = "confident"
    SEVERAL_POSSIBLE = "several_possible"
    NOT_SURE = "not_sure"
    OUT_OF_SCOPE = "out_of_scope"
    EMPTY = "empty"
    GIBBERISH = "gibberish"
    LANGUAGE_UNKNOWN = "language_unknown"
    LANGUAGE_NOT_SERVED = "language_not_served"
    NO_ARTICLES = "no_articles"
    NOT_TRANSLATED = "not_translated"
    SLOT_MISSING = "slot_missing"
    IDENTIFIED = "identified"


class Retriever(StrEnum):
    DENSE = "dense"
    NONE = "none"


@dataclass(frozen=True)
class Candidate:
    """`confidence` is the calibrated probability in [0, 1] that the article is the right one."""

    article_id: str
    question: str
    confidence: float


@dataclass(frozen=True)
class Bands:
    """The best candidate's confidence from which to answer, and from which to offer three."""

    answer: float
    choose: float


@dataclass(frozen=True)
class Decision:
    """`candidates` are the best first, more of them than are shown."""

    action: Action
    reason: Reason
    language: str
    retriever: Retriever
    candidates: tuple[Candidate, ...] = ()

    @property
    def confidence(self) -> float:
        return self.candidates[0].confidence if self.candidates else 0.0

    @property
    def article_id(self) -> str | None:
        """The article to answer with; None unless it is answered."""
        return self.candidates[0].article_id if self.action is Action.ANSWER else None


def choose_action(
    candidates: Sequence[Candidate], *, bands: Bands, out_of_scope: float
) -> tuple[Action, Reason]:
    """`out_of_scope` is the probability that no article answers, 0 where nobody says."""
    if not candidates:
        return Action.HANDOVER, Reason.NO_ARTICLES
    best = candidates[0].confidence
    if best >= bands.answer:
        return Action.ANSWER, Reason.CONFIDENT
    if best >= bands.choose:
        return Action.CHOOSE, Reason.SEVERAL_POSSIBLE
    if out_of_scope >= 0.5:
        return Action.HANDOVER, Reason.OUT_OF_SCOPE
    return Action.HANDOVER, Reason.NOT_SURE


def fit_bands(
    confidence: NDArray[np.float64],
    *,
    right: NDArray[np.bool_],
    right_in_three: NDArray[np.bool_],
    answer_precision: float,
    choose_precision: float,
) -> Bands:
    """The lowest thresholds that reach the target precisions on these questions (n,).

    `right`: the best candidate is the article asked for; `right_in_three`: one of three is. Both
    are false for a question outside the knowledge base. Every lower threshold between two
    questions is looked at; a precision that cannot be reached gives a threshold above 1.
    """
    answer = _lowest(confidence, right, precision=answer_precision, below=np.inf)
    choose = _lowest(confidence, right_in_three, precision=choose_precision, below=answer)
    return Bands(answer, min(answer, choose))


def _lowest(
    confidence: NDArray[np.float64],
    right: NDArray[np.bool_],
    *,
    precision: float,
    below: float,
) -> float:
    inside = confidence < below
    order = np.argsort(-confidence[inside], kind="stable")
    sorted_confidence = confidence[inside][order]
    if len(order) == 0:
        return min(below, 1.01)
    reached = np.cumsum(right[inside][order]) / np.arange(1, len(order) + 1)
    # A threshold takes all questions of one confidence, so only the last of equals counts.
    last = np.append(sorted_confidence[:-1] > sorted_confidence[1:], True)
    good = np.flatnonzero((reached >= precision) & last)
    if len(good) == 0:
        return min(below, 1.01)
    at = int(good[-1])
    following = sorted_confidence[at + 1] if at + 1 < len(order) else sorted_confidence[at]
    return float((sorted_confidence[at] + following) / 2.0)
