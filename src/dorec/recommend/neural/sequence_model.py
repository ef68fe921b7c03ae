"""A fitted network over histories as a model that scores, explains and can be kept; needs torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import torch
from torch import nn

from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.memo import Memo
from dorec.recommend.neural.histories import Histories
from dorec.recommend.neural.sequence_network import SequenceNetwork
from dorec.recommend.neural.steps import steps_of
from dorec.recommend.neural.windows import Windows, lines

PLACES = 2**14  # read at once
EXPLAINED = 2**25  # bytes of vectors kept for explanations
Network = TypeVar("Network", bound=nn.Module)


@dataclass(frozen=True, eq=False)
class SequenceModel:
    """score_ui = what user u's latest events ask for, as a vector, times the embedding of item i."""

    histories: Histories
    network: SequenceNetwork
    kept: Memo = field(default_factory=lambda: Memo(EXPLAINED))

    @cached_property
    def table(self) -> AnyArray:
        """The items' embeddings, (n_items, d) float32."""
        return np.ascontiguousarray(self.network.table.detach().cpu().numpy())

    @cached_property
    def vectors(self) -> AnyArray:
        """What each user asks for, (n_users, d) float32; zeros without a history. Made once, when first needed."""
        first, count = self.histories.latest(self.network.shape.width)
        order = np.argsort(count, kind="stable")
        order = order[count[order] > 0]
        out = np.zeros((len(count), self.network.shape.size), dtype=np.float32)
        while len(order):
            longest = int(count[order[-1]])
            some = order[-max(1, PLACES // longest) :]
            out[some] = self._read(lines(first[some], count[some], longest))
            order = order[: -len(some)]
        return out

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items), single precision."""
        return self.vectors[users] @ self.table.T

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The items read (h,) with -1 at its end, and what each adds to each item, (h + 1, len(items)).

        An item's part is what the score loses when the history is read without it; what the parts leave, or count
        twice, is the last one.
        """
        read, without = self._left_out(user)
        asked = self.table[items].astype(np.float64)
        whole = self.vectors[user].astype(np.float64)
        parts = (whole - without) @ asked.T
        return np.append(read, -1), np.vstack([parts, whole @ asked.T - parts.sum(axis=0)])

    def arrays(self) -> dict[str, AnyArray]:
        """The network's parameters."""
        return {name: values.detach().cpu().numpy() for name, values in self.network.state_dict().items()}

    def _left_out(self, user: int) -> tuple[IntArray, FloatArray]:
        """The distinct items that the user's vector was read from (h,), and the vector without each, (h, d)."""
        first, count = (int(part[user]) for part in self.histories.latest(self.network.shape.width))
        events = np.arange(first, first + count)
        read = np.unique(self.histories.items[events])
        vectors = self.kept.get(user.to_bytes(8, "little"), lambda: self._without_each(events, read))
        return read, vectors

    def _without_each(self, events: IntArray, read: IntArray) -> FloatArray:
        at = np.full((len(read), len(events)), -1)
        for row, item in enumerate(read):
            kept = events[self.histories.items[events] != item]
            at[row, : len(kept)] = kept
        out = np.zeros((len(read), self.network.shape.size))
        if len(read) > 1:
            there = at >= 0
            place = np.maximum(there.sum(axis=1)[:, None] - 1 - np.arange(len(events)), 0)
            segment = np.where(there, 0, len(events))
            for rows in np.array_split(np.arange(len(read)), -(-at.size // PLACES)):
                out[rows] = self._read(Windows(at[rows], segment[rows], place[rows]))
        return out

    def _read(self, windows: Windows) -> AnyArray:
        device = next(self.network.parameters()).device
        with torch.no_grad():
            steps = steps_of(self.histories, windows).to(str(device))
            return np.asarray(self.network.next_of(steps).float().cpu().numpy())


def restored(network: Network, arrays: Mapping[str, AnyArray]) -> Network:
    """The network with the parameters that `arrays` holds.

    Raises:
        InputError: their names or shapes are another network's.
    """
    own = network.state_dict()
    for name, values in own.items():
        if name not in arrays or arrays[name].shape != tuple(values.shape):
            found = arrays[name].shape if name in arrays else "missing"
            raise InputError(f"{name} has shape {found}; these settings and data need {tuple(values.shape)}.")
    network.load_state_dict({name: torch.from_numpy(np.array(arrays[name], dtype=np.float32)) for name in own})
    return network.eval()
