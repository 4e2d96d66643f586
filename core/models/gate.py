"""The promotion gate: a new model may not be worse than the one that serves."""

from core.errors import PromotionRefused
from core.models.manifest import Manifest

TOLERANCE = 0.005
CLASS_TOLERANCE = 0.10
PREFERRED = ("macro_f1", "accuracy", "recall_at_1", "ndcg_at_10")


def check_promotion(candidate: Manifest, current: Manifest, *, metric: str = "") -> None:
    """Raise `PromotionRefused` with every reason why `candidate` should not replace `current`.

    The chosen metric may fall by no more than half a point, the F1 of each class that both
    models know by no more than ten points. Metrics are held-out ones of the artefacts as served.
    """
    reasons = []
    if candidate.kind != current.kind:
        reasons.append(f"it is a {candidate.kind}, what serves is a {current.kind}")
    name = metric or _shared_metric(candidate, current)
    if not name or name not in candidate.metrics:
        reasons.append("it has no held-out metric to compare")
    elif name in current.metrics:
        new, old = candidate.metrics[name], current.metrics[name]
        if not new >= old - TOLERANCE:
            reasons.append(f"{name} falls from {old:.4f} to {new:.4f}")
    for label in sorted(set(candidate.per_class) & set(current.per_class)):
        new, old = candidate.per_class[label], current.per_class[label]
        if not new >= old - CLASS_TOLERANCE:
            reasons.append(f'F1 of "{label}" falls from {old:.2f} to {new:.2f}')
    if reasons:
        raise PromotionRefused(f"model {candidate.version} was not promoted", reasons)


def _shared_metric(candidate: Manifest, current: Manifest) -> str:
    shared = [name for name in PREFERRED if name in candidate.metrics and name in current.metrics]
    suffixed = [
        name
        for name in candidate.metrics
        if name in current.metrics and name.endswith(tuple(f".{p}" for p in PREFERRED))
    ]
    return (shared or suffixed or [""])[0]
