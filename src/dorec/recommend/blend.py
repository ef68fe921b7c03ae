"""A blend of recommenders, with weights learned on interactions that the models did not see."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.folds import hash64, mix64
from dorec.recommend.fitted import FittedRecommender, Model, fitted

DEFAULT_CONTEXT = RunContext()
RIVALS = 50  # items drawn against each held-out one
MOST_USERS = 5_000  # on which weights are learned
SPREAD_FLOOR = 1e-12


@dataclass(frozen=True, eq=False)
class Blended:
    """score_ui = sum over models of weight (s_ui - mean_u) / spread_u, over all items i."""

    models: tuple[Model, ...]
    weights: FloatArray  # (number of models,)

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items)."""
        parts = [w * standardised(m.scores(users))[0] for m, w in zip(self.models, self.weights, strict=True)]
        return np.asarray(sum(parts))

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) with -1 at its end, and what each adds to each item, (h + 1, len(items))."""
        of: dict[int, FloatArray] = {-1: np.zeros(len(items))}
        for model, weight in zip(self.models, self.weights.tolist(), strict=True):
            table = np.asarray(model.scores(np.array([user])), dtype=np.float64)
            mean, spread = (v.item() for v in standardised(table)[1:])
            history, parts = model.contributions(user, items)
            of[-1] = of[-1] + weight * (table[0, items] - parts.sum(axis=0) - mean) / spread
            for item, part in zip(history.tolist(), parts, strict=True):
                of[item] = of.get(item, np.zeros(len(items))) + weight * part / spread
        order = [item for item in of if item >= 0] + [-1]
        return np.array(order), np.array([of[item] for item in order])

    def arrays(self) -> dict[str, AnyArray]:
        """The weights, and each model's arrays under its number."""
        inner = {f"{i}.{name}": array for i, m in enumerate(self.models) for name, array in m.arrays().items()}
        return {"weights": self.weights, **inner}


@dataclass(frozen=True)
class Blend:
    """Several recommenders as one: each user's scores standardised over the items, and added up with learned weights.

    Some interactions of each user are held out; the models are fitted on the rest, and weights, none below zero and
    summing to one, are those that best tell the held-out items from `RIVALS` others (softmax loss). Then the models are
    fitted on everything.

    Args:
        of: names from the registry.
        settings: hyperparameters by name, where the defaults won't do.
        held_out: share of the interactions that the weights are learned on.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> user = np.repeat(np.arange(40), 8)
        >>> rows = {"u": user, "i": rng.integers(0, 10, 320) * 2 + user % 2}
        >>> scorer = Blend(of=("ease", "popularity")).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> bool(scorer.model.weights[0] > 0.8)
        True
    """

    of: tuple[str, ...] = ("ease", "als", "item_knn")
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if not isinstance(self.of, (tuple, list)) or not self.of or "blend" in self.of:
            raise ConfigError(f"of is {self.of!r}; give a tuple of names of recommenders, none of them a blend.")
        object.__setattr__(self, "of", tuple(self.of))
        if strangers := set(self.settings) - set(self.of):
            raise ConfigError(f"settings has {', '.join(sorted(strangers))}, which the blend is not of: {self.of}.")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; give a share above 0 and below 1, such as 0.1.")
        self._learners()

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Learn the weights, then fit each model on everything."""
        learners = self._learners()
        weights = np.full(len(learners), 1.0 / len(learners))
        held = held_out_pairs(dataset, self.held_out, context.seed)
        if len(learners) > 1 and held.any():
            before = [m.fit(dataset.take(~held), context=context) for m in learners]
            weights = learned_weights(before, dataset.take(held), context).weights
        after = [m.fit(dataset, context=context).model for m in learners]
        return fitted(dataset, self, "blend", Blended(tuple(after), weights))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        weights = np.asarray(arrays["weights"], dtype=np.float64)
        if weights.shape != (len(self.of),):
            raise InputError(f"weights have shape {weights.shape}; this blend is of {len(self.of)} models.")
        models = []
        for i, learner in enumerate(self._learners()):
            own = {name.split(".", 1)[1]: a for name, a in arrays.items() if name.startswith(f"{i}.")}
            models.append(learner.restore(own, dataset).model)
        return fitted(dataset, self, "blend", Blended(tuple(models), weights))

    def _learners(self) -> list[Any]:
        from dorec.recommend.registry import make  # which knows this class by name

        return [make(name, **dict(self.settings.get(name, {}))) for name in self.of]


def standardised(table: AnyArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Scores (u, n_items) less their mean over their spread, user by user, and both, (u, 1)."""
    scores = np.asarray(table, dtype=np.float64)
    mean, spread = scores.mean(axis=1, keepdims=True), scores.std(axis=1, keepdims=True)
    spread = np.where(spread > SPREAD_FLOOR, spread, 1.0)
    return (scores - mean) / spread, mean, spread


