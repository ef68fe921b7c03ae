"""Whether weighting makes the arms alike: mean differences and variance ratios of each covariate, before and after."""

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from scipy import stats

from dorec.domain.errors import BadPropensity, InputError, OneArm
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.query import Population
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import FloatArray
from dorec.refute.attack import DEFAULT_CONTEXT, at_most
from dorec.refute.overlap import propensities

LIKE, FAR = 0.1, 0.25  # standardised mean differences: alike (Austin 2009), too far apart for regression (Stuart 2010)


@runtime_checkable
class Predictions(Protocol):
    """Out-of-fold predictions of a fitted estimator."""

    @property
    def propensity(self) -> FloatArray:
        """Chance of each arm, (n, k)."""
        ...

    @property
    def outcome(self) -> FloatArray:
        """Expected outcome in each arm, (n, k)."""
        ...


@runtime_checkable
class WithNuisances(Protocol):
    """A fitted estimator that tells its nuisances, as AIPW does."""

    @property
    def nuisances(self) -> Predictions:
        """Its out-of-fold predictions."""
        ...


@dataclass(frozen=True, kw_only=True, eq=False)
class BalanceTable:
    """How far each arm is from the first in each covariate, before and after weighting.

    Example:
        >>> table = {"t": [0, 0, 1, 1] * 5, "x": [0.0, 1.0, 1.0, 2.0] * 5, "y": [0.0] * 20}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> found = balance_table(study, np.full(20, 0.5))
        >>> found.before.round(2).tolist(), found.ratio_before.tolist(), found.effective.tolist()
        ([[1.9]], [[1.0]], [10.0, 10.0])
    """

    covariates: tuple[str, ...]  # (p,)
    arms: tuple[Any, ...]  # (k,), the reference first
    before: FloatArray  # (k - 1, p) standardised mean differences to the first arm
    after: FloatArray  # (k - 1, p) the same, weighted
    ratio_before: FloatArray  # (k - 1, p) variance over the first arm's; 1 where both are 0
    ratio_after: FloatArray  # (k - 1, p)
    effective: FloatArray  # (k,) units that the weighted arms are worth (Kish 1965)
    counts: FloatArray  # (k,)
    difference: Estimate  # ((k - 1) * p,) weighted standardised differences with their errors, arm by arm

    @property
    def worst(self) -> tuple[str, float]:
        """The covariate that is farthest apart after weighting, and by how much, of all arms."""
        if not self.covariates:
            return "", 0.0
        far = np.abs(self.after).max(axis=0)
        return self.covariates[int(far.argmax())], float(far.max())

    def rows(self) -> list[dict[str, Any]]:
        """One row for each arm and covariate, worst first, as plain data."""
        found = [
            {
                "arm": str(self.arms[a + 1]),
                "covariate": name,
                "before": float(self.before[a, j]),
                "after": float(self.after[a, j]),
                "variance_ratio_before": _plain(self.ratio_before[a, j]),
                "variance_ratio_after": _plain(self.ratio_after[a, j]),
            }
            for a in range(len(self.arms) - 1)
            for j, name in enumerate(self.covariates)
        ]
        return sorted(found, key=lambda row: -abs(row["after"]))


