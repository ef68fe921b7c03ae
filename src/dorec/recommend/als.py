"""ALS: matrix factorisation of implicit feedback (Hu, Koren, Volinsky 2008, doi:10.1109/ICDM.2008.22)."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.implicit_als import Entries, Single, conjugate_gradient_step, exact_step, gram_with, row_weights
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.weighting import Weighting, check_weighting, weighted

DEFAULT_CONTEXT = RunContext()
NOISE_LEVELS = 1.25
CG_STEPS = 3
LARGEST = 1e15  # products of two stay finite in single precision


@dataclass(frozen=True, eq=False)
class Factors:
    """score_ui = x_u' y_i, with x_u the exact solution given the items' factors, so that it splits over the history."""

    extra: sparse.csr_matrix  # (n_users, n_items) confidence above 1
    user_factors: Single  # (n_users, f)
    item_factors: Single  # (n_items, f)
    reg: float

    @cached_property
    def _base(self) -> FloatArray:
        return gram_with(self.item_factors, self.reg)

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items), single precision."""
        return self.user_factors[users] @ self.item_factors.T

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) and what each of it adds to each item, (h, len(items)): section 5 of the paper."""
        span = slice(self.extra.indptr[user], self.extra.indptr[user + 1])
        history = self.extra.indices[span].astype(np.int64)
        y = self.item_factors
        return history, row_weights(self._base, self.extra.data[span], y[history], y[items])

    def sides(self) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        """Users (n_users, f), items (n_items, f) and no bias."""
        return self.user_factors, self.item_factors, None

    def arrays(self) -> dict[str, AnyArray]:
        """Both sides' factors, and the regularisation that was used."""
        return {
            "user_factors": self.user_factors,
            "item_factors": self.item_factors,
            "reg": np.array([self.reg]),
        }


@dataclass(frozen=True)
class ALS:
    """Factors x_u, y_i that minimise sum c_ui (p_ui - x_u'y_i)^2 + reg (|x|^2 + |y|^2) over all users and items.

    p is 1 where there is an interaction, 0 elsewhere; c is 1 + alpha w there, 1 elsewhere. Each epoch improves users,
    then items, by three conjugate-gradient steps from where they are; at the end the users are solved exactly. Memory
    is 4 embedding_size (n_users + n_items) bytes and 24 bytes an interaction; time is linear in interactions x
    embedding_size x epochs.

    With `reg=None` the regularisation follows from the data: 1.25 times the noise level of the matrix, the largest
    singular value that entries at random would give it, sqrt(interactions a user) + sqrt(interactions an item), times
    sqrt((1 + alpha) / 2). Below it, factors fit noise.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "milk", "tea"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> scorer = ALS(embedding_size=2, reg=0.1).fit(data)
        >>> scorer.recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 64
    reg: float | None = None
    alpha: float = 1.0
    epochs: int = 15
    weighting: Weighting = "log"

    def __post_init__(self) -> None:
        for name in ("embedding_size", "epochs"):
            value = getattr(self, name)
            if value != int(value) or value < 1:
                raise ConfigError(f"{name} is {value}; give a whole number from 1 on.")
        if self.reg is not None and not 0 < self.reg < np.inf:
            raise ConfigError(f"reg is {self.reg}; give a number above 0, or None for the noise level of the data.")
        if not 0 < self.alpha < np.inf:
            raise ConfigError(f"alpha is {self.alpha}; give a number above 0.")
        check_weighting(self.weighting)

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the factors; the same seed gives the same factors, whatever the number of threads.

        Raises:
            NotFinite: weights so large, or regularisation so small, that the factors overflow.
        """
        extra = self._extra(dataset)
        reg = noise_level(extra, self.alpha) if self.reg is None else self.reg
        shapes = [(n, self.embedding_size) for n in extra.shape]
        users, items = (
            (0.01 * context.rng("als", side).standard_normal(shape)).astype(np.float32)
            for side, shape in zip(("users", "items"), shapes, strict=True)
        )
        by_user, by_item = _entries(extra), _entries(extra.T.tocsr())
        steps = {"n_steps": CG_STEPS, "threads": context.threads}
        for _ in context.track(range(self.epochs), "ALS epochs", self.epochs):
            conjugate_gradient_step(by_user, users, items, reg, **steps)
            conjugate_gradient_step(by_item, items, users, reg, **steps)
        users = _single(exact_step(by_user, items, reg, threads=context.threads), items)
        return fitted(dataset, self, "als", Factors(extra, users, items, reg))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        sides = []
        for name, n in (("user_factors", dataset.n_users), ("item_factors", dataset.n_items)):
            factors = np.ascontiguousarray(arrays[name], dtype=np.float32)
            if factors.shape != (n, self.embedding_size):
                raise InputError(f"{name} have shape {factors.shape}; these data need {(n, self.embedding_size)}.")
            sides.append(factors)
        return fitted(dataset, self, "als", Factors(self._extra(dataset), sides[0], sides[1], float(arrays["reg"][0])))

    def _extra(self, dataset: Dataset) -> sparse.csr_matrix:
        extra = weighted(dataset, self.weighting)
        with np.errstate(over="ignore"):
            extra.data = (self.alpha * extra.data).astype(np.float32)
        _check_finite(extra.data)
        return extra


def noise_level(extra: sparse.csr_matrix, alpha: float) -> float:
    """The regularisation below which factors fit noise, from the shape and number of entries of (n, m) data.

    Example:
        >>> noise_level(sparse.csr_matrix(np.ones((4, 4))), alpha=1.0)
        5.0
    """
    n, m = extra.shape
    level = np.sqrt(max(extra.nnz, 1) / n) + np.sqrt(max(extra.nnz, 1) / m)
    return float(NOISE_LEVELS * level * np.sqrt((1.0 + alpha) / 2.0))


def _single(users: FloatArray, items: Single) -> Single:
    """The users' factors in single precision, if they and the items' are finite in it."""
    _check_finite(items)
    _check_finite(users)
    return users.astype(np.float32)


def _check_finite(values: AnyArray) -> None:
    if not np.abs(values).max(initial=0.0) < LARGEST:
        raise NotFinite(
            "confidences or factors grow beyond what single precision holds",
            remedy="raise reg, lower alpha, or take weighting='log' where weights are very large",
        )


def _entries(matrix: sparse.csr_matrix) -> Entries:
    return matrix.indptr.astype(np.int64), matrix.indices.astype(np.int64), matrix.data
