"""Two stages: candidates from several recommenders, put in order by a ranker that knows more than each of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from scipy.special import expit

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.top_k import top_k
from dorec.recommend.blend import held_out_pairs, standardised
from dorec.recommend.classifiers import Classified, check_classifier, classified
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.ranker_features import RankerFeatures

DEFAULT_CONTEXT = RunContext()
MOST_USERS = 5_000  # from whom the ranker learns
BLOCK = 256  # users
Rows: TypeAlias = tuple[FloatArray, BoolArray]  # features (p, f) of candidates, and whether each was chosen


@dataclass(frozen=True, eq=False)
class Sources:
    """Fitted recommenders, and how many candidates each may name."""

    scorers: tuple[FittedRecommender, ...]
    quotas: tuple[int, ...]
    features: RankerFeatures

    def tables(self, users: IntArray) -> FloatArray:
        """What each source says of all items, standardised user by user, (sources, u, n_items)."""
        return np.stack([standardised(scorer.score(users))[0] for scorer in self.scorers])

    def candidates(self, tables: FloatArray, users: IntArray) -> tuple[IntArray, IntArray]:
        """Row among the users and item of each candidate: the union of what the sources put first, nothing seen."""
        n_items = tables.shape[2]
        named = np.zeros(tables.shape[1:], dtype=bool)
        seen = self.features.dataset.pairs[users]
        row = np.repeat(np.arange(len(users)), np.diff(seen.indptr))
        for table, quota in zip(tables, self.quotas, strict=True):
            open_ = table.copy()
            open_[row, seen.indices] = -np.inf
            places, _ = top_k(open_, min(quota, n_items))
            at, column = np.nonzero(places >= 0)
            named[at, places[at, column]] = True
        found = np.nonzero(named)
        return found[0].astype(np.int64), found[1].astype(np.int64)

    def describe(self, tables: FloatArray, users: IntArray, row: IntArray, item: IntArray) -> FloatArray:
        """Features (p, f) of pairs, the sources' scores first."""
        return np.hstack([tables[:, row, item].T, self.features.of(users[row], item)])


@dataclass(frozen=True, eq=False)
class Ranked:
    """Candidates score 1 + the ranker's chance that they are chosen; all other items stand below, by their sources."""

    sources: Sources
    ranker: Classified | None  # None where there was nothing to learn from

    def scores(self, users: IntArray) -> FloatArray:
        """Scores (u, n_items)."""
        tables = self.sources.tables(users)
        out: FloatArray = expit(tables.mean(axis=0))
        if self.ranker is not None and len(users):
            row, item = self.sources.candidates(tables, users)
            if len(row):
                said = self.sources.describe(tables, users, row, item)
                out[row, item] = 1.0 + self.ranker.chances(said)
        return out

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """One part: a ranker's score does not split over the history."""
        return np.array([-1]), self.scores(np.array([user]))[:, items]

    def arrays(self) -> dict[str, AnyArray]:
        """Refused: the sources would have to be kept too."""
        raise InputError("A two-stage scorer is not kept; keep its settings and the data, and fit it again.")


