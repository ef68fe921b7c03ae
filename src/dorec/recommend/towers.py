"""Two learned towers in use: users and items, by their features and their ids, as vectors; plain arrays, no torch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from dorec.domain.errors import InputError
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.pairwise import BiasedFactors

Single: TypeAlias = NDArray[np.float32]
PARTS = ("ids", "buckets", "inner", "inner_bias", "outer")


@dataclass(frozen=True, eq=False)
class Tower:
    """One side: z = id vector + features' vectors; z + outer' elu(inner' z + bias), at length one."""

    ids: Single  # (n, f), zero for those that were never learned
    buckets: Single  # (b, f)
    inner: Single  # (f, h)
    inner_bias: Single  # (h,)
    outer: Single  # (h, f)
    bins: Mapping[str, FloatArray] = field(default_factory=dict)  # edges of the columns of numbers

    def vectors(self, rows: IntArray, features: sparse.csr_matrix) -> Single:
        """Vectors (m, f) of rows with these positions among the ids, -1 for new ones, and these features (m, b)."""
        own = np.where((rows >= 0)[:, None], self.ids[np.maximum(rows, 0)], np.float32(0.0))
        z = own + np.asarray(features @ self.buckets)
        inside = z @ self.inner + self.inner_bias
        z = z + np.where(inside > 0, inside, np.expm1(np.minimum(inside, 0.0))) @ self.outer
        length = np.sqrt((z**2).sum(axis=1, keepdims=True))
        return np.asarray(z / np.maximum(length, 1e-12), dtype=np.float32)

    def arrays(self, side: str) -> dict[str, AnyArray]:
        """Everything, under names that begin with the side's."""
        parts = {f"{side}.{name}": getattr(self, name) for name in PARTS}
        return parts | {f"{side}.bins.{name}": edges for name, edges in self.bins.items()}


def tower_from(arrays: Mapping[str, AnyArray], side: str, shapes: Mapping[str, tuple[int, ...]]) -> Tower:
    """The tower that `arrays` took apart.

    Raises:
        InputError: a part is missing, or has another shape than these data and settings need.
    """
    parts = {}
    for name in PARTS:
        found = np.ascontiguousarray(arrays[f"{side}.{name}"], dtype=np.float32)
        if found.shape != shapes[name]:
            raise InputError(f"{side}.{name} has shape {found.shape}; these data need {shapes[name]}.")
        parts[name] = found
    prefix = f"{side}.bins."
    bins = {n.removeprefix(prefix): np.asarray(a, dtype=np.float64) for n, a in arrays.items() if n.startswith(prefix)}
    return Tower(**parts, bins=bins)


@dataclass(frozen=True, eq=False)
class TowerModel:
    """score_ui = cosine of both towers' vectors over the temperature, for new users mixed with the log popularity."""

    factors: BiasedFactors
    users: Tower
    items: Tower

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items), single precision."""
        return self.factors.scores(users)

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history with -1 at its end, and what each adds; what the features say is in the last part."""
        return self.factors.contributions(user, items)

    def sides(self) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        """Users (n_users, f), items (n_items, f) and biases (n_items,)."""
        return self.factors.sides()

    def arrays(self) -> dict[str, AnyArray]:
        """Both towers; the vectors follow from them and the features."""
        return self.users.arrays("users") | self.items.arrays("items")
