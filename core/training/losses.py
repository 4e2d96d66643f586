"""Losses on pooled vectors."""

import torch
from torch import Tensor
from torch.nn import functional


def supervised_contrastive(vectors: Tensor, labels: Tensor, *, temperature: float) -> Tensor:
    """Pull vectors (n, d) of one label together (Khosla et al. 2020, arXiv:2004.11362).

    Zero where no label occurs twice in the batch.
    """
    unit = functional.normalize(vectors, dim=-1)
    itself = torch.eye(len(unit), dtype=torch.bool)
    similarity = (unit @ unit.T / temperature).masked_fill(itself, float("-inf"))
    same = (labels[:, None] == labels[None]) & ~itself
    log_share = similarity - torch.logsumexp(similarity, dim=1, keepdim=True)
    positives = same.sum(1)
    rows = positives > 0
    if not bool(rows.any()):
        return vectors.sum() * 0.0
    summed = log_share.masked_fill(~same, 0.0).sum(1)
    return -(summed[rows] / positives[rows]).mean()


def in_batch_pairs(anchors: Tensor, positives: Tensor, groups: Tensor, *, scale: float) -> Tensor:
    """Symmetric in-batch contrastive loss (multiple negatives ranking, arXiv:1705.00652).

    `anchors` and `positives` are (n, d); rows of equal `groups` are not used as negatives.
    """
    scores = functional.normalize(anchors, dim=-1) @ functional.normalize(positives, dim=-1).T
    same = (groups[:, None] == groups[None]) & ~torch.eye(len(groups), dtype=torch.bool)
    masked = (scores * scale).masked_fill(same, float("-inf"))
    target = torch.arange(len(anchors))
    there = functional.cross_entropy(masked, target)
    back = functional.cross_entropy(masked.T, target)
    return (there + back) / 2