def balance_table(
    study: Study, propensity: FloatArray | WithNuisances | None = None, *, population: Population = "all"
) -> BalanceTable:
    """Standardised mean differences, variance ratios and effective sample sizes (Austin 2009, doi:10.1002/sim.3697).

    Differences are over the root of the mean of the two arms' unweighted variances, before and after alike, so that a
    weighting can't look better by making the arms more spread out.

    Args:
        study: with arms.
        propensity: chance of the second arm (n,), of each arm (n, k), or a fitted model that has `nuisances`; the
            study's own known propensities where it is left out.
        population: towards whom the arms are weighted.

    Raises:
        InputError: no propensities, a wrong shape, or a treatment by amount.
        BadPropensity: a unit has no chance of the arm that it is in.
        OneArm: an arm without units.

    Example:
        >>> x = np.repeat([0.0, 1.0], 50)
        >>> t = np.r_[np.arange(50) % 5 == 0, np.arange(50) % 5 > 0].astype(int)
        >>> study = Study.from_table({"x": x, "t": t, "y": x}, outcome="y", treatment="t", covariates=["x"])
        >>> found = balance_table(study, np.where(x > 0, 0.8, 0.2))
        >>> found.before.round(2).tolist(), np.abs(found.after).round(2).tolist(), found.effective.round(1).tolist()
        ([[1.48]], [[0.0]], [32.0, 32.0])
    """
    study.check_arms(1)
    e = _checked(study, propensity)
    if min(study.arm_counts.values()) < 2:
        raise OneArm(f"an arm of {study.treatment_name} has fewer than 2 units", remedy="drop it, or add units to it")
    base = np.ones(study.n) if study.weight is None else study.weight
    tilt = {"all": np.ones(study.n), "treated": 1.0 - e[:, 0], "control": e[:, 0], "overlap": 1 / (1 / e).sum(axis=1)}
    weight = base * tilt[population] / e[np.arange(study.n), study.treatment]
    raw = [_moments(study, base, a) for a in range(len(study.arms))]
    weighted = [_moments(study, weight, a) for a in range(len(study.arms))]
    spread = [np.sqrt((raw[0][1] + r[1]) / 2.0) for r in raw[1:]]
    scale = [np.where(s > 1e-12 * (1.0 + np.abs(raw[0][0])), s, np.inf) for s in spread]
    after = np.array([(w[0] - weighted[0][0]) / s for w, s in zip(weighted[1:], scale, strict=True)])
    names = tuple(f"{name}, {arm}" for arm in study.arms[1:] for name in study.covariate_names)
    influence = [(w[2] - weighted[0][2]) / s for w, s in zip(weighted[1:], scale, strict=True)]
    return BalanceTable(
        covariates=study.covariate_names,
        arms=study.arms,
        before=np.array([(r[0] - raw[0][0]) / s for r, s in zip(raw[1:], scale, strict=True)]),
        after=after,
        ratio_before=np.array([_ratio(r[1], raw[0][1]) for r in raw[1:]]),
        ratio_after=np.array([_ratio(w[1], weighted[0][1]) for w in weighted[1:]]),
        effective=np.array([_worth(weight[study.treatment == a]) for a in range(len(study.arms))]),
        counts=np.bincount(study.treatment, minlength=len(study.arms)).astype(np.float64),
        difference=Estimate(
            after.ravel(),
            np.hstack(influence),
            name=names,
            method="weighted difference",
            sample=study.sample,
            cluster=study.cluster,
        ),
    )


@dataclass(frozen=True, kw_only=True)
class Balance:
    """The covariates of the weighted arms must differ only by chance.

    The propensities are the study's known ones, else those of the learner where it tells its `nuisances` (one fit),
    else of a cross-fitted logistic regression. The p-value is the smallest of all covariates, means and squares, times
    their number. Estimated propensities balance better than known ones, so it is conservative.

    Args:
        alpha: how often a correct analysis may fail, at most.
        max_units: larger studies are looked at on a random part of this size; None for all of it.

    Example:
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> Balance().refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    alpha: float = 0.05
    max_units: int | None = 5_000

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Failed where a difference above .1 is more than chance; a warning where one is above .25 in any case."""
        del estimate
        part = at_most(study, self.max_units, context)
        e = part.propensity if part.propensity is not None else _of_learner(part, learner, context)
        found = balance_table(part, e)
        p = _smallest_p(part, e)
        name, worst = found.worst
        failed = p < self.alpha and worst > LIKE
        far = worst > FAR
        return Verdict(
            check="balance",
            status="failed" if failed else "warning" if far else "passed",
            code="unbalanced" if failed or far else "",
            statistic=worst,
            p_value=p,
            meaning=f"after weighting the arms differ most in {name!r}, by {worst:.2f} standard deviations"
            + (", more than chance allows" if failed else ", which chance can explain" if far else "")
            if name
            else "there are no covariates to balance",
            remedy="Let the propensity model bend (squares, interactions, trees), or ask about the units that could "
            "have been in every arm (population='overlap')."
            if failed or far
            else "",
            evidence={
                "rows": found.rows()[:50],
                "effective_units": dict(zip(map(str, found.arms), found.effective.round(1).tolist(), strict=True)),
                "n_units": part.n,
            },
        )


