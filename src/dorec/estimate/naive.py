"""The difference that everyone looks at first, to be shown beside the adjusted effect."""

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.domain.study import Study
from dorec.estimate.checks import check_outcome_and_arms
from dorec.estimate.cross_fitting import units_of
from dorec.numeric.arrays import FloatArray, IntArray


def naive_difference(study: Study) -> Estimate:
    """Difference in mean outcome of each arm with the first, unadjusted: scalar for two arms, (k - 1,) for more.

    Intervals are Welch's: with his degrees of freedom, the fewest of the contrasts where there are several arms; with
    clusters, their number less one. A causal effect only where the treatment was randomised with the same
    probability for everyone.

    Example:
        >>> study = Study.from_table({"t": [0, 0, 1, 1], "y": [1.0, 2.0, 4.0, 6.0]}, outcome="y", treatment="t")
        >>> difference = naive_difference(study)
        >>> difference.value, round(difference.std_error, 2)
        (3.5, 1.12)
    """
    check_outcome_and_arms(study)
    weight = np.ones(study.n) if study.weight is None else study.weight
    taken = np.eye(len(study.arms))[study.treatment] * weight[:, None]
    total = taken.sum(axis=0)
    means = taken.T @ study.outcome / total
    count = np.bincount(study.treatment)
    # each arm keeps its own n / (n - 1), so that the variance is Welch's
    exact = np.sqrt(count / (count - 1) * (study.n - 1) / study.n)
    influence = study.n * taken / total * (study.outcome[:, None] - means) * exact
    units = units_of(study)
    names = tuple(f"{arm} - {study.arms[0]}" for arm in study.arms[1:])
    vector = Estimate(
        means[1:] - means[0],
        influence[:, 1:] - influence[:, :1],
        name=names,
        method="difference in means",
        sample=study.sample,
        cluster=units.cluster,
        dof=_welch_dof(influence, count) if units.groups is None else (float(units.groups.max()) or None),
    )
    return vector if len(names) > 1 else vector[0]


def _welch_dof(influence: FloatArray, count: IntArray) -> float | None:
    """Welch and Satterthwaite's degrees of freedom of contrasts with the first arm, the fewest; None if constant."""
    variance = (influence**2).sum(axis=0)
    both = variance[0] + variance[1:]
    spread = variance[0] ** 2 / (count[0] - 1) + variance[1:] ** 2 / (count[1:] - 1)
    varies = both > 0
    return float((both[varies] ** 2 / spread[varies]).min()) if varies.any() else None
