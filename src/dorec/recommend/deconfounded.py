"""Any recommender without what popularity alone brings its scores."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.blend import held_out_pairs, learned_weights, standardised
from dorec.recommend.fitted import FittedRecommender, Model
from dorec.recommend.pairwise import binary_history

DEFAULT_CONTEXT = RunContext()
Form = Literal["adjusted", "counterfactual"]


@dataclass(frozen=True, eq=False)
class LessPopularity:
    """score_ui = scale (s_ui - mean_u) / spread_u - taken_i."""

    base: Model
    scale: float
    taken: FloatArray  # (n_items,)

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items)."""
        return self.scale * standardised(self.base.scores(users))[0] - self.taken

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history with -1 at its end, and what each adds; what popularity takes is in the last part."""
        table = np.asarray(self.base.scores(np.array([user])), dtype=np.float64)
        z, _, spread = standardised(table)
        history, parts = self.base.contributions(user, items)
        parts = parts[history >= 0] * self.scale / spread[0, 0]
        rest = self.scale * z[0, items] - self.taken[items] - parts.sum(axis=0)
        return np.append(history[history >= 0], -1), np.vstack([parts, rest])

    def arrays(self) -> dict[str, AnyArray]:
        """The base's arrays, the scale, and what is taken."""
        inner = {f"base.{name}": array for name, array in self.base.arrays().items()}
        return inner | {"scale": np.array([self.scale]), "taken": self.taken}


@dataclass(frozen=True)
class Deconfounded:
    """Any recommender of log chances, with the share of popularity in them taken off.

    Popular items are shown more, so they are chosen more, and a model of choices scores them too high for a world where
    showing is ours to decide. The base's scores, standardised user by user, are put on the scale of log chances: the
    scale is the one with the least softmax loss on held-out interactions. Then, by `form`:

    - "adjusted": strength x log popularity is taken off, for a chance of match x popularity^strength, as in
      `PopularityDeconfounded` (Zhang et al. 2021, doi:10.1145/3404835.3462875);
    - "counterfactual": strength x sigma_i is taken off, the chance by which an item is told to be chosen without any
      match, n_i / (n_i + mean n), as in `MACR` (Wei et al. 2021, arXiv 2010.15363).

    Those two learn match and popularity together, which takes training of their own; this works on what is there. A
    strength of 0 keeps the order of the base. Data in which showing followed popularity can't choose the strength: take
    it from shown-at-random data, or judge by `ranking_from_observed`.

    Args:
        base: a recommender, or a name from the registry.
        settings: hyperparameters of a base given by name.
        form: "adjusted" or "counterfactual".
        strength: how much is taken off.
        held_out: share of the interactions that the scale is learned on.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> user = np.repeat(np.arange(60), 8)
        >>> item = np.minimum(rng.integers(0, 15, 480), rng.integers(0, 15, 480)) * 2 + user % 2
        >>> data = Dataset.from_interactions({"u": user, "i": item}, user="u", item="i")
        >>> from dorec.recommend import EASE
        >>> lists = [Deconfounded(EASE(), strength=s).fit(data).recommend(data.users, k=3).items for s in (0.0, 2.0)]
        >>> count = np.bincount(item)
        >>> bool(count[lists[1].astype(int)].mean() < count[lists[0].astype(int)].mean())
        True
    """

    base: Any = "ease"
    settings: Mapping[str, Any] = field(default_factory=dict)
    form: Form = "adjusted"
    strength: float = 0.5
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if self.form not in get_args(Form):
            raise ConfigError(f"form is {self.form!r}; allowed: {', '.join(get_args(Form))}.")
        if not 0 <= self.strength < np.inf:
            raise ConfigError(f"strength is {self.strength}; give a number from 0 on, such as 0.5.")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; give a share above 0 and below 1, such as 0.1.")
        if not isinstance(self.base, str) and self.settings:
            raise ConfigError("settings are for a base given by name; give this one its own.")
        if not hasattr(self._learner(), "fit"):
            raise ConfigError(f"base is {self.base!r}; give a recommender, or the name of one.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the base twice: to find the scale, then on everything."""
        learner, scale = self._learner(), 1.0
        held = held_out_pairs(dataset, self.held_out, context.seed)
        if held.any():
            before = learner.fit(dataset.take(~held), context=context)
            scale = learned_weights([before], dataset.take(held), context).scale
        after = learner.fit(dataset, context=context)
        if not isinstance(after, FittedRecommender):
            raise InputError(f"{type(learner).__name__} gives a {type(after).__name__}; give a recommender of dorec.")
        return self._scorer(after, LessPopularity(after.model, scale, self._taken(dataset)))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        own = {name.removeprefix("base."): a for name, a in arrays.items() if name.startswith("base.")}
        scale, taken = np.asarray(arrays["scale"]), np.asarray(arrays["taken"], dtype=np.float64)
        if scale.shape != (1,) or taken.shape != (dataset.n_items,):
            raise InputError(f"scale has shape {scale.shape}, taken {taken.shape}; {dataset.n_items} items need one.")
        base = self._learner().restore(own, dataset)
        return self._scorer(base, LessPopularity(base.model, float(scale[0]), taken))

    def _learner(self) -> Any:
        from dorec.recommend.registry import make  # which knows this class by name

        return make(self.base, **dict(self.settings)) if isinstance(self.base, str) else self.base

    def _taken(self, dataset: Dataset) -> FloatArray:
        """What is taken off each item's score, (n_items,)."""
        count = np.bincount(binary_history(dataset).indices, minlength=dataset.n_items).astype(np.float64)
        mean = max(float(count.mean()), 1e-12)
        if self.form == "counterfactual":
            return np.asarray(self.strength * count / (count + mean))
        return np.asarray(self.strength * np.log(np.maximum(count, 0.5) / mean))

    def _scorer(self, base: FittedRecommender, model: LessPopularity) -> FittedRecommender:
        settings = {"base": base.name, "settings": dict(base.settings), "form": self.form, "strength": self.strength}
        whole = settings | {"held_out": self.held_out}
        return FittedRecommender(base.dataset, "deconfounded", whole, model, base.known)
