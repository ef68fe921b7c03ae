"""Whether CUPED's covariate could be from before the experiment: then its mean is the same in every arm."""

from collections.abc import Sequence
from typing import Any

from dorec.domain.errors import PostTreatmentCovariate
from dorec.domain.verdict import Verdict
from dorec.experiment.metrics import Metric, Ratio
from dorec.experiment.moments import Lift, Moments, compare

MOVED = 1e-4  # p-value below which the treatment is taken to have moved the covariate
DOUBTFUL = 0.01


def check_covariate(moments: Sequence[Moments], metric: Metric, arms: Sequence[Any]) -> Verdict | None:
    """A verdict on the means of a metric's covariate in each arm against the control, by Welch's t with Bonferroni.

    Args:
        moments: of each arm, the control first.
        metric: whose covariate is looked at; None comes back where it has none.
        arms: the labels of the arms.

    Raises:
        PostTreatmentCovariate: the covariate differs between arms beyond chance (p < 0.0001).

    Example:
        >>> import numpy as np
        >>> from dorec.experiment.metrics import Mean
        >>> rows = np.array([[2, 0.3], [1, 0.5], [5, 0.9], [3, 22]])
        >>> arms = [Moments.of(["y", "x"], rows)] * 2
        >>> check_covariate(arms, Mean("y", per="unit", covariate="x"), "AB").p_value
        1.0
    """
    if metric.before is None:
        return None
    term = metric.before
    gaps = [compare(moments[0], other, Ratio(*term)) for other in moments[1:]]
    p_values = [_p_value(gap) for gap in gaps]
    p = min(1.0, min(p_values) * len(gaps))
    worst = p_values.index(min(p_values))
    gap, arm = gaps[worst], arms[worst + 1]
    told = f"the covariate {term[0]!r} differs by {gap.value:.4g} between {arm!r} and {arms[0]!r} (p = {p:.2g})"
    evidence = {"covariate": term[0], "arm": str(arm), "difference": gap.value, "std_error": gap.std_error}
    if p < MOVED:
        raise PostTreatmentCovariate(
            f"{told}, so it was not measured before the treatment, or the assignment was not by chance",
            remedy="give a covariate from before the experiment, or leave covariate out",
            evidence={**evidence, "p_value": p},
        )
    doubtful = p < DOUBTFUL
    return Verdict(
        check="covariate from before",
        status="warning" if doubtful else "passed",
        code="covariate_moved" if doubtful else "covariate_balanced",
        statistic=gap.value,
        p_value=p,
        meaning=told + ".",
        remedy="Make sure that it was measured before the treatment." if doubtful else "",
        evidence=evidence,
    )


def _p_value(gap: Lift) -> float:
    if gap.std_error > 0:
        return gap.p_value()
    return 1.0 if gap.value == 0 else 0.0
