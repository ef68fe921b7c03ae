"""A treatment that was dealt out at random after the fact can't have had an effect."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.domain.protocols import EffectLearner
from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import IntArray
from dorec.refute.attack import (
    DEFAULT_CONTEXT,
    at_most,
    chi_square_p,
    group_codes,
    values_of,
    wald,
    without_known_propensity,
)


@dataclass(frozen=True, kw_only=True)
class PlaceboTreatment:
    """Shuffle the treatment, fit everything again, propensities included: the effect must vanish within its error.

    Given the data, shuffles are independent and each placebo effect over its standard error is standard normal, so the
    sum of their squares is a chi-square. It finds a bias and an interval that is too narrow alike. A treatment that is
    the same for all rows of a cluster is shuffled between clusters.

    Args:
        n_runs: shuffles; each costs one fit.
        alpha: how often a correct analysis may fail.
        max_units: larger studies are attacked on a random part of this size; None for all of it.

    Example:
        >>> from dorec.estimate import AIPW
        >>> rng = np.random.default_rng(1)
        >>> table = {"t": np.arange(400) % 2, "y": rng.normal(size=400)}
        >>> study = Study.from_table(table, outcome="y", treatment="t")
        >>> learner = AIPW()
        >>> PlaceboTreatment(n_runs=3).refute(study, learner, learner.fit(study).ate()).status
        'passed'
    """

    n_runs: int = 5
    alpha: float = 0.05
    max_units: int | None = 5_000

    def refute(
        self, study: Study, learner: EffectLearner, estimate: Estimate, context: RunContext = DEFAULT_CONTEXT
    ) -> Verdict:
        """Passed where the shuffled effects are as small as chance allows."""
        part = without_known_propensity(at_most(study, self.max_units, context))
        statistic, dof, effects = 0.0, 0, []
        for run in context.track(range(self.n_runs), "placebo treatment", self.n_runs):
            shuffled = part.with_columns(treatment=shuffle(part, context.rng("placebo treatment", run)))
            placebo = learner.fit(shuffled, context=context).ate()
            distance, rank = wald(values_of(placebo), placebo.covariance)
            statistic, dof = statistic + distance, dof + rank
            effects.append(values_of(placebo).tolist())
        p = chi_square_p(statistic, dof)
        failed = p < self.alpha
        return Verdict(
            check="placebo treatment",
            status="failed" if failed else "passed",
            code="placebo_effect" if failed else "",
            statistic=statistic,
            p_value=p,
            meaning="a shuffled treatment seems to have an effect, which can't be: the estimator is biased or its "
            "interval too narrow here"
            if failed
            else "a shuffled treatment has no effect, as it should",
            remedy="Use fewer or simpler nuisance models, look at overlap and at units that dominate."
            if failed
            else "",
            evidence={"effects": effects, "n_units": part.n, "n_runs": self.n_runs, "estimate": estimate.value},
        )


def shuffle(study: Study, rng: np.random.Generator) -> IntArray:
    """The treatment codes shuffled: between clusters where it is constant within them, between rows elsewhere."""
    groups = group_codes(study)
    if groups is not None:
        first = np.unique(groups, return_index=True)[1]
        by_group = study.treatment[first]
        if np.array_equal(by_group[groups], study.treatment):
            return np.asarray(rng.permutation(by_group)[groups], dtype=np.int64)
    return np.asarray(rng.permutation(study.treatment), dtype=np.int64)