def _of_learner(study: Study, learner: EffectLearner, context: RunContext) -> FloatArray:
    model: Any = learner.fit(study, context=context)
    tells = isinstance(model, WithNuisances) and isinstance(model.nuisances, Predictions)
    return np.asarray(model.nuisances.propensity) if tells else propensities(study, 5)


def _smallest_p(study: Study, e: FloatArray) -> float:
    """Over the means and, where a covariate has more than two values, the squares."""
    X = study.covariates
    fine = np.array([len(np.unique(x)) > 2 for x in X.T], dtype=bool)
    squares = (X[:, fine] - X[:, fine].mean(axis=0)) ** 2
    both = study.with_columns(
        covariates=np.hstack([X, squares]),
        covariate_names=(*study.covariate_names, *(f"square {j}" for j in range(squares.shape[1]))),
    )
    difference = balance_table(both, e).difference
    error = np.atleast_1d(difference.std_error)
    z = np.divide(np.abs(difference.value), error, out=np.zeros_like(error), where=error > 0)
    return min(1.0, float(2 * stats.norm.sf(z.max(initial=0.0))) * max(1, len(z)))


def _checked(study: Study, propensity: FloatArray | WithNuisances | None) -> FloatArray:
    given = propensity.nuisances.propensity if isinstance(propensity, WithNuisances) else propensity
    given = study.propensity if given is None else given
    if given is None:
        raise InputError("The study has no known propensities; give an array, or a fitted model that has `nuisances`.")
    e = np.asarray(given, dtype=np.float64)
    k = len(study.arms)
    if e.ndim == 1 and k == 2:
        e = np.column_stack([1.0 - e, e])
    if e.shape != (study.n, k):
        raise InputError(f"propensity has shape {np.shape(given)}; give (n, arms) = {(study.n, k)}, or (n,) for two.")
    bad = np.flatnonzero(~((e > 0).all(axis=1) & (np.abs(e.sum(axis=1) - 1.0) < 1e-3)))
    if len(bad):
        raise BadPropensity(
            f"{len(bad):,} unit(s) have propensities that are 0, or that don't sum to one, the first in row {bad[0]}",
            remedy="raise them to a floor, or drop these units",
            evidence={"rows": bad[:10].tolist()},
        )
    return e


def _moments(study: Study, weight: FloatArray, arm: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Weighted mean (p,) and variance (p,) of the covariates in an arm, and the mean's influence (n, p)."""
    w = np.where(study.treatment == arm, weight, 0.0)
    if w.sum() <= 0:
        raise OneArm(f"the arm {study.arms[arm]!r} has no weight", remedy="drop it, or add units to it")
    w = w / w.sum()
    centre = study.covariates.mean(axis=0)
    X = study.covariates - centre
    mean = w @ X
    variance = (w @ (X - mean) ** 2) / max(1.0 - float(w @ w), 1e-12)
    return mean + centre, variance, study.n * w[:, None] * (X - mean)


def _ratio(a: FloatArray, b: FloatArray) -> FloatArray:
    """Of a over b; 1 where both are 0, and infinite where b alone is."""
    return np.where(b > 0, a / np.where(b > 0, b, 1.0), np.where(a > 0, np.inf, 1.0))


def _plain(ratio: float) -> float | None:
    return float(ratio) if np.isfinite(ratio) else None


def _worth(w: FloatArray) -> float:
    return float(w.sum() ** 2 / (w**2).sum())
