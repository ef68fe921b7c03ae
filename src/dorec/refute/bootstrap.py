"""Studies drawn again from the study must spread as its interval says."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray
from dorec.refute.attack import DEFAULT_CONTEXT, at_most, chi_square_p, group_codes, values_of, wald

REFIT = 0.15  # share of the variance that nuisances learned from fewer different units add


@dataclass(frozen=True, kw_only=True)
class BootstrapRefuter:
    """Fit again on units drawn with replacement: the estimates must spread around the first as its error says.

    Given the data, the draws are independent and each differs from the estimate by about its own standard error, so the
    sum of squared standardised differences is a chi-square (Efron 1979, doi:10.1214/aos/1176344552). Copies of a unit
    stay in one fold, as rows of one unit; clusters are drawn whole.

    Args:
        n_runs: draws; each costs one fit.
        alpha: how often a correct analysis may fail.
        max_units: larger studies are attacked on a random part of this size; None for all of it.

    Example:
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> BootstrapRefuter(n_runs=5).refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    n_runs: int = 10
    alpha: float = 0.05
    max_units: int | None = 5_000

    def __post_init__(self) -> None:
        if self.n_runs < 2:
            raise InputError(f"n_runs is {self.n_runs}; give 2 or more, better 10.")

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Failed where the draws spread more than the interval says."""
        whole = at_most(study, self.max_units, context)
        base = estimate if whole is study else learner.fit(whole, context=context).ate()
        statistic, dof, effects = 0.0, 0, []
        for run in context.track(range(self.n_runs), "bootstrap", self.n_runs):
            drawn = resampled(whole, context.rng("bootstrap", run))
            found = values_of(learner.fit(drawn, context=context).ate())
            distance, rank = wald(found - values_of(base), np.atleast_2d(base.covariance) * (1.0 + REFIT))
            statistic, dof = statistic + distance, dof + rank
            effects.append(found.tolist())
        p = chi_square_p(statistic, dof)
        failed = p < self.alpha
        spread = np.std(effects, axis=0, ddof=1)
        return Verdict(
            check="bootstrap",
            status="failed" if failed else "passed",
            code="unstable_in_draws" if failed else "",
            statistic=statistic,
            p_value=p,
            meaning="estimates on units drawn again spread "
            + ("more than the interval says" if failed else "as the interval says"),
            remedy="Look for few units that carry the result and for clusters that were not named; use the spread of "
            "the draws as the standard error."
            if failed
            else "",
            evidence={
                "effects": effects,
                "spread": spread.tolist(),
                "std_error": np.atleast_1d(base.std_error).tolist(),
                "n_units": whole.n,
            },
        )


def resampled(study: Study, rng: np.random.Generator) -> Study:
    """As many units (or clusters) as the study has, drawn with replacement; copies of a unit share its id."""
    groups = group_codes(study)
    if groups is None:
        rows = np.sort(rng.integers(0, study.n, size=study.n))
        return study.take(rows).with_columns(unit=rows, cluster=None)
    members = _members(groups)
    drawn = np.sort(rng.integers(0, len(members), size=len(members)))
    rows = np.concatenate([members[g] for g in drawn])
    # a cluster that was drawn twice keeps one name: its copies must not be in different folds
    return study.take(rows).with_columns(unit=groups[rows], cluster=None)


def _members(groups: AnyArray) -> list[AnyArray]:
    order = np.argsort(groups, kind="stable")
    return np.split(order, np.cumsum(np.bincount(groups))[:-1])
