"""How well cosine similarity follows human scores or labels."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from scipy.stats import pearsonr, spearmanr
from sklearn.metrics import roc_auc_score

from core.errors import BadInput
from core.models.text_model import TextModel
from core.rows import Row, read_rows


def similarity_of_file(
    model: TextModel, path: Path, *, columns: Mapping[str, str]
) -> Mapping[str, float | int]:
    """Spearman and Pearson against `score`, or AUC and best accuracy against a 0/1 `label`."""
    rows = list(read_rows(path, columns=columns, required=("text_a", "text_b")))
    graded = "score" in rows[0].values
    if not graded and "label" not in rows[0].values:
        raise BadInput(
            "there is neither a score nor a label",
            file=str(path),
            remedy="name the column with --score-column or --label-column",
        )
    truth = np.array([_number(row, "score" if graded else "label", path) for row in rows])
    first = model.encode([row.text("text_a") for row in rows])
    second = model.encode([row.text("text_b") for row in rows])
    cosine = (first * second).sum(axis=1)
    if graded:
        return {
            "spearman": float(spearmanr(cosine, truth).statistic),
            "pearson": float(pearsonr(cosine, truth).statistic),
            "n": len(rows),
        }
    positive = truth > 0
    if positive.all() or not positive.any():
        raise BadInput("only one label occurs", file=str(path), remedy="give pairs of both labels")
    return {
        "auc": float(roc_auc_score(positive, cosine)),
        "accuracy": max(
            float(((cosine >= threshold) == positive).mean()) for threshold in np.unique(cosine)
        ),
        "n": len(rows),
    }


def _number(row: Row, column: str, path: Path) -> float:
    try:
        return float(row.text(column))
    except ValueError as error:
        raise BadInput(
            f'"{row.text(column)}" is no number', file=str(path), line=row.line, column=column
        ) from error
