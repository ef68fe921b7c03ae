"""Ratings that users chose to give, debiased: matrix factorisation under losses that know who rates what."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, NotFinite
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.exposure import PoissonExposure, PopularityExposure, Propensities, as_propensities
from dorec.recommend.fitted import FittedRecommender, fitted
from dorec.recommend.pairwise import BiasedFactors, binary_history
from dorec.recommend.rating_losses import Loss, Setting, check_loss, fit_under, inverse_weights
from dorec.recommend.rating_model import Entries, RatingFactors

DEFAULT_CONTEXT = RunContext()


@dataclass(frozen=True, eq=False)
class RatingScores:
    """The rating that a user would give each item."""

    model: RatingFactors
    history: sparse.csr_matrix  # (n_users, n_items)
    max_weight: float  # where the weights were cut

    def scores(self, users: IntArray) -> FloatArray:
        """Expected ratings (u, n_items)."""
        return self.model.table(users)

    def contributions(self, user: int, items: IntArray) -> tuple[IntArray, FloatArray]:
        """The history (h,) with -1 at its end, and what each adds to each item; levels and biases are in the last."""
        m = self.model
        factors = BiasedFactors(self.history, m.users[:, 2:], m.items[:, 2:], m.items[:, 0])
        history, parts = factors.contributions(user, items)
        parts[-1] += m.level + m.users[user, 1]
        return history, parts

    def arrays(self) -> dict[str, AnyArray]:
        """Level, biases and factors of both sides, and where the weights were cut."""
        m = self.model
        level = np.array([m.level, self.max_weight])
        return {"users": np.ascontiguousarray(m.users[:, 1:]), "items": np.delete(m.items, 1, axis=1), "level": level}


@dataclass(frozen=True)
class DebiasedMF:
    """Biases and factors for ratings (the weights of the data), whose missing ones are not missing at random.

    Users rate what they like, so the average of the ratings seen is not that of all. Each loss below estimates the
    squared error over ALL pairs from the observed ones and their propensities:

    - "naive": the observed pairs alone, as if they were drawn at random;
    - "ips", "snips": each weighs 1 / propensity (Schnabel et al. 2016, arXiv 1602.05352), "snips" over their sum;
    - "dr": an imputation model learned jointly fills in the rest, its errors weighed by 1 / propensity (Wang et al.
      2019, proceedings.mlr.press/v97/wang19n); right if either the propensities or the imputations are;
    - "mrdr": the same with imputations that make the variance least (Guo et al. 2021, doi:10.1145/3404835.3462917);
    - "stable_dr": weights shifted until imputed errors balance, then normalised: as robust, and bounded where
      propensities are tiny (Li, Zheng, Wu 2023, arXiv 2205.04701).

    Everything is alternating least squares: no learning rate, and the doubly robust losses over all pairs cost no
    more than the observed ones, (m f^2 + (n_users + n_items) f^3) a sweep.

    Args:
        loss: one of the above.
        exposure: where the propensities come from when `fit` is not given them.
        power: of popularity, for exposure="popularity".
        embedding_size: factors beside the biases.
        reg: ridge penalty of biases and factors, in entries of average weight.
        epochs: sweeps over users and items.
        max_weight: where inverse propensities are cut; None where the estimated error of the loss is least.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> user, item = np.repeat(np.arange(60), 8), rng.integers(0, 20, 480)
        >>> rating = 3.0 + np.where((user + item) % 2 == 0, 1.0, -1.0)
        >>> data = Dataset.from_interactions({"u": user, "i": item, "r": rating}, user="u", item="i", weight="r")
        >>> scorer = DebiasedMF(loss="dr", reg=1.0).fit(data)
        >>> scorer.score(np.array([0]))[0, :4].round(1).tolist()
        [3.9, 2.1, 3.9, 2.1]
    """

    loss: Loss = "mrdr"
    exposure: Literal["popularity", "poisson"] = "popularity"
    power: float = 0.5
    embedding_size: int = 8
    reg: float = 5.0
    epochs: int = 20
    max_weight: float | None = None

    def __post_init__(self) -> None:
        check_loss(self.loss)
        if self.exposure not in ("popularity", "poisson"):
            raise ConfigError(f"exposure is {self.exposure!r}; allowed: 'popularity', 'poisson'.")
        for name in ("embedding_size", "epochs"):
            if getattr(self, name) != int(getattr(self, name)) or getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; give a whole number from 1 on.")
        if not 0 < self.reg < np.inf:
            raise ConfigError(f"reg is {self.reg}; give a number above 0.")
        if self.max_weight is not None and not self.max_weight >= 1:
            raise ConfigError(f"max_weight is {self.max_weight}; give a number from 1 on, or None.")
        PopularityExposure(self.power)

    def fit(
        self, dataset: Dataset, *, propensities: Any = None, context: RunContext = DEFAULT_CONTEXT
    ) -> FittedRecommender:
        """Fit the factors.

        Args:
            dataset: ratings as weights; a pair rated several times counts once, with its mean.
            propensities: probability that a pair is rated: a table (n_items,) or (n_users, n_items), or fitted
                `recommend.exposure` propensities; by default learned from the data as `exposure` says.
            context: seed and progress.

        Raises:
            BadPropensity: an observed pair has a propensity outside (0, 1].
            NotFinite: the factors overflow.
        """
        entries = Entries.of(dataset)
        if not len(entries.value):
            model = RatingFactors.start(entries.shape, self.embedding_size, context.rng("debiased_mf"))
            return fitted(dataset, self, "debiased_mf", RatingScores(model, binary_history(dataset), 1.0))
        known = as_propensities(propensities) if propensities is not None else self._propensities(dataset, context)
        weight, cut = inverse_weights(entries, known.of(entries.user, entries.item, entries.value), self.max_weight)
        how = Setting(self.loss, self.reg, self.epochs, self.embedding_size)
        model, _ = fit_under(
            entries,
            weight,
            how,
            context.rng("debiased_mf"),
            lambda epochs: context.track(epochs, f"{self.loss} sweeps", len(epochs)),
        )
        if not (np.isfinite(model.users).all() and np.isfinite(model.items).all()):
            raise NotFinite("the factors overflow", remedy="raise reg, or bring the ratings to a smaller scale")
        return fitted(dataset, self, "debiased_mf", RatingScores(model, binary_history(dataset), cut))

    def restore(self, arrays: Mapping[str, AnyArray], dataset: Dataset) -> FittedRecommender:
        """The scorer from what `to_arrays` gave."""
        sides = []
        for name, n, at in (("users", dataset.n_users, 0), ("items", dataset.n_items, 1)):
            table = np.asarray(arrays[name], dtype=np.float64)
            if table.shape != (n, self.embedding_size + 1):
                raise InputError(f"{name} have shape {table.shape}; these data need {(n, self.embedding_size + 1)}.")
            sides.append(np.insert(table, at, 1.0, axis=1))
        level = np.asarray(arrays["level"], dtype=np.float64)
        model = RatingFactors(float(level[0]), sides[0], sides[1])
        return fitted(dataset, self, "debiased_mf", RatingScores(model, binary_history(dataset), float(level[1])))

    def _propensities(self, dataset: Dataset, context: RunContext) -> Propensities:
        rated = dataset.take(dataset.weight > 0)
        if self.exposure == "popularity":
            return PopularityExposure(self.power).fit(rated, context=context)
        return PoissonExposure(embedding_size=self.embedding_size).fit(rated, context=context)