@dataclass(frozen=True, kw_only=True)
class TwoStage:
    """Each source names its best unseen items, and a ranker orders their union.

    Some interactions of each user are held out, the sources are fitted on the rest, and the ranker learns which of
    their candidates were held out, from the sources' scores and from `RankerFeatures`. Interactions of weight 0, shown
    and not chosen, are learned from as well. Then the sources are fitted on everything. A list that shall also be
    diverse or fair is re-ranked: `MMR(by="genres").rerank(scorer.recommend(users, 100), dataset, k=10)`.

    Args:
        sources: names from the registry.
        settings: their hyperparameters by name, where the defaults won't do.
        quotas: candidates that each source names; one number for all, or one each.
        ranker: "boosting" (histogram gradient boosting), "forest", "tree", "logistic", "svm" (linear), or any
            scikit-learn classifier.
        held_out: share of the interactions that the ranker learns from.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> user = np.repeat(np.arange(60), 8)
        >>> rows = {"u": user, "i": rng.integers(0, 15, 480) * 2 + user % 2}
        >>> data = Dataset.from_interactions(rows, user="u", item="i")
        >>> scorer = TwoStage(sources=("ease", "popularity"), quotas=10, ranker="logistic").fit(data)
        >>> scorer.recommend([4, 7], k=3).items % 2
        array([[0, 0, 0],
               [1, 1, 1]])
    """

    sources: tuple[str, ...] = ("als", "item_knn", "ease", "popularity")
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    quotas: int | tuple[int, ...] = 50
    ranker: Any = "boosting"
    held_out: float = 0.2

    def __post_init__(self) -> None:
        if not isinstance(self.sources, (tuple, list)) or not self.sources:
            raise ConfigError(f"sources is {self.sources!r}; give a tuple of names of recommenders.")
        object.__setattr__(self, "sources", tuple(self.sources))
        if strangers := set(self.settings) - set(self.sources):
            raise ConfigError(f"settings has {', '.join(sorted(strangers))}, which is no source: {self.sources}.")
        quotas = self._quotas()
        if len(quotas) != len(self.sources) or any(q != int(q) or q < 1 for q in quotas):
            raise ConfigError(f"quotas is {self.quotas!r}; give one whole number from 1 on, or one for each source.")
        check_classifier(self.ranker, "ranker")
        if not 0 < self.held_out < 1:
            raise ConfigError(f"held_out is {self.held_out}; give a share above 0 and below 1, such as 0.2.")
        self._learners()

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> FittedRecommender:
        """Fit the sources on a part, the ranker on what was held out, and the sources on everything."""
        held = held_out_pairs(dataset, self.held_out, context.seed)
        ranker = None
        if held.any():
            before = self._fitted_sources(dataset.take(~held), context)
            features, chosen = ranker_rows(before, dataset.take(held), context)
            if 0 < chosen.sum() < len(chosen):
                ranker = classified(self.ranker, features, chosen, context)
        model = Ranked(self._fitted_sources(dataset, context), ranker)
        return fitted(dataset, self, "two_stage", model)

    def _fitted_sources(self, dataset: Dataset, context: RunContext) -> Sources:
        scorers = tuple(learner.fit(dataset, context=context) for learner in self._learners())
        return Sources(scorers, self._quotas(), RankerFeatures(dataset))

    def _quotas(self) -> tuple[int, ...]:
        return (self.quotas,) * len(self.sources) if isinstance(self.quotas, int) else tuple(self.quotas)

    def _learners(self) -> list[Any]:
        from dorec.recommend.registry import make

        return [make(name, **dict(self.settings.get(name, {}))) for name in self.sources]


def ranker_rows(sources: Sources, held: Dataset, context: RunContext) -> Rows:
    """Candidates of users with held-out interactions, and whether each was held out; shown and not chosen is False."""
    users = np.unique(held.user_index[held.weight > 0])
    if len(users) > MOST_USERS:
        users = np.sort(context.rng("two_stage").choice(users, MOST_USERS, replace=False))
    pairs = sources.features.dataset.pairs
    features, chosen = [], []
    starts = range(0, len(users), BLOCK)
    for start in context.track(starts, "candidates of the ranker", len(starts)):
        block = users[start : start + BLOCK]
        tables = sources.tables(block)
        row, item = sources.candidates(tables, block)
        own = pairs[block].tocoo()
        shown = own.data == 0
        key = np.append(row * pairs.shape[1] + item, own.row[shown].astype(np.int64) * pairs.shape[1] + own.col[shown])
        row, item = np.divmod(np.unique(key), pairs.shape[1])
        features.append(sources.describe(tables, block, row, item))
        chosen.append(np.asarray(held.matrix[block[row], item]).ravel() > 0)
    return np.concatenate(features), np.concatenate(chosen)
