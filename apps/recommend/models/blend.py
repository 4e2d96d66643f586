"""The blend: several scorers on one scale, weighted as validation says."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from apps.recommend.models.interactions import Histories, Interactions, histories_of
from apps.recommend.models.ranker import Ranker, Scorer, Scores

SAMPLE_USERS = 500


@dataclass(frozen=True)
class BlendScorer:
    """Fitted parts; the score is the sum of `weights * scores / scales`."""

    parts: Mapping[str, Scorer]
    weights: Mapping[str, float]
    scales: Mapping[str, float]

    def scores(self, histories: Histories) -> Scores:
        """Scores (n, n_items)."""
        total: Scores | None = None
        for name, part in self.parts.items():
            scores = part.scores(histories) * np.float32(self.weights[name] / self.scales[name])
            total = scores if total is None else total + scores
        if total is None:
            raise ValueError("a blend needs at least one part")
        return total


@dataclass(frozen=True)
class Blend:
    """Parts by name and their weights; parts of weight 0 are not fitted."""

    parts: Mapping[str, Ranker]
    weights: Mapping[str, float]

    def fit(self, interactions: Interactions) -> BlendScorer:
        """Fit every part and measure its scale on the log itself."""
        fitted = {
            name: part.fit(interactions)
            for name, part in self.parts.items()
            if self.weights.get(name, 0.0) != 0.0
        }
        return BlendScorer(
            parts=fitted,
            weights={name: self.weights[name] for name in fitted},
            scales={name: scale_of(part, interactions) for name, part in fitted.items()},
        )


def scale_of(scorer: Scorer, interactions: Interactions) -> float:
    """The typical spread of a scorer over the items: the mean deviation over a user sample.

    One number for all users keeps the blend a sum over the history, so that what an item of the
    history adds to a score can be read off and removed.
    """
    offsets = interactions.offsets
    active = np.flatnonzero(np.diff(offsets) > 0)
    step = max(1, len(active) // SAMPLE_USERS)
    scores = scorer.scores(histories_of(interactions, users=active[::step]))
    return float(scores.std(axis=1).mean()) or 1.0
