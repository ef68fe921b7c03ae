"""Rank items by what showing them causes, not by what users would choose anyway."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

import numpy as np

from dorec.domain.dataset import Dataset
from dorec.domain.errors import ConfigError, InputError, TooFewUnits, TooLarge
from dorec.domain.run import RunContext
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.recommend.exposure_log import ExposureLog
from dorec.recommend.fitted import FittedRecommender
from dorec.recommend.pair_effects import FittedUpliftRanker, PairEffects
from dorec.recommend.pair_features import PairFeatures, pair_features

DEFAULT_CONTEXT = RunContext()
Form = Literal["s", "t", "x", "dr"]
RankBy = Literal["effect", "value", "mixture"]
N_BINS = 32  # of a feature: with weights, cutting it into more takes longer than the trees do
BLOCK = 200_000  # pairs whose features are held at once


@dataclass(frozen=True)
class UpliftRanker:
    """Effect of showing item i to user u on the outcome, learned from a log of what was shown and what was not.

    Recommenders (`of`) learn from each kind of event of some sessions; their scores, and the items' own rates, are the
    features by which outcomes of the other sessions are predicted, shown and not shown. Columns that `log.with_users`
    and `with_items` joined come in as in `RankerFeatures`. Then, by `form`:

    - "t": the difference of the two predictions;
    - "s": one model for both, asked with and without showing;
    - "x": outcomes less the other arm's prediction, regressed, mixed by the propensity (Kunzel et al. 2019);
    - "dr": doubly robust pseudo-outcomes of every row, from the logged propensities, regressed on the features
      (Kennedy 2023, doi:10.1214/23-EJS2157), each row weighted by p (1 - p), so that rare showings don't rule.

    Args:
        of: recommenders of the registry that make the features.
        settings: hyperparameters of theirs by name.
        form: how the effect is learned.
        rank_by: "effect", "value" (the outcome if shown), or "mixture".
        mixture: weight of the value in the mixture.
        n_folds: parts of the sessions, each predicted from the others.
        regressor: any scikit-learn regressor that takes sample_weight; boosted trees by default.
        outcome_model: what predicts outcomes, where it shall be another: such a regressor, or a classifier with
            predict_proba where outcomes are 0 and 1.
        max_cells: the most pairs whose effects may be held, 8 bytes each.

    Example:
        >>> from dorec.simulate import ShopWorld
        >>> from sklearn.linear_model import LinearRegression
        >>> log = ExposureLog.from_events(ShopWorld(n_users=80, n_items=20, seed=1).event_table())
        >>> ranker = UpliftRanker(of=("popularity",), n_folds=2, regressor=LinearRegression()).fit(log)
        >>> ranker.recommend(["u000000"], k=2, exclude_seen=False).items.shape
        (1, 2)
    """

    of: tuple[str, ...] = ("als",)
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=lambda: {"als": {"embedding_size": 16}})
    form: Form = "dr"
    rank_by: RankBy = "effect"
    mixture: float = 0.5
    n_folds: int = 5
    regressor: Any = None
    outcome_model: Any = None
    max_cells: int = 50_000_000

    def __post_init__(self) -> None:
        for name, allowed in (("form", get_args(Form)), ("rank_by", get_args(RankBy))):
            if getattr(self, name) not in allowed:
                raise ConfigError(f"{name} is {getattr(self, name)!r}; allowed: {', '.join(allowed)}.")
        if not 0 <= self.mixture <= 1:
            raise ConfigError(f"mixture is {self.mixture}; give a weight from 0 to 1.")
        if self.n_folds != int(self.n_folds) or self.n_folds < 2:
            raise ConfigError(f"n_folds is {self.n_folds}; give a whole number from 2 on.")

    def fit(self, log: ExposureLog, *, context: RunContext = DEFAULT_CONTEXT) -> FittedUpliftRanker:
        """Learn the effects.

        Raises:
            TooLarge: more pairs than `max_cells`.
            TooFewUnits: fewer sessions than folds, or an arm of a fold without rows.
        """
        data = log.responses
        if data.n_users * data.n_items > self.max_cells:
            raise TooLarge(
                f"{data.n_users:,} users x {data.n_items:,} items are more than {self.max_cells:,} pairs",
                remedy="raise max_cells, or rank candidates of a first stage",
            )
        fold_of = context.rng("uplift folds").integers(0, self.n_folds, len(log.session_user))
        fold = fold_of[log.session]
        _check_folds(fold, log, self.n_folds)
        features = [pair_features(log, fold_of != part, self._features, context) for part in range(self.n_folds)]
        rows = np.empty((log.n, features[0].size))
        for part, made in enumerate(features):
            own = fold == part
            rows[own] = made.at(log.user[own], log.item[own])
        chance = log.chances(context)
        arms = [self._out_of_fold(rows, log, fold, arm, context) for arm in (False, True)]
        pseudo = pseudo_effects(log, chance, arms[0], arms[1])
        predict = self._effect_model(rows, log, chance, pseudo, context)
        effect, value = _tables(features, predict, (data.n_users, data.n_items), context)
        share = {"effect": 0.0, "value": 1.0, "mixture": self.mixture}[self.rank_by]
        return FittedUpliftRanker(
            data,
            "uplift_ranker",
            {"of": list(self.of), "form": self.form, "rank_by": self.rank_by, "mixture": self.mixture},
            PairEffects(effect, value, (1.0 - share, share)),
            log=log,
            pseudo=pseudo,
            chance=chance,
        )

    def restore(self, arrays: Mapping[str, AnyArray], log_or_dataset: Any) -> FittedUpliftRanker:
        """The ranker from what `to_arrays` gave, on the responses that it was fitted on."""
        data = log_or_dataset.responses if isinstance(log_or_dataset, ExposureLog) else log_or_dataset
        tables = [np.asarray(arrays[name], dtype=np.float32) for name in ("effect", "value")]
        if any(t.shape != (data.n_users, data.n_items) for t in tables):
            raise InputError(f"The tables are {tables[0].shape}; these data have {(data.n_users, data.n_items)} pairs.")
        share = {"effect": 0.0, "value": 1.0, "mixture": self.mixture}[self.rank_by]
        settings = {"of": list(self.of), "form": self.form, "rank_by": self.rank_by, "mixture": self.mixture}
        return FittedUpliftRanker(
            data, "uplift_ranker", settings, PairEffects(tables[0], tables[1], (1.0 - share, share))
        )

    def _features(self, data: Dataset, context: RunContext) -> list[FittedRecommender]:
        """The recommenders that make features, fitted to events of one kind."""
        from dorec.recommend.registry import make

        return [make(name, **dict(self.settings.get(name, {}))).fit(data, context=context) for name in self.of]

    def _regressor(self, n: int, context: RunContext) -> Any:
        # loaded on use: importing the room stays light
        from sklearn.base import clone
        from sklearn.ensemble import HistGradientBoostingRegressor

        if self.regressor is not None:
            return clone(self.regressor)
        return HistGradientBoostingRegressor(
            max_iter=100,
            learning_rate=0.05,
            max_leaf_nodes=8,
            max_bins=N_BINS,
            min_samples_leaf=max(20, n // 250),
            early_stopping=False,
            random_state=context.seed,
        )

    def _outcomes(self, x: FloatArray, y: FloatArray, weight: FloatArray, context: RunContext) -> Any:
        """A model of outcomes, with predict."""
        if self.outcome_model is None:
            return self._learned(x, y, weight, context)
        from sklearn.base import clone, is_classifier

        even = np.ptp(weight) <= 1e-12 * weight.max()
        made = clone(self.outcome_model)
        if not is_classifier(made):
            return made.fit(x, y, sample_weight=None if even else weight / weight.mean())
        if not np.isin(y, (0.0, 1.0)).all():
            raise InputError("outcome_model is a classifier and some outcome is neither 0 nor 1; give a regressor.")
        return Chances(made.fit(x, y > 0, sample_weight=None if even else weight / weight.mean()))

    def _learned(self, x: FloatArray, y: FloatArray, weight: FloatArray, context: RunContext) -> Any:
        even = np.ptp(weight) <= 1e-12 * weight.max()
        return self._regressor(len(y), context).fit(x, y, sample_weight=None if even else weight / weight.mean())

    def _out_of_fold(
        self, rows: FloatArray, log: ExposureLog, fold: IntArray, arm: bool, context: RunContext
    ) -> FloatArray:
        """Predicted outcome of every row, had it been in the arm, (n,), from sessions of other folds."""
        out = np.empty(log.n)
        for part in range(self.n_folds):
            learn, own = (fold != part) & (log.shown == arm), fold == part
            model = self._outcomes(rows[learn], log.outcome[learn], log.weight[learn], context)
            out[own] = model.predict(rows[own])
        return out

    def _effect_model(
        self, rows: FloatArray, log: ExposureLog, chance: FloatArray, pseudo: FloatArray, context: RunContext
    ) -> Any:
        """A function of features (n, p) that gives effect and value, (n,) each."""
        shown, y, w = log.shown, log.outcome, log.weight
        if self.form == "s":
            both = self._outcomes(np.column_stack([rows, shown]), y, w, context)
            return lambda x: _of_one(both, x)
        on = self._outcomes(rows[shown], y[shown], w[shown], context)
        if self.form == "dr":
            overlap = w * chance * (1.0 - chance)
            made = self._learned(rows, pseudo, overlap, context)
            return lambda x: (made.predict(x), on.predict(x))
        off = self._outcomes(rows[~shown], y[~shown], w[~shown], context)
        if self.form == "t":
            return lambda x: _difference(on.predict(x), off.predict(x))
        first = self._learned(rows[shown], y[shown] - off.predict(rows[shown]), w[shown], context)
        second = self._learned(rows[~shown], on.predict(rows[~shown]) - y[~shown], w[~shown], context)
        share = float(w[shown].sum() / w.sum())
        return lambda x: (share * second.predict(x) + (1.0 - share) * first.predict(x), on.predict(x))


@dataclass(frozen=True, eq=False)
class Chances:
    """A fitted classifier whose predictions are chances."""

    model: Any

    def predict(self, x: FloatArray) -> FloatArray:
        """Chances of the outcome (n,); an outcome that never, or always, came stays so."""
        if len(self.model.classes_) == 1:
            return np.full(len(x), float(self.model.classes_[0]))
        return np.asarray(self.model.predict_proba(x)[:, 1], dtype=np.float64)


def pseudo_effects(log: ExposureLog, chance: FloatArray, off: FloatArray, on: FloatArray) -> FloatArray:
    """Doubly robust effect of each row (n,): its weighted mean over rows estimates the average effect of showing.

    Args:
        log: the rows.
        chance: probability of being shown, (n,).
        off: predicted outcome not shown, (n,).
        on: predicted outcome shown, (n,).
    """
    given = np.where(log.shown, (log.outcome - on) / chance, -(log.outcome - off) / (1.0 - chance))
    return np.asarray(on - off + given)


def _tables(
    features: list[PairFeatures], predict: Any, shape: tuple[int, int], context: RunContext
) -> tuple[AnyArray, AnyArray]:
    """Effect and value of every pair, averaged over what the folds learned."""
    out = np.empty((2, *shape), dtype=np.float32)
    step = max(1, BLOCK // shape[1])
    starts = range(0, shape[0], step)
    for start in context.track(starts, "effects of pairs", len(starts)):
        users = np.arange(start, min(start + step, shape[0]))
        told = [predict(made.table(users).reshape(-1, made.size)) for made in features]
        out[:, users] = np.mean(told, axis=0).reshape(2, len(users), -1)
    return out[0], out[1]


def _of_one(model: Any, x: FloatArray) -> tuple[FloatArray, FloatArray]:
    on = model.predict(np.column_stack([x, np.ones(len(x))]))
    return on - model.predict(np.column_stack([x, np.zeros(len(x))])), on


def _difference(on: FloatArray, off: FloatArray) -> tuple[FloatArray, FloatArray]:
    return on - off, on


def _check_folds(fold: IntArray, log: ExposureLog, n_folds: int) -> None:
    for part in range(n_folds):
        for arm in (False, True):
            if not ((fold == part) & (log.shown == arm)).any():
                raise TooFewUnits(
                    f"fold {part} has no row that was {'shown' if arm else 'not shown'}",
                    remedy="lower n_folds, or give more sessions",
                )
