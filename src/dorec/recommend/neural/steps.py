"""Events as the tensors that sequence networks read; needs torch."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dorec.numeric.arrays import IntArray
from dorec.recommend.neural.histories import Histories
from dorec.recommend.neural.windows import Windows


@dataclass(frozen=True, eq=False)
class Steps:
    """Rows of places: what stands there, in which sequence, when, and of what kind.

    Example:
        >>> steps = Steps(torch.tensor([[3, 7, 0]]), torch.tensor([[0, 0, 3]]), torch.tensor([[1, 0, 0]]))
        >>> steps.before.int().tolist()
        [[[1, 0, 0], [1, 1, 0], [0, 0, 1]]]
    """

    tokens: Tensor  # (b, l) an item's position + 1; 0 for nothing
    segment: Tensor  # (b, l) which sequence of the row
    place: Tensor | None = None  # (b, l) from the sequence's end; None where the order means nothing
    time: Tensor | None = None  # (b, l) seconds
    kind: Tensor | None = None  # (b, l)

    @property
    def together(self) -> Tensor:
        """Which places stand in one sequence, (b, l, l)."""
        return self.segment[:, :, None] == self.segment[:, None, :]

    @property
    def before(self) -> Tensor:
        """Which places each may read: those of its sequence up to itself, (b, l, l)."""
        length = self.segment.shape[1]
        return self.together & torch.ones(length, length, dtype=torch.bool, device=self.segment.device).tril()

    def take(self, rows: Tensor) -> "Steps":
        """Some of the rows."""
        return self._each(lambda values: values[rows])

    def to(self, device: str) -> "Steps":
        """The same on a device."""
        return self._each(lambda values: values.to(device))

    def along(self, order: Tensor) -> "Steps":
        """The places of each row in another order (b, l)."""
        return self._each(lambda values: values.gather(1, order))

    def _each(self, change: Any) -> "Steps":
        values = {f.name: getattr(self, f.name) for f in fields(self)}
        return Steps(**{name: None if v is None else change(v) for name, v in values.items()})


def steps_of(histories: Histories, windows: Windows) -> Steps:
    """The tensors of the events that stand in windows."""
    there = windows.at >= 0

    def read(values: IntArray | None, nothing: int = 0) -> Tensor | None:
        if values is None:
            return None
        padded = np.full(windows.at.shape, nothing, dtype=np.int64)
        padded[there] = values[windows.at[there]]
        return torch.from_numpy(padded)

    tokens = read(histories.items + 1)
    assert tokens is not None
    place = torch.from_numpy(windows.place) if histories.ordered else None
    return Steps(tokens, torch.from_numpy(windows.segment), place, read(histories.time), read(histories.kind))
