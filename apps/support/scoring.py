"""From what the index and the model found to candidates with calibrated confidence."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from apps.support.articles import LANGUAGES
from apps.support.calibration import Logistic
from apps.support.decision import Bands
from apps.support.retrieval import Hit
from core.errors import ArtefactCorrupt
from core.models.manifest import Json, Manifest

HEAD = "article"
OUT_OF_SCOPE = "out_of_scope"
# Candidates beyond these are never shown and never fitted on.
POOL = 10
EXTRA = "support"
SMALLEST = 1e-4


@dataclass(frozen=True)
class HeadView:
    """What the model's head says of one question, by article id."""

    probabilities: Mapping[str, float]
    out_of_scope: float


def head_view(labels: Sequence[str], probabilities: NDArray[np.float32]) -> HeadView:
    """`probabilities` (labels,) of one question."""
    by_label = {label: float(p) for label, p in zip(labels, probabilities, strict=True)}
    outside = by_label.pop(OUT_OF_SCOPE, 0.0)
    return HeadView(by_label, outside)


@dataclass(frozen=True)
class Scoring:
    """The fitted parameters that stand in the artefact's manifest.

    `fused` scores an article that the head knows, `cosine` one that was added since the training.
    `bands` by language.
    """

    fused: Logistic
    cosine: Logistic
    bands: Mapping[str, Bands]

    def as_json(self) -> dict[str, Json]:
        return {"fused": self.fused.as_json(), "cosine": self.cosine.as_json()}

    def thresholds(self) -> dict[str, float]:
        """For `Manifest.thresholds`."""
        return {
            f"{language}.{name}": value
            for language, bands in self.bands.items()
            for name, value in (("answer", bands.answer), ("choose", bands.choose))
        }

    @classmethod
    def of(cls, manifest: Manifest) -> Self:
        """Raises `ArtefactCorrupt` for a model that was not trained by this app."""
        body = manifest.extra.get(EXTRA)
        if not isinstance(body, Mapping):
            raise ArtefactCorrupt(
                f"model {manifest.version} has no calibration for questions: train it with "
                "python -m apps.support.train"
            )
        try:
            bands = {
                language: Bands(
                    manifest.thresholds[f"{language}.answer"],
                    manifest.thresholds[f"{language}.choose"],
                )
                for language in LANGUAGES
            }
        except KeyError as error:
            raise ArtefactCorrupt(
                f"model {manifest.version} lacks the threshold {error}"
            ) from error
        return cls(
            Logistic.from_json(body.get("fused")),
            Logistic.from_json(body.get("cosine")),
            bands,
        )


def pool(hits: Sequence[Hit], head: HeadView) -> list[Hit]:
    """The hits to score: the nearest, and what the head prefers among all that were found."""
    later = [hit for hit in hits[POOL:] if hit.article_id in head.probabilities]
    later.sort(key=lambda hit: -head.probabilities[hit.article_id])
    return [*hits[:POOL], *later[:3]]


def cosine_features(hits: Sequence[Hit]) -> NDArray[np.float64]:
    """(hits, 2): cosine, lead over the best other article."""
    scores = np.array([hit.score for hit in hits])
    return np.column_stack([scores, lead(scores)])


def fused_features(hits: Sequence[Hit], head: HeadView) -> NDArray[np.float64]:
    """(hits, 4): cosine, its lead, log-odds of the article and of being out of scope."""
    odds = [_log_odds(head.probabilities.get(hit.article_id, 0.0)) for hit in hits]
    outside = np.full(len(hits), _log_odds(head.out_of_scope))
    return np.column_stack([cosine_features(hits), odds, outside])


def lead(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far each score is ahead of the best of the others (its own value if it is alone)."""
    if len(scores) < 2:
        return scores.copy()
    first, second = np.sort(scores)[::-1][:2]
    return np.asarray(np.where(scores == first, first - second, scores - first))


def confidences(scoring: Scoring, hits: Sequence[Hit], head: HeadView) -> NDArray[np.float64]:
    """(hits,) probabilities of being the right article."""
    known = np.array([hit.article_id in head.probabilities for hit in hits], dtype=bool)
    fused = scoring.fused.probability(fused_features(hits, head))
    return np.asarray(np.where(known, fused, scoring.cosine.probability(cosine_features(hits))))


def _log_odds(probability: float) -> float:
    p = min(max(probability, SMALLEST), 1.0 - SMALLEST)
    return math.log(p / (1.0 - p))
