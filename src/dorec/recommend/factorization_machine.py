"""Factorisation machines: ids and features of both sides, each pair of them with a weight of low rank (Rendle 2010)."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, TooFewUnits
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.machine_steps import machine_epoch
from dorec.recommend.feature_hashing import features_of, hashed_features, number_bins
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import BiasedFactors, binary_history

DEFAULT_CONTEXT = RunContext()
SIDES = ("users", "items")
START = 1e-2  # of the sums of squared slopes: the first steps stay small
SPREAD = 0.05  # of the vectors before they are learned


@dataclass(frozen=True, eq=False)
class Side:
    """What was learned of users or of items: a weight and a vector for each id and each bucket of features."""

    weights: FloatArray  # (n + b,)
    vectors: FloatArray  # (n + b, f)
    bins: Mapping[str, FloatArray] = field(default_factory=dict)  # edges of the columns of numbers

    def sums(self, rows: sparse.csr_matrix) -> tuple[FloatArray, FloatArray]:
        """What rows (n, n + b) score on their own (n,), and the sums of their vectors (n, f)."""
        total = np.asarray(rows @ self.vectors)
        alone = 0.5 * ((total**2).sum(axis=1) - rows.power(2) @ (self.vectors**2).sum(axis=1))
        return np.asarray(rows @ self.weights + alone), total

    def arrays(self, side: str) -> dict[str, AnyArray]:
        """Everything, under names that begin with the side's."""
        parts = {f"{side}.weights": self.weights, f"{side}.vectors": self.vectors}
        return parts | {f"{side}.bins.{name}": edges for name, edges in self.bins.items()}