def held_out_pairs(dataset: Dataset, share: float, seed: int) -> BoolArray:
    """Which rows (m,) are held out: a share of each user's pairs, by hash, of users with at least two; never all."""
    pair = dataset.user_index * dataset.n_items + dataset.item_index
    pairs, of_row = np.unique(pair[dataset.weight > 0], return_inverse=True)
    user = pairs // dataset.n_items
    draw = mix64(hash64(dataset.users)[user] ^ mix64(hash64(dataset.items)[pairs % dataset.n_items] + np.uint64(seed)))
    order = np.lexsort((draw, user))
    count = np.bincount(user, minlength=dataset.n_users)
    start = np.cumsum(count) - count
    quota = np.minimum(np.ceil(share * count), count - 1)
    chosen = np.zeros(len(pairs), dtype=bool)
    chosen[order] = np.arange(len(order)) - start[user[order]] < quota[user[order]]
    held = np.zeros(len(pair), dtype=bool)
    held[dataset.weight > 0] = chosen[of_row]
    return held


class Weighing(NamedTuple):
    """What standardised scores are multiplied with to be log chances, up to a constant for each user."""

    weights: FloatArray  # (models,) convex
    scale: float


def learned_weights(scorers: Sequence[FittedRecommender], held: Dataset, context: RunContext) -> Weighing:
    """Weights and scale of the scorers with the least softmax loss of held-out items against drawn ones."""
    rng = context.rng("blend")
    seen = scorers[0].dataset.pairs
    able = np.unique(held.user_index)
    if len(able) > MOST_USERS:
        able = np.sort(rng.choice(able, MOST_USERS, replace=False))
    margins = []
    for start in range(0, len(able), 256):
        users = able[start : start + 256]
        tables = np.stack([standardised(s.score(users))[0] for s in scorers])
        for row, user in enumerate(users.tolist()):
            own = held.matrix[user].indices
            free = np.setdiff1d(np.arange(held.n_items), np.append(own, seen[user].indices))
            if len(free):
                rivals = rng.choice(free, (len(own), RIVALS))
                margins.append(tables[:, row, rivals] - tables[:, row, own][:, :, None])
    if not margins:
        return Weighing(np.full(len(scorers), 1.0 / len(scorers)), 1.0)
    return _least_loss(np.concatenate(margins, axis=1))


def _least_loss(margin: FloatArray) -> Weighing:
    """The weights and scale for which rivals, ahead by `margin` (models, pairs, rivals), lose most."""
    k = len(margin)

    def loss(raw: FloatArray) -> tuple[float, FloatArray]:
        w = _softmax(raw[:k])
        scale = np.exp(raw[k])
        ahead = np.tensordot(w * scale, margin, axes=1)
        top = np.maximum(ahead.max(axis=1), 0.0)
        e = np.exp(ahead - top[:, None])
        total = np.exp(-top) + e.sum(axis=1)
        value = float((top + np.log(total)).mean())
        slope = np.einsum("kpr,pr->k", margin, e / total[:, None]) / margin.shape[1]
        by_weight = w * scale * (slope - w @ slope)
        return value, np.append(by_weight, scale * (w @ slope))

    found = minimize(loss, np.zeros(k + 1), jac=True, method="L-BFGS-B", bounds=[(-12, 12)] * k + [(-6, 6)])
    return Weighing(_softmax(found.x[:k]), float(np.exp(found.x[k])))


def _softmax(raw: FloatArray) -> FloatArray:
    e: FloatArray = np.exp(raw - raw.max())
    return np.asarray(e / e.sum())
