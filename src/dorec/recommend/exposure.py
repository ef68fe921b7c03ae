"""How likely was each pair to be seen or rated at all? Propensities that debiasing goes by."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import BadPropensity, ConfigError, InputError, TooFewUnits
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray

DEFAULT_CONTEXT = RunContext()
FLOOR = 1e-6  # no pair is thought impossible that may yet be observed


@runtime_checkable
class Propensities(Protocol):
    """Probabilities of being observed, for pairs given by position."""

    def of(self, users: IntArray, items: IntArray, ratings: FloatArray | None = None) -> FloatArray:
        """The probability (m,) that each pair is observed, in (0, 1]; `ratings` (m,) where it hangs on them."""
        ...


@dataclass(frozen=True, eq=False)
class LoggedExposure:
    """Propensities that are known: written by the log, or by whoever designed who sees what.

    Args:
        table: (n_items,) for everyone, or (n_users, n_items), dense or scipy sparse, in the dataset's order.

    Raises:
        BadPropensity: one of the pairs asked for has a propensity outside (0, 1].

    Example:
        >>> LoggedExposure(np.array([0.5, 0.1])).of(np.array([0, 7]), np.array([1, 0])).tolist()
        [0.1, 0.5]
    """

    table: Any

    def of(self, users: IntArray, items: IntArray, ratings: FloatArray | None = None) -> FloatArray:
        """The table's probabilities, (m,)."""
        del ratings
        is_sparse = sparse.issparse(self.table)
        table: Any = self.table.tocsr() if is_sparse else np.asarray(self.table, dtype=np.float64)
        p = np.asarray(table[items] if table.ndim == 1 else table[users, items], dtype=np.float64).ravel()
        bad = ~((p > 0) & (p <= 1))
        if bad.any():
            at = int(bad.argmax())
            raise BadPropensity(
                f"{int(bad.sum()):,} of {len(p):,} observed pairs have a propensity outside (0, 1], the first is "
                f"{p[at]:g} of user {users[at]} and item {items[at]} by position",
                remedy="give each pair that was observed the probability with which it was, above 0",
            )
        return p


@dataclass(frozen=True, eq=False)
class PoissonRates:
    """p_ui = x_u'y_i, at most 1: the mean of what was counted."""

    user_factors: FloatArray  # (n_users, f) not negative
    item_factors: FloatArray  # (n_items, f) not negative

    def of(self, users: IntArray, items: IntArray, ratings: FloatArray | None = None) -> FloatArray:
        """Probabilities, (m,)."""
        del ratings
        return np.clip(np.einsum("mf,mf->m", self.user_factors[users], self.item_factors[items]), FLOOR, 1.0)


@dataclass(frozen=True, eq=False)
class RatingOdds:
    """Propensities that hang on the rating itself."""

    ratings: FloatArray  # (r,) sorted
    chance: FloatArray  # (r,)

    def of(self, users: IntArray, items: IntArray, ratings: FloatArray | None = None) -> FloatArray:
        """The probability that a pair of this rating is observed, (m,).

        Raises:
            InputError: ratings are left out, or one never occurred.
        """
        del users, items
        if ratings is None:
            raise InputError("These propensities hang on the rating; hand in ratings.")
        place = np.minimum(np.searchsorted(self.ratings, ratings), len(self.ratings) - 1)
        if (self.ratings[place] != ratings).any():
            raise InputError(f"A rating is not among {self.ratings.tolist()}; fit the propensities on these data.")
        return self.chance[place]


