"""How far a confounder that nobody measured could move an effect, by its shares of treatment and outcome.

The omitted-variable bias of Chernozhukov, Cinelli, Newey, Sharma, Syrgkanis 2022 (arXiv:2112.13398), which holds for
any nuisances and is the partial-R² analysis of Cinelli, Hazlett 2020 (doi:10.1111/rssb.12348) in a linear model. With S
the root of (mean squared residual of the outcome) x (mean square of the weights), the effect that the confounder would
leave differs by at most S x sqrt(r2_outcome x r2_treatment / (1 - r2_treatment)).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import optimize, stats

from dorec.domain.errors import ColumnNotFound, InputError, NoOverlap
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.numeric.arrays import FloatArray
from dorec.refute.attack import DEFAULT_CONTEXT
from dorec.refute.balance import Predictions, WithNuisances

Strength = tuple[float, float]  # share of the treatment, share of the outcome


@dataclass(frozen=True, kw_only=True, eq=False)
class HiddenConfounding:
    """What is left of one contrast under a hidden confounder of any strength; made by `hidden_confounding`.

    `r2_treatment` is the share of the variation of the ideal weights (of the treatment's leftover variation, in a
    linear model) that the confounder alone adds; `r2_outcome` its share of the outcome's leftover variance.

    Example:
        >>> effect = Estimate.of_mean(np.tile([1.5, 2.5], 50), name="lift")
        >>> flat = Estimate.of_mean(np.tile([3.9, 4.1], 50))
        >>> hidden = HiddenConfounding(effect=effect, residual=flat, weight=flat)
        >>> hidden.left(0.1, 0.1), round(hidden.robustness_value(), 3)
        (1.5783..., 0.39)
    """

    effect: Estimate  # scalar
    residual: Estimate  # mean squared residual of the outcome
    weight: Estimate  # mean square of the weights (the Riesz representer)

    def left(self, r2_treatment: float, r2_outcome: float, level: float | None = None) -> float:
        """The effect at worst, pulled towards 0; with `level`, the end nearest to 0 of that one-sided bound."""
        move = self._move(r2_treatment, r2_outcome)
        sign = 1.0 if self.effect.value >= 0 else -1.0
        moved = self.effect - sign * move
        at = float(moved.value)
        return at if level is None else at - sign * float(stats.norm.ppf(level)) * _error(moved)

    def interval(self, r2_treatment: float, r2_outcome: float, level: float = 0.95) -> tuple[float, float]:
        """Holds the effect with probability `level` whatever a confounder of at most this strength does."""
        move = self._move(r2_treatment, r2_outcome)
        low, high = self.effect - move, self.effect + move
        z = float(stats.norm.ppf(0.5 + level / 2))
        return float(low.value) - z * _error(low), float(high.value) + z * _error(high)

    def robustness_value(self, level: float | None = None) -> float:
        """The strength, the same in treatment and outcome, that takes the effect (or its bound) to 0.

        0 where it is 0 already.
        """
        return self._tip(lambda r: (r, r), level)

    def tipping_point(self, r2_treatment: float, level: float | None = None) -> float:
        """The share of the outcome that takes the effect to 0, given that of the treatment; 1 if none does."""
        _check_share(r2_treatment, "r2_treatment")
        return self._tip(lambda r: (r2_treatment, r), level)

    def contour(self, r2_treatment: FloatArray, r2_outcome: FloatArray, level: float | None = None) -> FloatArray:
        """`left` over a grid, (q, m): rows are shares of the outcome, columns of the treatment."""
        return np.array([[self.left(float(t), float(y), level) for t in r2_treatment] for y in r2_outcome])

    def times_as_strong(self, strength: Strength, k: float) -> Strength:
        """The strength of a confounder k times as strong as a benchmark, cut just below 1."""
        return min(k * strength[0], 0.999), min(k * strength[1], 1.0)

    def _move(self, r2_treatment: float, r2_outcome: float) -> Estimate:
        _check_share(r2_treatment, "r2_treatment")
        if not 0 <= r2_outcome <= 1:
            raise InputError(f"r2_outcome is {r2_outcome}; give a share from 0 to 1.")
        factor = math.sqrt(r2_outcome * r2_treatment / (1.0 - r2_treatment))
        spread = math.sqrt(float(self.residual.value) * float(self.weight.value))
        if spread == 0:
            return self.effect * 0.0
        influence = factor / (2.0 * spread) * (
            float(self.residual.value) * _psi(self.weight) + float(self.weight.value) * _psi(self.residual)
        )  # fmt: skip
        return Estimate(factor * spread, influence, sample=self.effect.sample, cluster=self.effect.cluster)

    def _tip(self, path: Any, level: float | None) -> float:
        sign = 1.0 if self.effect.value >= 0 else -1.0

        def beyond(r: float) -> float:
            return sign * self.left(path(r)[0], path(r)[1], level)

        if beyond(0.0) <= 0:
            return 0.0
        top = 1.0 - 1e-9
        return 1.0 if beyond(top) > 0 else float(optimize.brentq(beyond, 0.0, top, xtol=1e-9))


def hidden_confounding(study: Study, model: WithNuisances, *, arm: int = 1) -> HiddenConfounding:
    """The sensitivity of the average effect of `arms[arm]` over all units, from the model's own nuisances.

    Args:
        study: what the model was fitted on.
        model: tells its out-of-fold outcomes and propensities as `nuisances`, as AIPW does.
        arm: which arm is compared with the first.

    Raises:
        InputError: a model without such nuisances, of other units, or an arm that there is not.
        NoOverlap: the weights are so heavy that their mean square can't be told.

    Example:
        >>> from dorec.estimate import AIPW
        >>> rng = np.random.default_rng(0)
        >>> table = {"t": np.arange(400) % 2, "y": np.arange(400) % 2 + rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t")
        >>> hidden = hidden_confounding(study, AIPW(n_folds=2).fit(study))
        >>> 0.3 < hidden.robustness_value() < 0.5, hidden.robustness_value(0.975) < hidden.robustness_value()
        (True, True)
    """
    g, e = _nuisances(study, model)
    population = getattr(getattr(model, "learner", None), "population", "all")
    if population != "all":
        raise InputError(
            f"The model's effect is that of the population {population!r}; this sensitivity is that of all units. "
            "Fit the model with population='all'."
        )
    if not 0 < arm < len(study.arms):
        raise InputError(f"arm is {arm}; the arms besides the first are 1 to {len(study.arms) - 1}.")
    t = study.treatment
    rows = np.arange(study.n)
    share = np.ones(study.n) if study.weight is None else study.weight / study.weight.mean()
    alpha = (t == arm) / e[:, arm] - (t == 0) / e[:, 0]
    residual = study.outcome - g[rows, t]
    name = f"{study.arms[arm]} - {study.arms[0]}"

    def mean(score: FloatArray, label: str) -> Estimate:
        value = float((share * score).mean())
        return Estimate(value, share * (score - value), name=label, sample=study.sample, cluster=study.cluster)

    concerned = (t == arm) | (t == 0)
    # 2 m(alpha) - alpha² has the mean of alpha² and no first-order error from the propensities
    weight = mean(2.0 * (1.0 / e[:, arm] + 1.0 / e[:, 0]) - alpha**2, "squared weight")
    if weight.value <= 0:
        raise NoOverlap(
            "a few units with a tiny propensity carry all of the weight, so that its mean square can't be told",
            remedy="raise the floor of the propensities (min_propensity), or drop the units without counterparts",
            evidence={"largest_weight": float(np.abs(alpha).max())},
        )
    spread = (residual**2)[concerned]
    sigma = float((share[concerned] * spread).sum() / share[concerned].sum())
    psi = np.where(concerned, residual**2 - sigma, 0.0) * share / (share * concerned).mean()
    return HiddenConfounding(
        effect=mean(g[:, arm] - g[:, 0] + alpha * residual, name),
        residual=Estimate(sigma, psi, name="squared residual", sample=study.sample, cluster=study.cluster),
        weight=weight,
    )


def benchmark_strengths(
    study: Study,
    learner: EffectLearner,
    covariates: Sequence[str],
    *,
    arm: int = 1,
    context: RunContext = DEFAULT_CONTEXT,
) -> dict[str, Strength]:
    """How strong measured covariates are, as hidden ones: (share of the treatment, share of the outcome) of each.

    The learner is fitted again without the covariate (all columns made from it), one fit for each. The share of the
    treatment is what leaving it out takes off the mean square of the weights; that of the outcome is what it adds to
    the mean squared residual, over the residual with it.

    Raises:
        ColumnNotFound: a covariate that the study does not have.
        InputError: a learner whose model does not tell its nuisances.

    Example:
        >>> from dorec.estimate import AIPW
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=600)
        >>> t = (rng.random(600) < 1 / (1 + np.exp(-x / 2))).astype(int)
        >>> table = {"x": x, "t": t, "y": t + x + rng.normal(size=600)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> of_treatment, of_outcome = benchmark_strengths(study, AIPW(n_folds=2), ["x"])["x"]
        >>> 0 < of_treatment < 0.2, of_outcome > 0.5
        (True, True)
    """
    sources = [study.source_of.get(name, name) for name in study.covariate_names]
    for name in covariates:
        if name not in sources:
            raise ColumnNotFound(name, dict.fromkeys(sources), where="the covariates of the study")
    whole = hidden_confounding(study, _fitted(learner, study, context), arm=arm)
    found = {}
    for name in context.track(covariates, "benchmark covariates", len(covariates)):
        keep = [j for j, source in enumerate(sources) if source != name]
        short = study.with_columns(
            covariates=study.covariates[:, keep], covariate_names=tuple(study.covariate_names[j] for j in keep)
        )
        without = hidden_confounding(short, _fitted(learner, short, context), arm=arm)
        of_treatment = 1.0 - float(without.weight.value) / float(whole.weight.value)
        of_outcome = float(without.residual.value) / float(whole.residual.value) - 1.0
        found[name] = (float(np.clip(of_treatment, 0.0, 0.999)), float(np.clip(of_outcome, 0.0, 1.0)))
    return found


def _fitted(learner: EffectLearner, study: Study, context: RunContext) -> WithNuisances:
    model: Any = learner.fit(study, context=context)
    return model


def _nuisances(study: Study, model: WithNuisances) -> tuple[FloatArray, FloatArray]:
    if not (isinstance(model, WithNuisances) and isinstance(model.nuisances, Predictions)):
        raise InputError(
            f"{type(model).__name__} does not tell its outcome and propensity predictions; give a fitted AIPW or TMLE."
        )
    g, e = np.asarray(model.nuisances.outcome), np.asarray(model.nuisances.propensity)
    shape = (study.n, len(study.arms))
    if g.shape != shape or e.shape != shape:
        raise InputError(f"The model's nuisances have shapes {g.shape} and {e.shape}, the study is {shape}; fit on it.")
    return g, e


def _error(estimate: Estimate) -> float:
    return 0.0 if estimate.no_interval else float(estimate.std_error)


def _psi(estimate: Estimate) -> FloatArray:
    return np.asarray(estimate.influence)


def _check_share(value: float, name: str) -> None:
    if not 0 <= value < 1:
        raise InputError(f"{name} is {value}; give a share from 0 to below 1.")
