"""Factors with biases for ratings, and the least-squares sweeps that improve them."""

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.rating_factors import weighted_ridge_rows


@dataclass(frozen=True, eq=False)
class Entries:
    """Observed pairs, in the order of users and then items, each once."""

    user: IntArray  # (m,)
    item: IntArray  # (m,)
    value: FloatArray  # (m,)
    shape: tuple[int, int]  # users, items

    @classmethod
    def of(cls, dataset: Dataset) -> "Entries":
        """The pairs with a weight above 0; what a pair was given several times is averaged.

        Example:
            >>> rows = {"u": [1, 1, 2], "i": [7, 7, 8], "r": [2, 4, 5]}
            >>> Entries.of(Dataset.from_interactions(rows, user="u", item="i", weight="r")).value.tolist()
            [3.0, 5.0]
        """
        kept = np.flatnonzero(dataset.weight > 0)
        user, item, value = dataset.user_index[kept], dataset.item_index[kept], dataset.weight[kept]
        order = np.lexsort((value, item, user))  # the values too, so that sums have one order
        pair = (user * dataset.n_items + item)[order]
        pairs, start, count = np.unique(pair, return_index=True, return_counts=True)
        mean = np.add.reduceat(value[order], start) / count if len(pairs) else np.empty(0)
        return cls(pairs // dataset.n_items, pairs % dataset.n_items, mean, (dataset.n_users, dataset.n_items))

    @property
    def by_user(self) -> tuple[IntArray, IntArray]:
        """Where each user begins, (n_users + 1,), and the items in that order, (m,)."""
        return _pointers(self.user, self.shape[0]), self.item

    def by_item(self) -> tuple[IntArray, tuple[IntArray, IntArray]]:
        """The order (m,) that sorts entries by item; where each item begins, and the users, in it."""
        order = np.argsort(self.item, kind="stable")
        return order, (_pointers(self.item, self.shape[1]), self.user[order])


@dataclass(frozen=True, eq=False)
class RatingFactors:
    """f_ui = level + a_u + b_i + x_u'y_i, with columns 0 and 1 of the tables as the biases: (1, a, x) and (b, 1, y)."""

    level: float
    users: FloatArray  # (n_users, 2 + f)
    items: FloatArray  # (n_items, 2 + f)

    @classmethod
    def start(cls, shape: tuple[int, int], size: int, rng: np.random.Generator) -> "RatingFactors":
        """Small random factors, no biases."""
        users, items = (np.concatenate([np.zeros((n, 2)), 0.1 * rng.standard_normal((n, size))], axis=1) for n in shape)
        users[:, 0], items[:, 1] = 1.0, 1.0
        return cls(0.0, users, items)

    def at(self, user: IntArray, item: IntArray) -> FloatArray:
        """Values of pairs, (m,)."""
        return np.asarray(self.level + np.einsum("mf,mf->m", self.users[user], self.items[item]))

    def table(self, users: IntArray) -> FloatArray:
        """Values of users and every item, (u, n_items)."""
        return np.asarray(self.level + self.users[users] @ self.items.T)

    def mean(self) -> float:
        """The average over all pairs."""
        return float(self.level + self.users.mean(axis=0) @ self.items.mean(axis=0))

    def mean_squared_difference(self, other: "RatingFactors") -> float:
        """The average over all pairs of the squared difference from another model, at the cost of a Gram matrix."""
        ones = np.ones((len(self.users), 1)), np.ones((len(self.items), 1))
        left = np.concatenate([(self.level - other.level) * ones[0], self.users, -other.users], axis=1)
        right = np.concatenate([ones[1], self.items, other.items], axis=1)
        return float(np.sum((left.T @ left) * (right.T @ right)) / (len(left) * len(right)))


def sweep(model: RatingFactors, entries: Entries, weight: FloatArray, target: FloatArray, reg: float) -> RatingFactors:
    """The model after the level, the users and the items each came to minimise sum w (t - f)^2 + reg |.|^2, in turn."""
    residual = target - model.at(entries.user, entries.item)
    model = replace(model, level=model.level + float(weight @ residual / weight.sum()))
    penalty = np.full(model.users.shape[1] - 1, reg)
    goal = target - model.level
    found = weighted_ridge_rows(
        entries.by_user, weight, goal - model.items[entries.item, 0], model.items[:, 1:], penalty
    )
    users = np.concatenate([np.ones((len(found), 1)), found], axis=1)
    order, rows = entries.by_item()
    rest = (goal - users[entries.user, 1])[order]
    found = weighted_ridge_rows(rows, weight[order], rest, users[:, [0, *range(2, users.shape[1])]], penalty)
    items = np.concatenate([found[:, :1], np.ones((len(found), 1)), found[:, 1:]], axis=1)
    return RatingFactors(model.level, users, items)


def sweep_everywhere(
    model: RatingFactors, guess: RatingFactors, entries: Entries, correction: FloatArray, reg: float
) -> RatingFactors:
    """The same for the target guess + correction over ALL pairs, where the correction is 0 off the entries.

    Every pair weighs 1; no pair is visited but the entries, because the guess has few dimensions. So a doubly robust
    loss costs what the observed pairs cost.
    """
    n, m = entries.shape
    gap = guess.mean() - model.mean() + correction.sum() / (n * m)
    model = replace(model, level=model.level + float(gap))
    size = model.users.shape[1]
    users, items = model.users.copy(), model.items.copy()
    free = [i for i in range(size) if i != 0]
    users[:, free] = _rows_of_all(
        (items, free, 0), (guess.users, guess.items), guess.level - model.level, entries.by_user, correction, reg
    )
    order, rows = entries.by_item()
    free = [i for i in range(size) if i != 1]
    items[:, free] = _rows_of_all(
        (users, free, 1), (guess.items, guess.users), guess.level - model.level, rows, correction[order], reg
    )
    return RatingFactors(model.level, users, items)


def _rows_of_all(
    other: tuple[FloatArray, list[int], int],
    guess: tuple[FloatArray, FloatArray],
    level: float,
    rows: tuple[IntArray, IntArray],
    correction: FloatArray,
    reg: float,
) -> FloatArray:
    """Free columns of one side's rows: one shared matrix, and a right-hand side of the guess and the corrections."""
    table, free, fixed = other
    z = table[:, free]
    matrix = z.T @ z + reg * np.eye(len(free))
    indptr, indices = rows
    corrected = sparse.csr_matrix((correction, indices, indptr), shape=(len(guess[0]), len(z))) @ z
    right = guess[0] @ (guess[1].T @ z) + (level * z.sum(axis=0) - table[:, fixed] @ z) + corrected
    return np.asarray(np.linalg.solve(matrix, right.T).T)


def _pointers(owner: IntArray, n: int) -> IntArray:
    return np.concatenate([[0], np.cumsum(np.bincount(owner, minlength=n))]).astype(np.int64)
