"""Inverse-propensity weighting: stabilised, raw, trimmed and overlap weights, with the error of the propensities."""

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import (
    AverageEffectModel,
    check_arms_of,
    check_population,
    floor_of,
    standardised_design,
    weight_of,
)
from dorec.estimate.checks import check_overlap
from dorec.estimate.cross_fitting import Canonical, Units, canonical, fit_propensity, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.linearity import Linearity, bent_columns, compare, room_to_bend
from dorec.estimate.scores import ArmMeans, tilt
from dorec.numeric.arrays import FloatArray
from dorec.numeric.logistic import logistic

DEFAULT_CONTEXT = RunContext()
Weights = Literal["stabilised", "raw", "trimmed", "overlap"]


@dataclass(frozen=True, kw_only=True)
class IPW:
    """Average effects from weighted means of the arms (Hájek 1971; Lunceford, Davidian 2004, doi:10.1002/sim.1903).

    The propensities are those of a logistic regression on the covariates, without a penalty, and the standard error
    carries that they are estimated (stacked estimating equations). The interval holds where that regression is right:
    log-odds that bend otherwise bias it. A fit whose columns may bend stands beside it: where the two clearly differ
    (p < .05) the interval is withheld. With a model of another kind there is a value but no interval.

    Args:
        weights: "stabilised" divides by the sum of the weights; "raw" does not (Horvitz, Thompson 1952; of outcomes
            centred at their mean, so that a shift of the outcome changes nothing); "trimmed" leaves out units with an
            arm of less than `trim` and speaks of the others (Crump et al. 2009, doi:10.1093/biomet/asn055); "overlap"
            speaks of those who could be in every arm (Li, Morgan, Zaslavsky 2018, doi:10.1080/01621459.2016.1260466).
        propensity_model: a scikit-learn classifier, cross-fitted, in the place of the logistic regression.
        population: whose average, with stabilised or raw weights: all, the treated, the control.
        trim: the least probability of an arm for a unit to be kept by "trimmed".
        n_folds: folds for `propensity_model`, and for effects given covariates.
        min_propensity: where more than a tenth of the units have an arm of less, the study is refused.
        min_per_arm: units that each arm must have.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=2000)
        >>> t = (rng.random(2000) < 1 / (1 + np.exp(-x))).astype(int)
        >>> table = {"x": x, "t": t, "y": 2.0 * t + 3.0 * x + rng.normal(size=2000)}
        >>> effect = IPW().fit(Study.from_table(table, outcome="y", treatment="t", covariates=["x"])).ate()
        >>> abs(effect.value - 2.0) < 3 * effect.std_error, effect.method
        (True, 'IPW, stabilised weights')
    """

    weights: Weights = "stabilised"
    propensity_model: Any = None
    population: Population = "all"
    trim: float = 0.1
    n_folds: int = 5
    min_propensity: float = 0.01
    min_per_arm: int = 10

    def __post_init__(self) -> None:
        if self.weights not in ("stabilised", "raw", "trimmed", "overlap"):
            raise ConfigError(
                f"weights is {self.weights!r}; allowed: 'stabilised', 'raw', 'trimmed', 'overlap' (a population)."
            )
        check_population(self.population)
        if self.population != "all" and self.weights in ("trimmed", "overlap"):
            raise InputError(f"{self.weights} weights have a population of their own; leave population out.")
        for name, value in (("trim", self.trim), ("min_propensity", self.min_propensity)):
            if not 0 <= value < 0.5:
                raise InputError(f"{name} is {value}; give a number from 0 to below 0.5.")
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> AverageEffectModel:
        """Propensities, weighted means and diagnostics of a study.

        Raises:
            NotFinite, OneArm, ArmTooSmall, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        units = units_of(study)
        check_arms_of(study, units, self.min_per_arm)
        weight, floor = weight_of(study), floor_of(study, self.min_propensity)
        at = canonical(study, units, n_folds=self.n_folds, repeat=0, context=context)
        propensity = self._propensity(study, weight, at)
        e = propensity.value
        if study.propensity is None:
            check_overlap(e, study.treatment, study.arms, floor, self.population != "all" or self.weights == "overlap")
        means, pseudo = self._means(study, weight, propensity)
        straight = self._beside_a_bent_fit(study, units, weight, propensity, means)
        return AverageEffectModel(
            learner=self,
            method=f"IPW, {self.weights} weights",
            study=study,
            units=units,
            means=means,
            pseudo_outcomes=pseudo,
            folds=at.restored(at.fit.folds),
            overlap=overlap_of(e, study.treatment, study.arms, floor),
            context=context,
            no_interval=propensity.no_interval or straight.no_interval,
            notes=(*straight.verdicts, *(_kept(self._tilt(e)[0]) if self.weights == "trimmed" else ())),
        )

    def _propensity(self, study: Study, weight: FloatArray, at: Canonical) -> "Propensity":
        if study.propensity is not None:
            return Propensity(np.asarray(study.propensity))
        if self.propensity_model is not None:
            said = "how far a propensity model that is not a logistic regression is off is not known to the weights"
            return Propensity(fit_propensity(study, at, self.propensity_model), no_interval=said)
        return _logistic_propensity(study, standardised_design(study.covariates), weight)

    def _means(self, study: Study, weight: FloatArray, propensity: "Propensity") -> tuple[ArmMeans, FloatArray]:
        h, slope = self._tilt(propensity.value)
        tilted = (weight * h, weight[:, None] * slope)
        return weighted_arm_means(study, tilted, propensity, raw=self.weights == "raw")

    def _beside_a_bent_fit(
        self, study: Study, units: Units, weight: FloatArray, propensity: "Propensity", means: ArmMeans
    ) -> Linearity:
        if propensity.columns is None or self.weights == "trimmed":  # others would be left out
            return Linearity()
        wide = np.hstack([propensity.columns, bent_columns(study.covariates)])
        if wide.shape[1] == propensity.columns.shape[1] or not room_to_bend(study, wide.shape[1]):
            return Linearity()
        bent, _ = self._means(study, weight, _logistic_propensity(study, wide, weight))
        return compare(study, units, means, bent, "the log-odds of the treatment")

    def _tilt(self, e: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self.weights == "trimmed":
            return np.asarray((e > self.trim).all(axis=1), dtype=np.float64), np.zeros_like(e)
        return tilt(e, "overlap" if self.weights == "overlap" else self.population)


class Propensity(NamedTuple):
    """Propensities, and where they are of a logistic regression its columns and the influence on its coefficients."""

    value: FloatArray  # (n, k)
    columns: FloatArray | None = None  # (n, q)
    influence: FloatArray | None = None  # (n, q * (k - 1))
    no_interval: str = ""

    def carried(self, by_propensity: FloatArray) -> FloatArray | float:
        """Influence (n,) that a mean takes over from the coefficients, by its derivative in each propensity (n, k)."""
        if self.columns is None or self.influence is None:
            return 0.0
        inner = (by_propensity * self.value).sum(axis=1, keepdims=True)
        by_index = (self.value * (by_propensity - inner))[:, 1:]
        return np.asarray(self.influence @ (self.columns.T @ by_index / len(self.columns)).ravel())


def _logistic_propensity(study: Study, Z: FloatArray, weight: FloatArray) -> Propensity:
    fitted = logistic(Z, study.treatment, weight, len(study.arms))
    return Propensity(np.maximum(fitted.probability, 1e-9), Z, fitted.influence)


def weighted_arm_means(
    study: Study, tilted: tuple[FloatArray, FloatArray], propensity: Propensity, *, raw: bool
) -> tuple[ArmMeans, FloatArray]:
    """Arm means by inverse propensities and their influences, and pseudo-outcomes (n, k).

    Args:
        tilted: how much each unit counts, (n,), with its derivative by each propensity, (n, k).
        raw: divide by the size of the population in the place of the sum of the weights.
    """
    y, (h, slope), e = study.outcome, tilted, propensity.value
    taken = np.eye(e.shape[1])[study.treatment]
    centre = float(np.average(y, weights=h))
    value, influence, pseudo = np.empty(e.shape[1]), np.empty_like(e), np.empty_like(e)
    for a in range(e.shape[1]):
        r = h * taken[:, a] / e[:, a]
        total = h.mean() if raw else r.mean()
        value[a] = centre + float((r * (y - centre)).mean()) / total
        from_ = centre if raw else value[a]  # what the moment is centred at
        own = taken[:, a] * (y - from_)
        by_propensity = slope * (own / e[:, a])[:, None]
        by_propensity[:, a] -= h * own / e[:, a] ** 2
        moment = r * (y - from_)
        if raw:
            moment = moment - h * (value[a] - centre)
            by_propensity = by_propensity - slope * (value[a] - centre)
        influence[:, a] = (moment + propensity.carried(by_propensity)) / total
        pseudo[:, a] = value[a] + taken[:, a] / e[:, a] / (taken[:, a] / e[:, a]).mean() * (y - value[a])
    return ArmMeans(value, influence), pseudo


def _kept(h: FloatArray) -> tuple[Verdict, ...]:
    out = float((h == 0).mean())
    return (
        Verdict(
            check="trimming",
            status="warning" if out > 0 else "passed",
            code="trimmed_population" if out > 0 else "",
            statistic=out,
            meaning=f"{out:.1%} of the units were left out: the effect is that of the other {1 - out:.1%}.",
            remedy="Say so where you report it." if out > 0 else "",
            evidence={"share_left_out": out},
        ),
    )
