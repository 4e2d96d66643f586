"""Sentiment and topic of headlines from one pass of the text model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from core.models.text_model import UNSUPPORTED, TextModel

SENTIMENT_HEAD = "sentiment"
TOPIC_HEAD = "topic"


@dataclass(frozen=True)
class Score:
    """`score` = P(positive) - P(negative) in [-1, 1].

    `sentiment`, `score` and `topic` are None where the text was not scored; `reason` says why.
    """

    sentiment: str | None
    score: float | None
    probabilities: Mapping[str, float]
    topic: str | None
    unknown_share: float
    reason: str
    model_version: str


def score_texts(texts: Sequence[str], *, model: TextModel) -> list[Score]:
    """One `Score` for each text, in order.

    A text that the model refuses is not scored: what the model says of it means nothing.
    """
    if not texts:
        return []
    analysis = model.analyse(texts)
    sentiments, topics = model.labels(SENTIMENT_HEAD), model.labels(TOPIC_HEAD)
    scores = []
    for place, unknown in enumerate(analysis.unknown_share.tolist()):
        if analysis.refused[place]:
            scores.append(Score(None, None, {}, None, unknown, UNSUPPORTED, model.version))
            continue
        row = analysis.probabilities[SENTIMENT_HEAD][place].tolist()
        probabilities = {name: round(value, 6) for name, value in zip(sentiments, row, strict=True)}
        topic = topics[int(analysis.probabilities[TOPIC_HEAD][place].argmax())]
        scores.append(
            Score(
                sentiment=max(probabilities, key=lambda name: probabilities[name]),
                score=round(probabilities["positive"] - probabilities["negative"], 6),
                probabilities=probabilities,
                topic=topic,
                unknown_share=unknown,
                reason="",
                model_version=model.version,
            )
        )
    return scores
