"""Packed windows for what comes next: every place but a sequence's last has a target; needs torch."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from dorec.numeric.arrays import IntArray
from dorec.recommend.neural.histories import Histories
from dorec.recommend.neural.steps import Steps, steps_of
from dorec.recommend.neural.windows import cut, packed


@dataclass(frozen=True, eq=False)
class NextItems:
    """Rows of sequences, and what follows each of their places.

    Sequences whose order means nothing are put in another order each time they are asked for.
    """

    steps: Steps
    target: Tensor | None = None  # (r, l) an item's position + 1, 0 for none; None where the order is drawn
    target_kind: Tensor | None = None  # (r, l)

    def draw(self, rows: Tensor) -> tuple[Steps, Tensor, Tensor | None]:
        """Steps of some rows (b,), the token that follows each place (b, l), 0 for none, and its kind."""
        steps = self.steps.take(rows)
        if self.target is not None:
            return steps, self.target[rows], None if self.target_kind is None else self.target_kind[rows]
        steps = steps.along((steps.segment + torch.rand(steps.segment.shape, dtype=torch.float64)).argsort(dim=1))
        follows = torch.zeros_like(steps.segment, dtype=torch.bool)
        follows[:, :-1] = steps.segment[:, 1:] == steps.segment[:, :-1]
        target = torch.where(follows, steps.tokens.roll(-1, dims=1), 0)
        return steps, target, None if steps.kind is None else steps.kind.roll(-1, dims=1)


def next_items(histories: Histories, count: IntArray, width: int) -> NextItems:
    """Windows over the first `count` (n_users,) events of each user.

    Example:
        >>> three = Histories(np.array([0, 3]), np.array([4, 6, 5]), time=np.array([10, 20, 30]))
        >>> steps, target, _ = next_items(three, np.array([3]), width=4).draw(torch.tensor([0]))
        >>> steps.tokens.tolist(), target.tolist()
        ([[5, 7, 0, 0]], [[7, 6, 0, 0]])
    """
    first, many = histories.start[:-1], np.where(count >= 2, count, 0)
    if not histories.ordered:
        return NextItems(steps_of(histories, packed(*cut(first, many, width), width)))
    windows = packed(*cut(first, np.maximum(many - 1, 0), width), width)
    there = windows.at >= 0

    def following(values: IntArray) -> Tensor:
        out = np.zeros(windows.at.shape, dtype=np.int64)
        out[there] = values[windows.at[there] + 1]
        return torch.from_numpy(out)

    kind = None if histories.kind is None else following(histories.kind)
    return NextItems(steps_of(histories, windows), following(histories.items + 1), kind)
