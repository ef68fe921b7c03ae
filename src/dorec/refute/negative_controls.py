"""Effects that are known to be none: an outcome, an exposure, or a simulated outcome on which nothing may be found.

Lipsitch, Tchetgen Tchetgen, Cohen 2010 (doi:10.1097/EDE.0b013e3181d61eeb): what confounds the effect of interest would
also confound a control that no effect can reach, so an "effect" on it is the trace of what was left out.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from dorec.domain.errors import ArmTooSmall, ColumnNotFound, ConstantColumn, InputError, NotFinite
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.refute.attack import DEFAULT_CONTEXT, at_most, chi_square_p, group_codes, values_of, wald

MAX_LEVELS = 20
MIN_PER_LEVEL = 25


@dataclass(frozen=True, kw_only=True, eq=False)
class NegativeControlOutcome:
    """The treatment must have no effect on an outcome that it can't reach: last year's spending, a draw of the lottery.

    Args:
        column: name of a covariate of the study, which is then no longer adjusted for; or, with `values`, any name.
        values: (n,) numbers for the study's units, where the control is not among its covariates.
        alpha: how often a correct analysis may fail.

    Raises:
        ColumnNotFound, InputError, NotFinite, ConstantColumn: from `refute`, for a control that can't be used.

    Example:
        >>> from dorec.estimate import AIPW
        >>> rng = np.random.default_rng(0)
        >>> table = {"t": np.arange(400) % 2, "last_year": rng.normal(size=400), "y": rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["last_year"])
        >>> learner = AIPW(n_folds=2)
        >>> NegativeControlOutcome(column="last_year").refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    column: str
    values: AnyArray | None = None
    alpha: float = 0.05

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Failed where the treatment seems to move what it can't move."""
        del estimate
        control, rest = _taken_out(study, self.column, self.values)
        if np.ptp(control) == 0:
            raise ConstantColumn(
                f"the control outcome {self.column!r} is the same for every unit", remedy="name one that varies"
            )
        changed = rest.with_columns(outcome=control, outcome_name=self.column)
        found = learner.fit(changed, context=context).ate()
        return _no_effect_verdict(
            "negative control outcome", found, self.alpha, f"{study.treatment_name} on {self.column!r}"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class NegativeControlExposure:
    """An exposure that can't cause the outcome must show no effect on it: next month's email on this month's sales.

    The study's own treatment is adjusted for, as it may share causes with the control.

    Args:
        column: name of a covariate of the study, which then takes the treatment's place; or, with `values`, any name.
        values: (n,) levels for the study's units, where the control is not among its covariates. A control of more
            than 20 levels is cut at its median.
        alpha: how often a correct analysis may fail.

    Raises:
        ColumnNotFound, InputError, NotFinite, ConstantColumn, ArmTooSmall: from `refute`, for a control that can't be
            used.

    Example:
        >>> from dorec.estimate import AIPW
        >>> rng = np.random.default_rng(0)
        >>> table = {"t": np.arange(400) % 2, "x": rng.normal(size=400), "y": rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> later, learner = rng.integers(0, 2, size=400), AIPW(n_folds=2)
        >>> attack = NegativeControlExposure(column="later email", values=later)
        >>> attack.refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    column: str
    values: AnyArray | None = None
    alpha: float = 0.05

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Failed where an exposure that can't have an effect seems to have one."""
        del estimate
        control, rest = _taken_out(study, self.column, self.values)
        levels, codes = np.unique(control, return_inverse=True)
        if len(levels) > MAX_LEVELS:
            codes, levels = (control > np.median(control)).astype(np.int64), np.array([0.0, 1.0])
        if len(levels) < 2 or len(np.unique(codes)) < 2:
            raise ConstantColumn(
                f"the control exposure {self.column!r} is the same for every unit", remedy="name one that varies"
            )
        if (smallest := int(np.bincount(codes).min())) < MIN_PER_LEVEL:
            raise ArmTooSmall(
                f"a level of the control exposure {self.column!r} has {smallest} units",
                remedy=f"merge levels until each has {MIN_PER_LEVEL}",
                evidence={"smallest": smallest, "needed": MIN_PER_LEVEL},
            )
        own = np.eye(len(study.arms))[study.treatment][:, 1:]
        labels = tuple(f"{study.treatment_name}={arm}" for arm in study.arms[1:])
        changed = rest.with_columns(
            treatment=np.asarray(codes, dtype=np.int64),
            arms=tuple(levels.tolist()),
            treatment_name=self.column,
            covariates=np.column_stack([rest.covariates, own]),
            covariate_names=(*rest.covariate_names, *labels),
            source_of={**rest.source_of, **dict.fromkeys(labels, study.treatment_name)},
            propensity=None,
        )
        found = learner.fit(changed, context=context).ate()
        said = f"{self.column!r} on {study.outcome_name}"
        return _no_effect_verdict("negative control exposure", found, self.alpha, said)


@dataclass(frozen=True, kw_only=True)
class DummyOutcome:
    """A simulated outcome whose effect is known: what covariates tell of the outcome, other units' noise, and `effect`.

    The treatment, its confounding and the overlap stay as they are, so it finds a bias and a narrow interval where the
    placebo treatment, which breaks the confounding, can't. The runs share the treatment, so the smallest of their
    p-values counts, times their number (Bonferroni): false alarms are at most `alpha`.

    Args:
        effect: of every arm against the first, in standard deviations of the outcome.
        n_runs: simulated outcomes; each costs one fit.
        alpha: how often a correct analysis may fail, at most.
        max_units: larger studies are attacked on a random part of this size; None for all of it.

    Example:
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> DummyOutcome(n_runs=2).refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    effect: float = 0.0
    n_runs: int = 3
    alpha: float = 0.05
    max_units: int | None = 5_000

    def __post_init__(self) -> None:
        if self.n_runs < 1 or not np.isfinite(self.effect):
            raise InputError(f"n_runs is {self.n_runs}, effect {self.effect}; give 1 run or more, and a finite effect.")

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Failed where the known effect is missed by more than chance."""
        del estimate
        part = at_most(study, self.max_units, context)
        part.check_arms(2)
        truth = self.effect * float(part.outcome.std())
        expected, noise = _expected_outcome(part)
        p, effects = [], []
        for run in context.track(range(self.n_runs), "dummy outcome", self.n_runs):
            order = _between_groups(part, context.rng("dummy outcome", run))
            outcome = expected + noise[order] + truth * (part.treatment > 0)
            found = learner.fit(part.with_columns(outcome=outcome), context=context).ate()
            effects.append(values_of(found).tolist())
            p.append(chi_square_p(*wald(values_of(found) - truth, found.covariance)))
        smallest = min(1.0, min(p) * self.n_runs)
        failed = smallest < self.alpha
        return Verdict(
            check="dummy outcome",
            status="failed" if failed else "passed",
            code="dummy_effect_missed" if failed else "",
            statistic=smallest / self.n_runs if failed else min(p),
            p_value=smallest,
            meaning=f"on a simulated outcome whose effect is {truth:.3g}, "
            + ("the estimate misses it by more than its interval allows" if failed else "the estimate finds it"),
            remedy="Adjust for all covariates, with models that can bend; look at overlap." if failed else "",
            evidence={"effects": effects, "truth": truth, "n_units": part.n},
        )


def _taken_out(study: Study, column: str, values: AnyArray | None) -> tuple[FloatArray, Study]:
    """The control, and the study without the covariate that it was."""
    study.check_arms(1)
    if values is not None:
        control = np.asarray(values)
        if control.shape != (study.n,) or (not np.issubdtype(control.dtype, np.number) and control.dtype != bool):
            raise InputError(f"values have shape {control.shape} and type {control.dtype}; give {study.n} numbers.")
        control, keep = control.astype(np.float64), list(range(len(study.covariate_names)))
    elif column in study.covariate_names:
        at = study.covariate_names.index(column)
        control, keep = study.covariates[:, at], [j for j in range(len(study.covariate_names)) if j != at]
    else:
        raise ColumnNotFound(column, study.covariate_names, where="the covariates of the study")
    bad = np.flatnonzero(~np.isfinite(control))
    if len(bad):
        raise NotFinite(
            f"the control {column!r} has {len(bad):,} missing or infinite value(s), the first in row {bad[0]}",
            remedy="repair or drop these rows",
        )
    names = tuple(study.covariate_names[j] for j in keep)
    return control, study.with_columns(covariates=study.covariates[:, keep], covariate_names=names)


def _no_effect_verdict(check: str, found: Estimate, alpha: float, what: str) -> Verdict:
    distance, dof = wald(values_of(found), found.covariance)
    p = chi_square_p(distance, dof)
    failed = p < alpha
    return Verdict(
        check=check,
        status="failed" if failed else "passed",
        code="control_effect" if failed else "",
        statistic=distance,
        p_value=p,
        meaning=f"{what} seems to have an effect, which can't be: something confounds both, or a common cause was "
        "left out"
        if failed
        else f"{what} shows no effect, as it should",
        remedy="Find what the control and the outcome share, and adjust for it." if failed else "",
        evidence={"effect": values_of(found).tolist(), "std_error": np.atleast_1d(found.std_error).tolist()},
    )


def _expected_outcome(study: Study) -> tuple[FloatArray, FloatArray]:
    """What a ridge regression on covariates and their squares expects, (n,), and what it leaves, (n,)."""
    y, X = study.outcome, study.covariates
    if X.shape[1] == 0:
        return np.full(study.n, y.mean()), y - y.mean()
    both = np.hstack([X, (X - X.mean(axis=0)) ** 2])
    arms = np.eye(len(study.arms))[study.treatment][:, 1:]
    model = make_pipeline(StandardScaler(), RidgeCV(np.logspace(-2, 4, 7))).fit(np.hstack([both, arms]), y)
    expected = model.predict(np.hstack([both, np.tile(arms.mean(axis=0), (study.n, 1))]))
    return expected, y - model.predict(np.hstack([both, arms]))


def _between_groups(study: Study, rng: np.random.Generator) -> AnyArray:
    """An order in which each row takes another's noise: of any row, or, in clusters, of a row of one other cluster."""
    groups = group_codes(study)
    if groups is None:
        return rng.permutation(study.n)
    members = [np.flatnonzero(groups == g) for g in range(int(groups.max()) + 1)]
    order = np.empty(study.n, dtype=np.int64)
    for own, other in zip(members, rng.permutation(len(members)), strict=True):
        order[own] = rng.permutation(np.resize(members[other], len(own)))
    return order
