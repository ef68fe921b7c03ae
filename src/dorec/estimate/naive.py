"""The difference that everyone looks at first, to be shown beside the adjusted effect."""

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.domain.study import Study
from dorec.estimate.checks import check_outcome_and_arms
from dorec.estimate.cross_fitting import units_of


def naive_difference(study: Study) -> Estimate:
    """Difference in mean outcome of each arm with the first, unadjusted: scalar for two arms, (k - 1,) for more.

    A causal effect only where the treatment was randomised with the same probability for everyone.

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
    names = tuple(f"{arm} - {study.arms[0]}" for arm in study.arms[1:])
    vector = Estimate(
        means[1:] - means[0],
        influence[:, 1:] - influence[:, :1],
        name=names,
        method="difference in means",
        sample=study.sample,
        cluster=units_of(study).cluster,
    )
    return vector if len(names) > 1 else vector[0]
