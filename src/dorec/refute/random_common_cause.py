"""A covariate of pure noise must leave the estimate where it was."""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.refute.attack import DEFAULT_CONTEXT, at_most, values_of

NAME = "random common cause"


@dataclass(frozen=True, kw_only=True)
class RandomCommonCause:
    """Add a standard-normal covariate that causes nothing, and fit again: the estimate may move only within its error.

    The statistic is the largest mean move in standard errors of the estimate. A correct analysis moves by a small part
    of one, so the p-value is conservative; an unstable one (overfitted nuisances, hardly any overlap) moves more.

    Args:
        n_runs: noise covariates tried, one at a time; each costs one fit.
        alpha: how often a correct analysis may fail, at most.
        max_units: larger studies are attacked on a random part of this size; None for all of it.

    Example:
        >>> import numpy as np
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> RandomCommonCause(n_runs=1).refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    n_runs: int = 2
    alpha: float = 0.05
    max_units: int | None = 5_000

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Passed where noise changes nothing."""
        part = at_most(study, self.max_units, context)
        base = estimate if part is study else learner.fit(part, context=context).ate()
        moves = []
        for run in context.track(range(self.n_runs), NAME, self.n_runs):
            noisy = with_noise(part, context.rng(NAME, run))
            moves.append(values_of(learner.fit(noisy, context=context).ate()) - values_of(base))
        error = np.atleast_1d(base.std_error)
        moved = np.abs(np.mean(moves, axis=0))
        ratio = float(np.max(np.divide(moved, error, out=np.zeros_like(moved), where=error > 0)))
        p = min(1.0, float(2 * stats.norm.sf(ratio)) * len(error))
        failed = p < self.alpha
        return Verdict(
            check=NAME,
            status="failed" if failed else "warning" if ratio > 0.5 else "passed",
            code="unstable_to_noise" if failed or ratio > 0.5 else "",
            statistic=ratio,
            p_value=p,
            meaning=f"a covariate of pure noise moves the estimate by {ratio:.2g} standard errors",
            remedy="Average over repeated cross-fitting (n_repeats), or use simpler nuisance models."
            if failed or ratio > 0.5
            else "",
            evidence={"moves": [m.tolist() for m in moves], "n_units": part.n},
        )


def with_noise(study: Study, rng: np.random.Generator) -> Study:
    """The study with one more covariate that is standard normal and independent of everything."""
    name = NAME
    while name in study.covariate_names:
        name += "'"
    return study.with_columns(
        covariates=np.column_stack([study.covariates, rng.standard_normal(study.n)]),
        covariate_names=(*study.covariate_names, name),
        source_of={**study.source_of, name: name},
    )
