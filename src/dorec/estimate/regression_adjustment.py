"""Regression adjustment: a regression of each arm, averaged over everyone (the g-formula)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import ArmTooSmall, InputError, NoOverlap
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate.average_effect import (
    AverageEffectModel,
    check_arms_of,
    check_population,
    floor_of,
    member_of,
    standardised_design,
    weight_of,
)
from dorec.estimate.checks import check_overlap
from dorec.estimate.cross_fitting import Units, canonical, fit_outcome, units_of
from dorec.estimate.diagnostics import overlap_of
from dorec.estimate.linearity import Linearity, bent_columns, compare, room_to_bend
from dorec.estimate.scores import ArmMeans
from dorec.numeric.arrays import FloatArray
from dorec.numeric.logistic import logistic

DEFAULT_CONTEXT = RunContext()
SPARE = 5  # units of an arm beyond its coefficients
BOTH = "a regression alone says nothing of how far it is off: only least squares has a known error here"


@dataclass(frozen=True, kw_only=True)
class RegressionAdjustment:
    """Average effects from least squares in each arm (Lin 2013, doi:10.1214/12-AOAS583; Robins 1986).

    The interval holds in a randomised experiment whatever the truth, and elsewhere where the mean outcome of each arm
    is linear in the covariates: a curve that also moves the treatment biases it. A fit whose columns may bend stands
    beside it: where the two differ by more than chance does (p < .05) the interval is withheld. Standard errors hold
    under unequal variances (HC2) and carry that the covariates are a sample. With another outcome model there is a
    value but no interval.

    Args:
        outcome_model: a scikit-learn regressor or classifier, cross-fitted, in the place of least squares.
        population: whose average: all units, the treated, the control.
        n_folds: folds for `outcome_model`, and for effects given covariates.
        min_propensity: where more than a tenth of the units have an arm of less, the study is refused.
        min_per_arm: units that each arm must have.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x, t = rng.normal(size=1000), np.arange(1000) % 2
        >>> table = {"x": x, "t": t, "y": 2.0 * t + 3.0 * x + rng.normal(size=1000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> effect = RegressionAdjustment().fit(study).ate()
        >>> abs(effect.value - 2.0) < 0.2, round(effect.std_error, 3)
        (True, 0.065)
    """

    outcome_model: Any = None
    population: Population = "all"
    n_folds: int = 5
    min_propensity: float = 0.01
    min_per_arm: int = 10

    def __post_init__(self) -> None:
        check_population(self.population)
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> AverageEffectModel:
        """Regressions, arm means and diagnostics of a study.

        Raises:
            NotFinite, OneArm, ArmTooSmall, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        units = units_of(study)
        check_arms_of(study, units, self.min_per_arm)
        Z = standardised_design(study.covariates)
        if self.outcome_model is None:
            _check_size(study, Z.shape[1])
        weight, floor = weight_of(study), floor_of(study, self.min_propensity)
        e = study.propensity
        if e is None:
            e = logistic(Z, study.treatment, weight, len(study.arms)).probability
            check_overlap(e, study.treatment, study.arms, floor, self.population != "all")
        at = canonical(study, units, n_folds=self.n_folds, repeat=0, context=context)
        member = weight * member_of(study, self.population)
        straight = Linearity(no_interval=BOTH)
        if self.outcome_model is None:
            means, mu = least_squares_means(study, Z, weight, member)
            straight = _beside_a_bent_fit(study, units, Z, (weight, member), means)
        else:
            mu = at.restored(fit_outcome(at.fit, at.of(study.outcome), at.arm, self.outcome_model)[:, at.back])
            value = np.average(mu, axis=0, weights=member)
            means = ArmMeans(value, member[:, None] * (mu - value) / member.mean())
        return AverageEffectModel(
            learner=self,
            method="regression adjustment",
            study=study,
            units=units,
            means=means,
            pseudo_outcomes=mu,
            folds=at.restored(at.fit.folds),
            overlap=overlap_of(np.asarray(e), study.treatment, study.arms, floor),
            context=context,
            no_interval=straight.no_interval,
            notes=straight.verdicts,
        )


def least_squares_means(
    study: Study, Z: FloatArray, weight: FloatArray, member: FloatArray
) -> tuple[ArmMeans, FloatArray]:
    """Arm means by least squares in each arm, averaged over the members; and the predictions (n, k).

    Args:
        Z: columns (n, q), the constant first.
        weight: of each unit in the regressions, (n,).
        member: of each unit in the average, (n,).
    """
    y = study.outcome
    middle = np.average(Z, axis=0, weights=member)
    mu, influence = np.empty((study.n, len(study.arms))), np.empty((study.n, len(study.arms)))
    value = np.empty(len(study.arms))
    for a, arm in enumerate(study.arms):
        inside = weight * (study.treatment == a)
        root = np.sqrt(inside)[:, None]
        bread = np.linalg.pinv((root * Z).T @ (root * Z), rcond=1e-12, hermitian=True)
        if np.abs(middle - (bread @ ((root * Z).T @ (root * Z))) @ middle).max() > 1e-6 * np.abs(middle).max():
            raise NoOverlap(
                f"a covariate that does not vary in arm {arm!r} varies elsewhere, so that nobody in it is comparable",
                remedy="leave out the covariate, or the units that the arm does not have",
                evidence={"arm": str(arm)},
            )
        level = float(np.average(y, weights=inside))
        mu[:, a] = level + Z @ (bread @ (Z.T @ (inside * (y - level))))
        leverage = np.minimum((root * Z @ bread * (root * Z)).sum(axis=1), 0.999)
        residual = inside * (y - mu[:, a]) / np.sqrt(1.0 - leverage)
        value[a] = np.average(mu[:, a], weights=member)
        own = study.n * residual * (Z @ (bread @ middle))
        influence[:, a] = member * (mu[:, a] - value[a]) / member.mean() + own
    return ArmMeans(value, influence), mu


def _beside_a_bent_fit(
    study: Study, units: Units, Z: FloatArray, weights: tuple[FloatArray, FloatArray], means: ArmMeans
) -> Linearity:
    wide = np.hstack([Z, bent_columns(study.covariates)])
    if wide.shape[1] == Z.shape[1] or not room_to_bend(study, wide.shape[1]):
        return Linearity()
    try:
        bent, _ = least_squares_means(study, wide, *weights)
    except NoOverlap:  # an arm has no unit beyond a knot: nothing to compare with
        return Linearity()
    return compare(study, units, means, bent, "the mean outcome of each arm")


def _check_size(study: Study, q: int) -> None:
    counts = {str(arm): count for arm, count in study.arm_counts.items()}
    if min(counts.values()) < q + SPARE:
        told = ", ".join(f"{arm}: {count:,}" for arm, count in counts.items())
        raise ArmTooSmall(
            f"an arm has fewer than {q + SPARE} units ({told}) for {q} coefficients",
            remedy="leave out covariates, merge the small arm, or collect more units",
            evidence={"arms": counts, "coefficients": q},
        )
