"""Scores without what popularity alone brings: what two debiased learners share."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError, NotFinite
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.pairwise import BiasedFactors, binary_history, factors_from


@dataclass(frozen=True, eq=False)
class ScaledFactors:
    """score_ui = (f_ui - shift) scale_i, with f = x'y, or ELU(x'y) + 1 where `positive`."""

    factors: BiasedFactors  # without biases
    scale: AnyArray  # (n_items,) float32
    shift: float
    positive: bool

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items)."""
        match = self.factors.scores(users).astype(np.float64)
        if self.positive:
            match = np.maximum(match, 0.0) + np.exp(np.minimum(match, 0.0))
        return np.asarray((match - self.shift) * self.scale)

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) with -1 at its end, and what each adds to each item, (h + 1, len(items))."""
        history, parts = self.factors.contributions(user, items)
        parts = parts * self.scale[items].astype(np.float64)
        parts[-1] += self.scores(np.array([user]))[0, items] - parts.sum(axis=0)
        return history, parts

    def arrays(self) -> dict[str, AnyArray]:
        """Factors, and what scales and shifts the scores."""
        return self.factors.arrays() | {"scale": self.scale, "shift": np.array([self.shift])}


def scaled_from(arrays: Mapping[str, AnyArray], dataset: Dataset, size: int, *, positive: bool) -> ScaledFactors:
    """The model that `arrays` took apart, refused where the shapes are another dataset's."""
    factors = factors_from(arrays, binary_history(dataset), size)
    scale = np.ascontiguousarray(arrays["scale"], dtype=np.float32)
    if scale.shape != (dataset.n_items,):
        raise InputError(f"scale has shape {scale.shape}; these data need {(dataset.n_items,)}.")
    return ScaledFactors(factors, scale, float(arrays["shift"][0]), positive)


def without_bias(history: Any, users: AnyArray, items: AnyArray, learner: Any) -> BiasedFactors:
    """Factors in single precision.

    Raises:
        NotFinite: they overflow.
    """
    if not (np.isfinite(users).all() and np.isfinite(items).all()):
        raise NotFinite(
            f"{type(learner).__name__}'s factors overflow with learning_rate={learner.learning_rate:g}",
            remedy="lower learning_rate",
        )
    made = BiasedFactors(history, users.astype(np.float32), items.astype(np.float32), np.zeros(0, dtype=np.float32))
    return replace(made, item_bias=np.zeros(len(items), dtype=np.float32))


def relative_popularity(history: Any) -> FloatArray:
    """Users of each item over those of the most popular one, (n_items,), half a user at least.

    >>> from scipy import sparse
    >>> relative_popularity(sparse.csr_matrix([[1, 1, 0], [1, 0, 0]])).tolist()
    [1.0, 0.5, 0.25]
    """
    count = np.maximum(np.bincount(history.indices, minlength=history.shape[1]), 0.5)
    return np.asarray(count / max(float(count.max()), 1.0))
