"""Quantile treatment effects: how far the treatment moves each part of the outcome's distribution."""

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from dorec.domain.errors import ConfigError, InputError
from dorec.domain.estimate import Estimate
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.average_effect import few_clusters_dof, floor_of, weight_of
from dorec.estimate.checks import check_overlap, check_study, suspected_leak
from dorec.estimate.cross_fitting import Canonical, Units, canonical, fit_propensity, units_of
from dorec.estimate.diagnostics import Overlap, influence_verdict, overlap_of, repeated_verdicts
from dorec.estimate.nuisance import candidates, default_outcome_classifiers, threads_for
from dorec.numeric.arrays import FloatArray
from dorec.numeric.weighted_quantile import weighted_quantile

DEFAULT_CONTEXT = RunContext()
ATOM = 0.01  # of an arm's weight: more outcomes than this at the quantile itself, and it has no density
BEYOND = 20.0  # units of an arm, after weighting, that must lie beyond a quantile


class ArmQuantiles(NamedTuple):
    """Quantiles of each arm and the influence of each unit on them."""

    value: FloatArray  # (k, m)
    influence: FloatArray  # (n, k, m)
    atom: FloatArray  # (k, m), share of an arm's weight at the quantile itself


@dataclass(frozen=True, kw_only=True)
class QuantileEffect:
    """Differences of the quantiles of the outcome had everyone been in each arm (Firpo 2007,
    doi:10.1111/j.1468-0262.2007.00738.x), doubly robust.

    A quantile of an arm solves its moment with the localised score (Kallus, Mao, Uehara 2024, jmlr 25/21-1148): the
    share of outcomes at or below a first guess is predicted out of fold from the covariates, and inverse propensities
    correct the prediction. It is consistent where either model is right. The influence is the score over the density
    at the quantile. These are effects on the distribution, not quantiles of individual effects.

    Args:
        quantiles: levels between 0 and 1.
        n_folds: folds of the cross-fitting, 2 or more.
        outcome_model: classifier of whether the outcome is at or below a value; a list is blended.
        propensity_model: classifier of the arms; a list is blended. Not used where the propensities are known.
        min_propensity: estimated propensities are raised to this floor (less where an arm is rare).
        min_per_fold: units that each arm must have for each fold.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> x = rng.normal(size=1000)
        >>> t = (rng.random(1000) < 1 / (1 + np.exp(-x))).astype(int)
        >>> table = {"x": x, "t": t, "y": x + (1 + t) * rng.normal(size=1000)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> effect = QuantileEffect(quantiles=(0.1, 0.5, 0.9), n_folds=2).fit(study).ate()
        >>> effect.name[0], bool(effect.value[0] < -0.5 < 0.5 < effect.value[2])
        ('1 - 0 at 0.1', True)
    """

    quantiles: tuple[float, ...] = (0.1, 0.5, 0.9)
    n_folds: int = 5
    outcome_model: Any = None
    propensity_model: Any = None
    min_propensity: float = 0.01
    min_per_fold: int = 5

    def __post_init__(self) -> None:
        levels = tuple(self.quantiles)
        if not levels or not all(0 < q < 1 for q in levels) or len(set(levels)) < len(levels):
            raise ConfigError(
                f"quantiles is {self.quantiles}; give different levels between 0 and 1, as in (0.1, 0.5)."
            )
        if self.n_folds < 2:
            raise InputError(f"n_folds is {self.n_folds}; give 2 or more.")

    def fit(self, study: Study, *, context: RunContext = DEFAULT_CONTEXT) -> "QuantileEffectModel":
        """Nuisances and quantiles of each arm.

        Raises:
            NotFinite, OneArm, ArmTooSmall, TooFewUnits, LeakedOutcome, LeakedTreatment, NoOverlap, BadPropensity:
                before any number, with the evidence and the remedy.
        """
        units = units_of(study)
        check_study(study, n_folds=self.n_folds, min_per_fold=self.min_per_fold, groups=units.groups)
        floor = floor_of(study, self.min_propensity)
        with threads_for(study.n, context):
            at = canonical(study, units, n_folds=self.n_folds, repeat=0, context=context)
            e = fit_propensity(study, at, self.propensity_model)
            if study.propensity is None:
                check_overlap(e, study.treatment, study.arms, floor, False)
                e = np.maximum(e, floor)
                e = e / e.sum(axis=1, keepdims=True)
            found = self._quantiles(study, at, e)
        overlap = overlap_of(e, study.treatment, study.arms, floor)
        return QuantileEffectModel(
            learner=self, study=study, units=units, propensity=e, found=found, overlap=overlap, context=context
        )

    def _quantiles(self, study: Study, at: Canonical, e: FloatArray) -> ArmQuantiles:
        weight, y = weight_of(study), study.outcome
        taken = np.eye(len(study.arms))[study.treatment]
        inverse = taken / e
        inverse = inverse / np.average(inverse, axis=0, weights=weight)
        shape = (len(study.arms), len(self.quantiles))
        value, atom, influence = np.empty(shape), np.empty(shape), np.empty((study.n, *shape))
        for a in range(shape[0]):
            mass = weight * inverse[:, a]
            for j, level in enumerate(self.quantiles):
                guess = weighted_quantile(y, mass, level)
                below = self._predicted(study, at, guess, a)
                # the moment is that of the weighted quantile at a level put right by the prediction
                right = level - float(np.average(below * (1 - inverse[:, a]), weights=weight))
                theta = weighted_quantile(y, mass, float(np.clip(right, 1e-9, 1 - 1e-9)))
                score = weight * (below + inverse[:, a] * ((y <= theta) - below) - level)
                density = weighted_density(y, mass, theta)
                tied = (y == theta) & (mass > 0)
                value[a, j], atom[a, j] = theta, mass[tied].sum() / mass.sum() if tied.sum() > 1 else 0.0
                influence[:, a, j] = -(score - score.mean()) / density if density > 0 else 0.0
        return ArmQuantiles(value, influence, atom)

    def _predicted(self, study: Study, at: Canonical, guess: float, arm: int) -> FloatArray:
        """Out-of-fold P(outcome <= guess | x, arm), (n,)."""
        hit = (study.outcome <= guess).astype(np.float64)
        if np.ptp(hit) == 0:
            return hit
        models = candidates(self.outcome_model, default_outcome_classifiers(study.n)[:2])
        p = at.fit.means_by_arm(at.of(hit), at.arm, models, binary=True)
        return np.asarray(np.clip(at.restored(p[:, at.back])[:, arm], 0.0, 1.0))


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantileEffectModel:
    """Quantiles of the outcome in each arm.

    Example:
        >>> table = {"t": np.arange(400) % 2, "y": np.arange(400) % 2 + np.sin(np.arange(400.0))}
        >>> study = Study.from_table(table, outcome="y", treatment="t")
        >>> model = QuantileEffect(quantiles=(0.5,), n_folds=2).fit(study)
        >>> model.arm_quantiles().name, round(model.ate().value, 1)
        (('0.5 quantile if 0', '0.5 quantile if 1'), 1.0)
    """

    learner: QuantileEffect
    study: Study
    units: Units
    propensity: FloatArray  # (n, k)
    found: ArmQuantiles
    overlap: Overlap
    context: RunContext = field(repr=False)
    estimand: str = ""

    @property
    def arms(self) -> tuple[Any, ...]:
        """The arms, the reference first."""
        return self.study.arms

    def arm_quantiles(self) -> Estimate:
        """The quantiles of each arm, (k m,): arm by arm, in the order of the levels."""
        k, m = self.found.value.shape
        names = tuple(f"{q:g} quantile if {arm}" for arm in self.arms for q in self.learner.quantiles)
        return self._estimate(self.found.value.ravel(), self.found.influence.reshape(-1, k * m), names, slice(None))

    def ate(self) -> Estimate:
        """The effect at each level of each arm against the first, ((k - 1) m,); scalar for one of both.

        `interval(joint=True)` holds at all levels at once. The name is the one of all estimators here; effects on
        quantiles are no averages of the units' effects.
        """
        value, influence = self.found.value, self.found.influence
        contrast = (influence[:, 1:] - influence[:, :1]).reshape(len(influence), -1)
        names = tuple(f"{arm} - {self.arms[0]} at {q:g}" for arm in self.arms[1:] for q in self.learner.quantiles)
        found = self._estimate((value[1:] - value[:1]).ravel(), contrast, names, slice(None))
        found = replace(found, verdicts=self.verdicts)
        return found if len(names) > 1 else found[0]

    @cached_property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Overlap, likely leaks, repeated units, units that dominate the influence."""
        influence = self.found.influence
        contrast = (influence[:, 1:] - influence[:, :1]).reshape(len(influence), -1)
        found = (
            self.overlap.verdict,
            suspected_leak(self.study),
            influence_verdict(contrast, self.units.groups),
            *repeated_verdicts(self.study, self.units),
        )
        return tuple(verdict for verdict in found if verdict is not None)

    def _no_interval(self) -> str:
        """Why the normal interval would not hold: no density at a quantile, or too few units beyond it."""
        if (self.found.atom > ATOM).any():
            a, j = np.unravel_index(int(self.found.atom.argmax()), self.found.atom.shape)
            return (
                f"{self.found.atom[a, j]:.0%} of the outcomes in arm {self.arms[a]!r} are equal to its "
                f"{self.learner.quantiles[j]:g} quantile, which has no density there"
            )
        thin = min(min(q, 1 - q) for q in self.learner.quantiles) * float(self.overlap.effective.min())
        if thin < BEYOND:
            return f"only {thin:.0f} units of an arm, after weighting, lie beyond the outermost quantile"
        return ""

    def _estimate(self, value: FloatArray, influence: FloatArray, names: tuple[str, ...], rows: Any) -> Estimate:
        return Estimate(
            value,
            influence[rows],
            name=names,
            method="QuantileEffect",
            estimand=self.estimand or "quantiles of the outcome had everyone been in each arm",
            sample=self.study.sample,
            cluster=self.units.cluster,
            dof=few_clusters_dof(self.units.cluster),
            no_interval=self._no_interval(),
        )


def weighted_density(y: FloatArray, weight: FloatArray, at: float) -> float:
    """The density of weighted values at a point, by Epanechnikov's kernel; 0 where they don't vary.

    >>> rng = np.random.default_rng(0)
    >>> round(weighted_density(rng.normal(size=20_000), np.ones(20_000), 0.0), 1)
    0.4
    """
    n = float(weight.sum() ** 2 / (weight**2).sum())
    mean = np.average(y, weights=weight)
    spread = float(np.sqrt(np.average((y - mean) ** 2, weights=weight)))
    iqr = weighted_quantile(y, weight, 0.75) - weighted_quantile(y, weight, 0.25)
    spread = min(spread, iqr / 1.349) or spread
    if spread <= 0:
        return 0.0
    width = 2.34 * spread * n**-0.2
    # in a long tail the rule of the bulk is too narrow: at least so many values count
    nearest = np.sort(np.abs(y[weight > 0] - at))
    width = max(width, float(nearest[min(len(nearest) - 1, int(np.sqrt(len(nearest))))]))
    kernel = 0.75 * np.maximum(1 - ((y - at) / width) ** 2, 0.0) / width
    return float(np.average(kernel, weights=weight))
