"""DICE: interest and conformity learned apart, each from the choices that show it (Zheng et al. 2021)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, IntArray
from dorec.numeric.cause_specific_factors import cause_specific_epoch
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import BiasedFactors, binary_history, check_pairwise
from dorec.recommend.popularity_removal import without_bias

DEFAULT_CONTEXT = RunContext()
ScoreBy = Literal["interest", "both"]


@dataclass(frozen=True, eq=False)
class TwoCauses:
    """score_ui = interest, or interest + conformity; each x'y."""

    scored: BiasedFactors
    interest: BiasedFactors
    conformity: BiasedFactors

    def scores(self, users: IntArray) -> AnyArray:
        """Scores (u, n_items), single precision."""
        return self.scored.scores(users)

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, AnyArray]:
        """The history with -1 at its end, and what each adds to each item."""
        return self.scored.contributions(user, items)

    def sides(self) -> tuple[AnyArray, AnyArray, AnyArray | None]:
        """Users (n_users, f), items (n_items, f) and biases, which are 0."""
        return self.scored.sides()

    def arrays(self) -> dict[str, AnyArray]:
        """Factors of both causes."""
        made = {"interest": self.interest, "conformity": self.conformity}
        return {f"{k}.{side}": getattr(m, f"{side}_factors") for k, m in made.items() for side in ("user", "item")}


@dataclass(frozen=True)
class DICE:
    """Factors of what users like, apart from factors of how far they follow the crowd.

    Against each interaction stands an item that the user does not have and that is clearly more, or clearly less,
    popular. Taken against a more popular one, an item was liked; taken against a less popular one, it may have been
    taken because it is popular. Interest learns from the first kind, conformity from both, their sum from all, and both
    are kept apart (arXiv 2006.11011). Scores go by both, as in the paper, or by interest alone, which drops all that
    the crowd knows of an item's worth: on MovieLens that was too much, see `docs/measured.md`.

    Args:
        score_by: "both" or "interest".
        margin: how many times more, or less, popular the other item must at least be, less 1.
        cause_weight: of the losses of each cause on its own, beside that of their sum.
        distance_weight: of the squared distance between the two kinds of factors.
        decay: of margin and cause_weight after each epoch: the clearest pairs come first.
        embedding_size: number of factors of each cause.
        learning_rate: of the steps.
        reg: weight decay.
        epochs: passes over the interactions.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4, 4], "i": ["tea", "milk", "tea", "milk", "tea", "soap", "oil"]}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> DICE(embedding_size=4, epochs=300).fit(data).recommend([3], k=1).items.tolist()
        [['milk']]
    """

    score_by: ScoreBy = "both"
    margin: float = 0.2
    cause_weight: float = 0.1
    distance_weight: float = 0.01
    decay: float = 0.9
    embedding_size: int = 32
    learning_rate: float = 0.02
    reg: float = 0.02
    epochs: int = 100

    def __post_init__(self) -> None:
        check_pairwise(self)
        if self.score_by not in get_args(ScoreBy):
            raise ConfigError(f"score_by is {self.score_by!r}; allowed: {', '.join(get_args(ScoreBy))}.")
        for name in ("margin", "cause_weight", "distance_weight"):
            if not 0 <= getattr(self, name) < np.inf:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a number from 0 on.")
        if not 0 < self.decay <= 1:
            raise ConfigError(f"decay is {self.decay}; give a number above 0 and up to 1, such as 0.9.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit both kinds of factors. Where all items are equally popular, nothing tells the causes apart: all stay 0.

        Raises:
            NotFinite: the factors overflow; the learning rate is too high.
        """
        history = binary_history(dataset)
        rng, size = context.rng("dice"), self.embedding_size
        interest, conformity = (
            (rng.standard_normal((dataset.n_users, size)) / size, rng.standard_normal((dataset.n_items, size)) / size)
            for _ in range(2)
        )
        users = np.repeat(np.arange(dataset.n_users), np.diff(history.indptr))
        items, kept = history.indices.astype(np.int64), (history.indptr, history.indices)
        count = np.bincount(items, minlength=dataset.n_items)
        for epoch in context.track(range(self.epochs), "DICE epochs", self.epochs):
            ladder = popularity_ladder(count, self.margin * self.decay**epoch)
            weights = [self.cause_weight * self.decay**epoch, self.distance_weight]
            how = np.array([self.learning_rate, self.reg, *weights])
            steps = (rng.permutation(len(items)), users, items)
            cause_specific_epoch(steps, kept, ladder, (interest, conformity), how, rng)
        return self._scorer(dataset, *(without_bias(history, x, y, self) for x, y in (interest, conformity)))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        history, causes = binary_history(dataset), []
        shape = {"user": (dataset.n_users, self.embedding_size), "item": (dataset.n_items, self.embedding_size)}
        for cause in ("interest", "conformity"):
            sides = {side: np.asarray(arrays[f"{cause}.{side}"], dtype=np.float32) for side in shape}
            for side, found in sides.items():
                if found.shape != shape[side]:
                    raise InputError(f"{cause}.{side} has shape {found.shape}; these data need {shape[side]}.")
            causes.append(without_bias(history, sides["user"], sides["item"], self))
        return self._scorer(dataset, *causes)

    def _scorer(self, dataset: Dataset, interest: BiasedFactors, conformity: BiasedFactors) -> FittedRecommender:
        scored = interest
        if self.score_by == "both":
            both = (interest, conformity)
            users, items = (np.hstack([getattr(c, f"{side}_factors") for c in both]) for side in ("user", "item"))
            scored = without_bias(interest.history, users, items, self)
        return fitted(dataset, self, "dice", TwoCauses(scored, interest, conformity))


def popularity_ladder(count: IntArray, margin: float) -> tuple[IntArray, IntArray, IntArray]:
    """Items by rising popularity; of each item how many have clearly fewer users, and from which place on clearly more.

    Args:
        count: users of each item, (n_items,).
        margin: clearly more is more, and at least 1 + margin times as many.

    >>> [part.tolist() for part in popularity_ladder(np.array([9, 1, 4, 4]), 1.0)]
    [[1, 2, 3, 0], [3, 0, 1, 1], [4, 1, 3, 3]]
    """
    rising = np.argsort(count, kind="stable")
    steps = count[rising]
    below = np.searchsorted(steps, count / (1.0 + margin), side="left" if margin == 0 else "right")
    above = np.searchsorted(steps, count * (1.0 + margin), side="right" if margin == 0 else "left")
    return (
        rising,
        np.minimum(below, np.searchsorted(steps, count)),
        np.maximum(above, np.searchsorted(steps, count, side="right")),
    )
