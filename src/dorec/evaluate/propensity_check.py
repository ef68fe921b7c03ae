"""Whether logged propensities can be those by which the log acted, action by action and by halves of each context."""

from dataclasses import dataclass

import numpy as np
from scipy import special

from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.verdict import Status, Verdict
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray
from dorec.numeric.multiplicity import holm

ENOUGH = 30  # rows of an action below which nothing is said about it


def check_propensities(feedback: LoggedFeedback, *, all_possible: bool = False) -> Verdict:
    """A verdict on the logged propensities that names the actions whose propensities are wrong.

    An action that is taken with probability p counts 1 / p when taken, and so 1 a row on average: over all rows, and
    over the rows in which a column of the context is above its mean, or below. More than that refutes propensities as
    too small; less refutes them as too large, but only if the action could have been taken in every row. p-values are
    adjusted by Holm. Propensities that were averaged over contexts, or belong to another action, show here where the
    mean weight of a policy near the logged one may hide them; that of labels swapped together with their propensities
    no log can show.

    Args:
        feedback: the log.
        all_possible: whether every action could have been taken in every row.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> a = (rng.random(3000) < 0.4).astype(int)
        >>> log = LoggedFeedback(action=a, reward=1.0 * a, propensity=np.where(a == 1, 0.3, 0.7), n_actions=2)
        >>> told = check_propensities(log)
        >>> told.status, told.evidence["actions"], round(told.statistic, 1)
        ('failed', [1], 1.4)
    """
    cells = [_cells(feedback, np.ones(feedback.n, dtype=bool), "")]
    for j, values in enumerate(feedback.context.T):
        above = values > values.mean()
        if above.all() or not above.any():  # a constant column has one half
            continue
        cells += [_cells(feedback, above, f" where column {j} of the context is above its mean")]
        cells += [_cells(feedback, ~above, f" where column {j} of the context is not above its mean")]
    found = [(one, k) for one in cells for k in np.flatnonzero(one.rows >= ENOUGH).tolist()]
    if not found:
        return Verdict(
            check="propensities",
            status="warning",
            code="action_propensities",
            meaning=f"No action was taken {ENOUGH} times, so that nothing can be said about its propensities.",
        )
    z = np.array([one.z[k] for one, k in found])
    p = holm(2 * special.ndtr(-np.abs(z)) if all_possible else special.ndtr(-z))
    one, k = found[int(p.argmin())]
    status: Status = "failed" if p.min() < 0.001 else "warning" if p.min() < 0.01 else "passed"
    wrong = sorted({k for (_, k), chance in zip(found, p.tolist(), strict=True) if chance < 0.01})
    labels = feedback.action_labels
    named = [labels[k] if labels else k for k in wrong]
    ratio = float(one.ratio[k])
    told = (
        f"Action {labels[k] if labels else k} was taken {ratio:.2f} times as often as its propensities say{one.where}"
    )
    fine = "No action was taken more often than its propensities say, beyond chance."
    return Verdict(
        check="propensities",
        status=status,
        code="action_propensities",
        statistic=ratio,
        p_value=float(p.min()),
        meaning=fine if status == "passed" else f"{told} (z = {z[int(p.argmin())]:.1f}).",
        remedy="" if status == "passed" else "Repair the propensities of these actions, or estimate them from the log.",
        evidence={"actions": named, "where": one.where.strip(), "ratio": ratio, "tests": len(p)},
    )


@dataclass(frozen=True)
class _Cells:
    """Each action in some of the rows: how often it was taken against what propensities say, and how sure that is."""

    where: str
    rows: AnyArray  # (n_actions,)
    ratio: FloatArray  # (n_actions,)
    z: FloatArray  # (n_actions,)


def _cells(feedback: LoggedFeedback, part: BoolArray, where: str) -> _Cells:
    action, inverse, k = feedback.action[part], 1.0 / feedback.propensity[part], feedback.n_actions
    n = max(len(action), 1)
    s = [np.bincount(action, inverse**power, k) for power in range(4)]
    # sums of the first three powers of 1 / p - 1 where taken, -1 elsewhere
    first, second, third = s[1] - n, s[2] - 2 * s[1] + n, s[3] - 3 * s[2] + 3 * s[1] - n
    mean = first / n
    squares = np.maximum(second - n * mean**2, 1e-12 * n)  # no spread is no doubt: z is then huge, or 0
    cubes = third - 3 * mean * second + 2 * n * mean**3
    plain = first / np.sqrt(squares)
    # Johnson's correction for skewness (1978) inflates a z far above 0, so that the smaller of both counts
    skewness = np.where(squares > 1e-9 * n, cubes / squares**1.5, 0.0)
    corrected = plain + skewness * (1 + 2 * plain**2) / 6
    z = np.where(np.abs(corrected) < np.abs(plain), corrected, plain)
    return _Cells(where, s[0], s[1] / n, z)
