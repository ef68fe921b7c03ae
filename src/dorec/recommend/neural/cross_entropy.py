"""Softmax over a whole catalogue as a loss, in parts that stay in the processor's cache."""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

PART = 2**20  # logits of one part, 4 MiB


class _InParts(torch.autograd.Function):
    """Mean cross-entropy; the gradient is made with the value, so that no table of all logits is ever kept."""

    @staticmethod
    def forward(ctx: Any, vectors: Tensor, table: Tensor, targets: Tensor) -> Tensor:
        to_vectors, to_table = torch.empty_like(vectors), torch.zeros_like(table)
        total = torch.zeros((), dtype=torch.float64)
        for rows in torch.arange(len(vectors)).split(max(1, PART // len(table))):
            part = slice(int(rows[0]), int(rows[-1]) + 1)
            x, y = vectors[part], targets[part, None]
            logits = x @ table.T
            peak = logits.amax(dim=1, keepdim=True)
            total -= (logits.gather(1, y) - peak).sum()
            mass = logits.sub_(peak).exp_().sum(dim=1, keepdim=True)
            total += mass.log().sum()
            to_vectors[part] = (logits @ table) / mass - table[y[:, 0]]
            to_table.addmm_(logits.T, x / mass)
        to_table.index_add_(0, targets, vectors, alpha=-1)
        ctx.save_for_backward(to_vectors / len(vectors), to_table / len(vectors))
        return (total / len(vectors)).to(vectors.dtype)

    @staticmethod
    def backward(ctx: Any, *slopes: Tensor) -> tuple[Tensor, Tensor, None]:
        to_vectors, to_table = ctx.saved_tensors
        return slopes[0] * to_vectors, slopes[0] * to_table, None


def full_cross_entropy(vectors: Tensor, table: Tensor, targets: Tensor) -> Tensor:
    """Mean of -log softmax(table @ vector)[target] over vectors (t, d), a table (n, d) and targets (t,).

    On the CPU memory beyond the arguments is that of their gradients and of 2**20 logits, or of one vector's.

    >>> round(float(full_cross_entropy(torch.zeros(2, 3), torch.ones(5, 3), torch.tensor([0, 4]))), 4)
    1.6094
    """
    if vectors.is_cuda:
        return functional.cross_entropy(vectors @ table.T, targets)
    loss: Tensor = _InParts.apply(vectors, table, targets)
    return loss


def sampled_cross_entropy(vectors: Tensor, table: Tensor, targets: Tensor, drawn: Tensor) -> Tensor:
    """Cross-entropy with the sum over all others estimated from drawn ones (Jean et al. 2015, arXiv 1412.2007).

    Args:
        vectors: (t, d).
        table: (n, d).
        targets: (t,).
        drawn: (k,) positions drawn evenly with replacement, for all vectors; each stands for n / k items.

    Example:
        >>> every = torch.arange(5).repeat(100)
        >>> round(float(sampled_cross_entropy(torch.zeros(2, 3), torch.ones(5, 3), torch.tensor([0, 4]), every)), 4)
        1.6094
    """
    own = (vectors * functional.embedding(targets, table)).sum(dim=1, keepdim=True)
    others = vectors @ functional.embedding(drawn, table).T
    others = others + torch.log(torch.tensor(len(table) / len(drawn)))
    others = others.masked_fill(drawn[None, :] == targets[:, None], -torch.inf)
    return (torch.logsumexp(torch.cat([own, others], dim=1), dim=1, keepdim=True) - own).mean()
