"""Would more data help? Each recommender on growing shares of the training interactions, judged on one test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import InputError, Refusal
from dorec.domain.estimate import Estimate
from dorec.domain.item_list import ItemList
from dorec.domain.protocols import Scorer
from dorec.domain.run import RunContext
from dorec.evaluate import ranking
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.folds import Keys, hash64, mix64, within_share
from dorec.numeric.top_k import top_k
from dorec.profile import Split

if TYPE_CHECKING:
    import pyarrow as pa

DEFAULT_CONTEXT = RunContext()
SHARES = (0.1, 0.25, 0.5, 1.0)
BLOCK_SCORES = 2**22  # of a block of users: 32 MiB in double precision


@dataclass(frozen=True, eq=False)
class LearningCurve:
    """The metric of each learner at each share of the training interactions; None where the learner refused.

    Example:
        >>> point = Estimate.of_mean(np.array([0.0, 1.0, 1.0, 0.0]), sample="s")
        >>> print(LearningCurve(metric="ndcg@10", shares=(0.5, 1.0), scores={"ease": (None, point)}))
        ndcg@10        50%    100%
        ease             -   0.500
    """

    metric: str
    shares: tuple[float, ...]
    scores: Mapping[str, tuple[Estimate | None, ...]]  # by name, in the order of `shares`

    def to_arrow(self) -> "pa.Table":
        """One row a learner and share: value, lower, upper."""
        import pyarrow as pa

        rows = []
        for name, row in self.scores.items():
            for share, point in zip(self.shares, row, strict=True):
                bounds = (None, None) if point is None or point.no_interval else point.interval()
                value = None if point is None else point.value
                rows.append({"learner": name, "share": share, "value": value, "lower": bounds[0], "upper": bounds[1]})
        return pa.Table.from_pylist(rows)

    def __str__(self) -> str:
        width = max(len(self.metric), *(len(name) for name in self.scores))
        lines = [f"{self.metric:<{width}}" + "".join(f"{share:>8.0%}" for share in self.shares)]
        for name, row in self.scores.items():
            told = "".join(f"{'-' if point is None else format(point.value, '.3f'):>8}" for point in row)
            lines.append(f"{name:<{width}}{told}")
        return "\n".join(lines)


def learning_curve(
    learners: Mapping[str, Any],
    split: Split,
    *,
    shares: Sequence[float] = SHARES,
    metric: str = "ndcg",
    k: int = 10,
    exclude_seen: bool = True,
    context: RunContext = DEFAULT_CONTEXT,
) -> LearningCurve:
    """Fit each learner on nested random shares of the training interactions and judge it on the same test.

    A curve that still rises at the right says that more data would help; one that is flat, that a better model or
    other data would. Repeats of a pair of user and item stay together. With `exclude_seen`, what a user had in the
    whole training part is out of the race at every share: else a model that learned from less would spend its places
    on what the user has already, and any curve would rise.

    Args:
        learners: frozen, not fitted, by name.
        split: training data and test.
        shares: of the training pairs, each above 0 and up to 1; larger ones hold the smaller ones.
        metric: as in `evaluate.ranking`.
        k: length of the lists.
        exclude_seen: whether items of the training part are out of the race.
        context: progress; the seed decides the shares and fits.

    Raises:
        InputError: no learner, or a share outside (0, 1].

    Example:
        >>> from dorec import Dataset
        >>> from dorec.profile import random_split
        >>> from dorec.recommend import EASE
        >>> rng = np.random.default_rng(0)
        >>> user = np.repeat(np.arange(80), 10)
        >>> rows = {"u": user, "i": rng.integers(0, 15, 800) * 2 + user % 2}
        >>> split = random_split(Dataset.from_interactions(rows, user="u", item="i"))
        >>> found = learning_curve({"ease": EASE(reg=1.0)}, split, shares=(0.1, 1.0))
        >>> few, all_ = (point.value for point in found.scores["ease"])
        >>> few < all_
        True
    """
    wanted = sorted(set(shares))
    if not learners or not wanted or not all(0 < share <= 1 for share in wanted):
        raise InputError(
            f"learning_curve got {len(learners)} learner(s) and the shares {tuple(shares)}; "
            "give at least one of each, shares above 0 and up to 1."
        )
    keys = _keys(split, context.seed)
    parts = {share: split.train.take(within_share(keys, share)) for share in wanted}
    scores: dict[str, list[Estimate | None]] = {name: [] for name in learners}
    steps = [(name, share) for share in wanted for name in learners]
    for name, share in context.track(steps, "fitting on growing shares", len(steps)):
        try:
            scorer = Reminded(learners[name].fit(parts[share], context=context), split.train)
            found = ranking(scorer, split.test, k=k, metrics=(metric,), exclude_seen=exclude_seen, context=context)
            scores[name].append(found[0])
        except Refusal:
            scores[name].append(None)
    return LearningCurve(f"{metric}@{k}", tuple(wanted), {name: tuple(row) for name, row in scores.items()})


@dataclass(frozen=True, eq=False)
class Reminded:
    """A scorer that was fitted on a part of the data, and leaves out what users had in all of them.

    Example:
        >>> from dorec.recommend import Popularity
        >>> rows = {"u": [1, 1, 2, 2, 3], "i": ["tea", "milk", "tea", "jam", "tea"]}
        >>> whole = Dataset.from_interactions(rows, user="u", item="i")
        >>> found = Reminded(Popularity().fit(whole.take([0, 3, 4])), whole)
        >>> found.recommend(np.array([1]), k=1).items.tolist()
        [['jam']]
    """

    scorer: Scorer
    dataset: Dataset  # of the same vocabularies

    def score(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items) of users by position."""
        return self.scorer.score(users)

    def recommend(self, users: Any, k: int = 10, *, exclude_seen: bool = True) -> ItemList:
        """The k best items of each user id that the whole data do not hold for the user."""
        if not exclude_seen:
            return self.scorer.recommend(users, k, exclude_seen=False)
        at, pairs = self.dataset.index_of(users), self.dataset.pairs
        popular = np.argsort(
            -np.bincount(self.scorer.dataset.matrix.indices, minlength=self.dataset.n_items), kind="stable"
        )
        tie_rank = np.argsort(popular)
        places, scores = np.full((len(at), k), -1, dtype=np.int64), np.full((len(at), k), -np.inf)
        step = max(1, BLOCK_SCORES // self.dataset.n_items)
        for start in range(0, len(at), step):
            rows = slice(start, start + step)
            table = self.scorer.score(at[rows])
            known = np.flatnonzero(at[rows] >= 0)
            seen = pairs[at[rows][known]].tocoo()
            table[known[seen.row], seen.col] = -np.inf
            places[rows], scores[rows] = top_k(table, k, tie_rank=tie_rank)
        return ItemList(users, self.dataset.items[places], scores, at < 0)


def _keys(split: Split, seed: int) -> Keys:
    """A key for each training interaction, (m,), that its user and item decide."""
    train = split.train
    user = hash64(train.users)[train.user_index]
    item = hash64(train.items)[train.item_index]
    return mix64(mix64(user) ^ item ^ hash64(np.array([f"learning curve/{seed}"], dtype=object)))
