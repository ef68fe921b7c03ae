"""Random parts of the study must tell the same story as the whole."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.refute.attack import DEFAULT_CONTEXT, at_most, chi_square_p, part_of, values_of, wald

REFIT = 0.1  # share of a part's variance that its own folds and nuisances add; without it 7% of right analyses failed


@dataclass(frozen=True, kw_only=True)
class DataSubset:
    """Fit again on random parts: the estimates may differ from the whole's only as much as chance allows.

    A part of fraction f differs from the whole by a variance of (1/f - 1) times the whole's, and given the data the
    parts are independent, so the sum of squared standardised differences is a chi-square. A tenth of the part's
    variance is added for the noise of refitting the nuisances.

    Args:
        fraction: size of a part; one half keeps chance well above the noise of refitting.
        n_runs: parts; each costs one fit.
        alpha: how often a correct analysis may fail.
        max_units: larger studies are attacked on a random part of this size; None for all of it.

    Example:
        >>> import numpy as np
        >>> from dorec.estimate import AIPW
        >>> table = {"t": np.arange(400) % 2, "x": np.cos(np.arange(400.0)), "y": np.sin(np.arange(400.0) ** 2)}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        >>> learner = AIPW(n_folds=2)
        >>> DataSubset(n_runs=2).refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    fraction: float = 0.5
    n_runs: int = 3
    alpha: float = 0.05
    max_units: int | None = 10_000

    def __post_init__(self) -> None:
        if not 0 < self.fraction < 1:
            raise InputError(f"fraction is {self.fraction}; give a number between 0 and 1, as in 0.5.")

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Passed where the parts agree with the whole."""
        whole = at_most(study, self.max_units, context)
        base = estimate if whole is study else learner.fit(whole, context=context).ate()
        statistic, dof, effects = 0.0, 0, []
        for run in context.track(range(self.n_runs), "data subset", self.n_runs):
            part = part_of(whole, self.fraction, context.rng("data subset", run))
            found = learner.fit(part, context=context).ate()
            # the part's own error stands in where it says that it is the less sure of the two
            chance = (1 - self.fraction + REFIT) * np.maximum(
                np.diag(np.atleast_2d(found.covariance)), np.diag(np.atleast_2d(base.covariance)) / self.fraction
            )
            scale = np.sqrt(chance / np.diag(np.atleast_2d(found.covariance)))
            distance, rank = wald((values_of(found) - values_of(base)) / scale, found.covariance)
            statistic, dof = statistic + distance, dof + rank
            effects.append(values_of(found).tolist())
        p = chi_square_p(statistic, dof)
        failed = p < self.alpha
        return Verdict(
            check="data subset",
            status="failed" if failed else "passed",
            code="unstable_in_parts" if failed else "",
            statistic=statistic,
            p_value=p,
            meaning=f"estimates on random {self.fraction:.0%} parts "
            + ("differ from the whole's by more than chance" if failed else "agree with the whole's"),
            remedy="Look for a few units that carry the result, and for repeated units." if failed else "",
            evidence={"effects": effects, "whole": values_of(base).tolist(), "n_units": whole.n},
        )