@dataclass(frozen=True)
class PopularityExposure:
    """An item is the likelier to be seen the more users have it: p_i proportional to (users of i) ** power.

    Scaled so that as many pairs are expected as were observed (Saito et al. 2020, doi:10.1145/3336191.3371783, up to
    that scale). A power of 0 makes every pair equally likely, which is no correction at all.

    Example:
        >>> data = Dataset.from_interactions({"u": [1, 2, 3, 3], "i": ["tea", "tea", "tea", "oil"]}, user="u", item="i")
        >>> PopularityExposure(power=1.0).fit(data).of(np.array([0, 0]), np.array([0, 1])).round(3).tolist()
        [0.333, 1.0]
    """

    power: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.power <= 4:
            raise ConfigError(f"power is {self.power}; give a number from 0 to 4, such as 0.5.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> LoggedExposure:
        """Count the users of each item."""
        del context
        count = np.bincount(dataset.pairs.indices, minlength=dataset.n_items).astype(np.float64)
        # an item that nobody has is as likely as one of half a user
        shape = np.maximum(count, 0.5) ** self.power
        scale = count.sum() / (dataset.n_users * shape.sum())
        return LoggedExposure(np.clip(scale * shape, FLOOR, 1.0))


@dataclass(frozen=True)
class PoissonExposure:
    """Who sees what, from who was seen with what: Poisson factorisation (Gopalan et al. 2013, arXiv 1311.1704).

    Factors with Gamma(shape, shape / mean) priors, by multiplicative steps towards the largest posterior, on whether a
    pair was observed. Costs interactions x embedding_size x epochs.

    Example:
        >>> rows = {"u": [1, 1, 2, 2, 3, 4], "i": ["tea", "oil", "tea", "oil", "soap", "soap"]}
        >>> rates = PoissonExposure(embedding_size=2).fit(Dataset.from_interactions(rows, user="u", item="i"))
        >>> p = rates.of(np.array([0, 0]), np.array([2, 1]))
        >>> bool(p[0] > 0.3 > p[1])
        True
    """

    embedding_size: int = 8
    shape: float = 1.1
    epochs: int = 50

    def __post_init__(self) -> None:
        if self.embedding_size < 1 or self.epochs < 1:
            raise ConfigError(
                f"embedding_size is {self.embedding_size}, epochs {self.epochs}; both must be at least 1."
            )
        if not self.shape >= 1:
            raise ConfigError(f"shape is {self.shape}; give a number from 1 on, for which the posterior has a mode.")

    def fit(self, dataset: Dataset, *, context: RunContext = DEFAULT_CONTEXT) -> PoissonRates:
        """Fit the rates of having a pair at all."""
        seen = dataset.pairs
        user = np.repeat(np.arange(dataset.n_users), np.diff(seen.indptr))
        once = np.ones(dataset.n_users)
        return self.fit_counts((user, seen.indices), once, dataset.n_items, context=context)

    def fit_counts(
        self,
        events: tuple[AnyArray, AnyArray],
        trials: FloatArray,
        n_items: int,
        *,
        context: RunContext = DEFAULT_CONTEXT,
    ) -> PoissonRates:
        """Fit the rates a trial: of `events` (user and item, by position) in so many trials of each user (n_users,)."""
        shape = (len(trials), n_items)
        user, item = (np.asarray(side, dtype=np.int64) for side in events)
        counts = sparse.csr_matrix((np.ones(len(user)), (user, item)), shape=shape)
        counts.sum_duplicates()
        owner = np.repeat(np.arange(len(trials)), np.diff(counts.indptr))
        rng = context.rng("poisson exposure")
        mean = np.sqrt(len(user) / max(trials.sum() * n_items * self.embedding_size, 1.0))
        x, y = (mean * rng.uniform(0.5, 1.5, (n, self.embedding_size)) for n in shape)
        prior = self.shape / mean
        for _ in context.track(range(self.epochs), "Poisson factorisation", self.epochs):
            x = self._step((x, y), counts, (owner, counts.indices), prior, trials[:, None] * y.sum(axis=0))
            y = self._step((y, x), counts, (counts.indices, owner), prior, trials @ x)
        return PoissonRates(x, y)

    def _step(
        self,
        factors: tuple[FloatArray, FloatArray],
        counts: Any,
        at: tuple[AnyArray, AnyArray],
        prior: float,
        dose: Any,
    ) -> FloatArray:
        """One multiplicative step of the first side's factors; `dose` is the other's sum over all pairs and trials."""
        own, other = factors
        rate = np.maximum(np.einsum("mf,mf->m", own[at[0]], other[at[1]]), 1e-12)
        ratio = sparse.csr_matrix((counts.data / rate, (at[0], at[1])), shape=(len(own), len(other)))
        return np.asarray((self.shape - 1.0 + own * (ratio @ other)) / (prior + dose))


@dataclass(frozen=True)
class NaiveBayesExposure:
    """Propensities by rating: P(seen | r) = P(r | seen) P(seen) / P(r) (Schnabel et al. 2016, arXiv 1602.05352).

    P(r) comes from a few ratings of pairs that were drawn at random; never judge a model on those same ratings.

    Args:
        smoothing: added to each count of the random ratings.

    Example:
        >>> own = Dataset.from_interactions({"u": [1, 2, 3], "i": [1, 2, 3], "r": [5, 5, 1]}, user="u", item="i",
        ...                                 weight="r")
        >>> few = Dataset.from_interactions({"u": [1, 2], "i": [2, 3], "r": [1, 5]}, user="u", item="i", weight="r")
        >>> odds = NaiveBayesExposure(smoothing=0.0).fit(own, few)
        >>> odds.ratings.tolist(), odds.chance.round(3).tolist()
        ([1.0, 5.0], [0.222, 0.444])
    """

    smoothing: float = 1.0

    def fit(self, dataset: Dataset, random_ratings: Dataset) -> RatingOdds:
        """Compare the ratings users chose to give with those of pairs drawn at random.

        Raises:
            TooFewUnits: a rating of the data occurs in no random pair, and nothing smooths it.
        """
        own = dataset.weight[dataset.weight > 0]
        drawn = random_ratings.weight[random_ratings.weight > 0]
        levels = np.unique(np.concatenate([own, drawn]))
        seen = np.array([(own == r).sum() for r in levels], dtype=np.float64)
        chance = np.array([(drawn == r).sum() for r in levels]) + self.smoothing
        if (chance == 0).any():
            raise TooFewUnits(
                f"rating {levels[chance == 0][0]:g} is in none of the {len(drawn):,} random ratings",
                remedy="collect more random ratings, or raise smoothing above 0",
            )
        density = len(own) / (dataset.n_users * dataset.n_items)
        p = seen / max(len(own), 1) * density / (chance / chance.sum())
        return RatingOdds(levels, np.clip(p, FLOOR, 1.0))


def as_propensities(given: Any) -> Propensities:
    """Propensities as they are, or a table of them made into such.

    Example:
        >>> as_propensities(np.array([0.25])).of(np.array([0]), np.array([0])).tolist()
        [0.25]
    """
    return given if isinstance(given, Propensities) else LoggedExposure(given)
