"""What BPR and WARP share: factors with item biases, learned from pairs, one pass after another."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

Epoch = Callable[..., float]


@dataclass(frozen=True, eq=False)
class BiasedFactors:
    """score_ui = x_u' y_i + b_i."""

    history: sparse.csr_matrix  # (n_users, n_items)
    user_factors: AnyArray  # (n_users, f) float32
    item_factors: AnyArray  # (n_items, f) float32
    item_bias: AnyArray  # (n_items,) float32

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items), single precision."""
        return self.user_factors[users] @ self.item_factors.T + self.item_bias

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) with -1 at its end, and what each adds to each item, (h + 1, len(items)).

        The user's factors are written as the ridge combination of those of the history that comes nearest; what is left
        over, and the items' biases, is the last part.
        """
        span = slice(self.history.indptr[user], self.history.indptr[user + 1])
        history = self.history.indices[span].astype(np.int64)
        x = self.user_factors[user].astype(np.float64)
        own, asked = self.item_factors[history].astype(np.float64), self.item_factors[items].astype(np.float64)
        ridge = 1e-3 * max(float((own**2).sum()) / max(len(x), 1), 1e-12)
        share = own @ np.linalg.solve(own.T @ own + ridge * np.eye(len(x)), x)
        parts = share[:, None] * (own @ asked.T)
        rest = asked @ x + self.item_bias[items] - parts.sum(axis=0)
        return np.append(history, -1), np.vstack([parts, rest])

    def sides(self) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        """Users (n_users, f), items (n_items, f) and biases (n_items,)."""
        return self.user_factors, self.item_factors, self.item_bias

    def arrays(self) -> dict[str, AnyArray]:
        """Factors and biases."""
        return {
            "user_factors": self.user_factors,
            "item_factors": self.item_factors,
            "item_bias": self.item_bias,
        }


def factors_from(arrays: Mapping[str, AnyArray], history: sparse.csr_matrix, size: int) -> BiasedFactors:
    """The model that `arrays` took apart, refused where the shapes are another dataset's."""
    n, m = history.shape
    wanted = {"user_factors": (n, size), "item_factors": (m, size), "item_bias": (m,)}
    found = {name: np.ascontiguousarray(arrays[name], dtype=np.float32) for name in wanted}
    for name, shape in wanted.items():
        if found[name].shape != shape:
            raise InputError(f"{name} has shape {found[name].shape}; these data need {shape}.")
    return BiasedFactors(history, **found)


def learn(
    history: sparse.csr_matrix, learner: Any, epoch: Epoch, how: list[float], context: RunContext
) -> BiasedFactors:
    """Factors after the learner's epochs, in an order of steps that follows from the seed alone.

    Raises:
        NotFinite: the factors overflow; the learning rate is too high.
    """
    n, m = history.shape
    name = type(learner).__name__
    rng, size = context.rng(name), learner.embedding_size
    factors = (rng.standard_normal((n, size)) / size, rng.standard_normal((m, size)) / size, np.zeros(m))
    user = np.repeat(np.arange(n), np.diff(history.indptr))
    item, kept = history.indices.astype(np.int64), (history.indptr, history.indices)
    for _ in context.track(range(learner.epochs), f"{name} epochs", learner.epochs):
        steps = (rng.permutation(len(item)), user, item)
        epoch(steps, kept, factors, np.array(how, dtype=np.float64), rng)
    if not all(np.isfinite(f).all() for f in factors):
        raise NotFinite(
            f"{name}'s factors overflow with learning_rate={learner.learning_rate:g}", remedy="lower learning_rate"
        )
    return BiasedFactors(history, *(f.astype(np.float32) for f in factors))


def check_pairwise(learner: Any) -> None:
    """Refuse hyperparameters out of their bounds."""
    for name in ("embedding_size", "epochs"):
        value = getattr(learner, name)
        if value != int(value) or value < 1:
            raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")
    if not 0 < learner.learning_rate < np.inf:
        raise ConfigError(f"learning_rate is {learner.learning_rate}; give a number above 0, such as 0.05.")
    if not 0 <= learner.reg < np.inf:
        raise ConfigError(f"reg is {learner.reg}; give a number from 0 on.")


def binary_history(dataset: Dataset) -> sparse.csr_matrix:
    """The pairs with a weight above 0, by user, with sorted items."""
    history = dataset.matrix.copy()
    history.eliminate_zeros()
    history.data = np.ones_like(history.data)
    history.sort_indices()
    return history