@dataclass(frozen=True, eq=False)
class Machine:
    """Log odds of a pair: what user and item score on their own, and the product of the sums of their vectors."""

    factors: BiasedFactors  # the last factor carries what users score on their own
    users: Side
    items: Side
    constant: float

    def scores(self, users: IntArray) -> AnyArray:
        """Log odds (u, n_items), single precision."""
        return self.factors.scores(users)

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history with -1 at its end, and what each adds; what the features say is in the last part."""
        return self.factors.contributions(user, items)

    def sides(self) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        """Users (n_users, f + 1), items (n_items, f + 1) and biases (n_items,)."""
        return self.factors.sides()

    def arrays(self) -> dict[str, AnyArray]:
        """Both sides and the constant; the factors follow from them and the features."""
        return self.users.arrays("users") | self.items.arrays("items") | {"constant": np.array([self.constant])}


@dataclass(frozen=True, kw_only=True)
class FactorizationMachine:
    """Log odds that a user takes an item, from ids and features of both, and from all pairs of these.

    Score: w0 + sum of weights + sum over pairs of v_a'v_b (Rendle 2010, doi:10.1109/ICDM.2010.127), logistic loss,
    AdaGrad. With `embedding_size=0` the pairs fall away and the rest is the feature-aware logistic: items differ by id
    and features, but every user has the same order of them. Interactions of weight 0 are pairs that were shown and not
    taken: labelled negatives; with `n_negatives=0` only they are learned from, and the odds are those of an impression.
    Otherwise the odds are those among interactions and drawn pairs: an order, not a rate.

    Features are what `Dataset.with_users` and `with_items` joined, hashed. Users with features and no history are
    scored by the model, not by the fallback; `moved_to` scores another dataset's users and items, new ones too.
    Memory is 16 (embedding_size + 2) (n_users + n_items + 2 n_buckets) bytes.

    Args:
        embedding_size: length of the vectors; 0 for the logistic.
        n_buckets: places that features are hashed to, on each side.
        ids: whether users and items with a history have a weight and a vector of their own too.
        n_negatives: unseen items drawn for each interaction, of those that anybody has: an item without a history is
            new, and known by its features alone.
        learning_rate: of AdaGrad.
        reg: weight decay.
        epochs: passes over the interactions.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> kind = {"i": ["tea", "milk", "soap", "oil"], "kind": ["drink", "drink", "house", "house"]}
        >>> machine = FactorizationMachine(embedding_size=4, n_buckets=64, epochs=60)
        >>> machine.fit(data.with_items(kind, item="i")).recommend([3], k=1).items.tolist()
        [['milk']]
    """

    embedding_size: int = 32
    n_buckets: int = 4096
    ids: bool = True
    n_negatives: int = 4
    learning_rate: float = 0.05
    reg: float = 0.01
    epochs: int = 20

    def __post_init__(self) -> None:
        for name, least in (("embedding_size", 0), ("n_buckets", 1), ("n_negatives", 0), ("epochs", 1)):
            value = getattr(self, name)
            if value != int(value) or value < least:
                raise ConfigError(f"{name} is {value}; give a whole number from {least} on.")
        if not 0 < self.learning_rate <= 10:
            raise ConfigError(
                f"learning_rate is {self.learning_rate}; give a number above 0, at most 10, such as 0.05."
            )
        if not 0 <= self.reg < np.inf:
            raise ConfigError(f"reg is {self.reg}; give a number from 0 on.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit weights and vectors.

        Raises:
            InputError: without ids, a side has no features.
            TooFewUnits: no negatives are to be drawn, and no interaction has weight 0.
        """
        if not self.n_negatives and (dataset.pairs.data > 0).all():
            raise TooFewUnits(
                "n_negatives is 0 and no interaction has weight 0, so nothing says what is not taken",
                remedy="give what was shown and not taken a weight of 0, or raise n_negatives",
            )
        bins = [number_bins(*features_of(dataset, side)) for side in SIDES]
        rows = self._rows(dataset, *bins)
        for side, matrix in zip(SIDES, rows, strict=True):
            if not self.ids and not matrix.nnz:
                raise InputError(f"The {side} have no features; join some with Dataset.with_{side}, or take ids=True.")
        constant, weights, vectors = self._learned(dataset, rows, context)
        n = rows[0].shape[1]
        users, items = Side(weights[:n], vectors[:n], bins[0]), Side(weights[n:], vectors[n:], bins[1])
        return self._scorer(dataset, users, items, constant)

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        users, items = (
            self._side_from(arrays, side, n + self.n_buckets)
            for side, n in zip(SIDES, (dataset.n_users, dataset.n_items), strict=True)
        )
        return self._scorer(dataset, users, items, float(np.asarray(arrays["constant"]).reshape(1)[0]))

    def moved_to(self, dataset: Dataset, scorer: FittedRecommender) -> FittedRecommender:
        """The machine on another dataset: its users and items by their features, and by ids where known.

        Args:
            dataset: with features of the same columns.
            scorer: fitted by this learner.

        Raises:
            InputError: the scorer is of another model.
        """
        model = scorer.model
        if not isinstance(model, Machine):
            raise InputError(f"The scorer is a {scorer.name}; give what FactorizationMachine.fit returned.")
        at = (scorer.dataset.index_of(dataset.users), scorer.dataset.item_index_of(dataset.items))
        users, items = (
            _with_ids(side, rows, n)
            for side, rows, n in zip(
                (model.users, model.items), at, (scorer.dataset.n_users, scorer.dataset.n_items), strict=True
            )
        )
        return self._scorer(dataset, users, items, model.constant)

    def _rows(self, dataset: Dataset, *bins: Mapping[str, FloatArray]) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
        """Rows of users and items: an entry for the id, then the hashed features."""
        made = []
        for side, edges in zip(SIDES, bins, strict=True):
            table, names = features_of(dataset, side)
            own = sparse.eye_array(len(names)) if self.ids else sparse.csr_array((len(names), len(names)))
            hashed = hashed_features(table, names, edges, self.n_buckets)
            made.append(sparse.csr_matrix(sparse.hstack([own, hashed]), dtype=np.float64))
        return made[0], made[1]

    def _learned(
        self, dataset: Dataset, rows: tuple[sparse.csr_matrix, sparse.csr_matrix], context: RunContext
    ) -> tuple[float, FloatArray, FloatArray]:
        history, pairs = binary_history(dataset), dataset.pairs.tocoo()
        rng, n = context.rng("factorization_machine"), rows[0].shape[1]
        size = n + rows[1].shape[1]
        vectors = SPREAD * rng.standard_normal((size, self.embedding_size))
        weights = (np.zeros(1), np.zeros(size), vectors)
        squares = (np.full(1, START), np.full(size, START), np.full((size, 1), START))
        left, right = ((r.indptr, r.indices + shift, r.data) for r, shift in zip(rows, (0, n), strict=True))
        user, item = pairs.row.astype(np.int64), pairs.col.astype(np.int64)
        label, how = (pairs.data > 0).astype(np.float64), np.array([self.learning_rate, self.reg, self.n_negatives])
        taken = np.bincount(history.indices, minlength=dataset.n_items) > 0
        kept = (history.indptr, history.indices, np.flatnonzero(taken))
        for _ in context.track(range(self.epochs), "FactorizationMachine epochs", self.epochs):
            steps = (rng.permutation(len(user)), user, item, label)
            machine_epoch(steps, kept, (left, right), (weights, squares), how, rng)
        # neither what was never met nor an id that only stood for what was not taken is known
        unknown = squares[1] == START
        unknown[: dataset.n_users] |= np.diff(history.indptr) == 0
        unknown[n : n + dataset.n_items] |= ~taken
        vectors[unknown], weights[1][unknown] = 0.0, 0.0
        return float(weights[0][0]), weights[1], vectors

    def _side_from(self, arrays: Mapping[str, AnyArray], side: str, n: int) -> Side:
        weights = np.ascontiguousarray(arrays[f"{side}.weights"], dtype=np.float64)
        vectors = np.ascontiguousarray(arrays[f"{side}.vectors"], dtype=np.float64)
        if weights.shape != (n,) or vectors.shape != (n, self.embedding_size):
            raise InputError(f"{side} have weights {weights.shape}, vectors {vectors.shape}; these data need {n} rows.")
        prefix = f"{side}.bins."
        found = {k.removeprefix(prefix): np.asarray(a, np.float64) for k, a in arrays.items() if k.startswith(prefix)}
        return Side(weights, vectors, found)

    def _scorer(self, dataset: Dataset, users: Side, items: Side, constant: float) -> FittedRecommender:
        rows = self._rows(dataset, users.bins, items.bins)
        (of_user, x), (of_item, y) = (side.sums(r) for side, r in zip((users, items), rows, strict=True))
        history = binary_history(dataset)
        left = np.column_stack([x, constant + of_user]).astype(np.float32)
        right = np.column_stack([y, np.ones(len(y))]).astype(np.float32)
        factors = BiasedFactors(history, left, right, of_item.astype(np.float32))
        met = (users.weights[: dataset.n_users] != 0) & self.ids
        featured = np.diff(rows[0][:, dataset.n_users :].tocsr().indptr) > 0
        model = Machine(factors, users, items, constant)
        known = (np.diff(history.indptr) > 0) | met | featured
        return fitted(dataset, self, "factorization_machine", model, known=known)


def _with_ids(side: Side, at: IntArray, n: int) -> Side:
    """The side with the weights and vectors of ids at positions (m,) among its n, zero for -1."""
    rows = np.maximum(at, 0)
    weights = np.where(at >= 0, side.weights[rows], 0.0)
    vectors = np.where((at >= 0)[:, None], side.vectors[rows], 0.0)
    return Side(np.append(weights, side.weights[n:]), np.vstack([vectors, side.vectors[n:]]), side.bins)
