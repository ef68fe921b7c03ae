"""Group-time effects of a panel: doubly robust differences in differences, and how they are averaged."""

from typing import NamedTuple

import numpy as np

from dorec.domain.errors import NoOverlap, TooFewUnits
from dorec.estimate.average_effect import standardised_design
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.logistic import logistic

FEW = 2  # units beyond the columns of the design that each side of a comparison must have
SURE = 0.999  # a unit for comparison whose chance of treatment is above it has no counterpart


class Cell(NamedTuple):
    """The effect on one group at one time, and the influence of each unit of the panel on it."""

    group: int  # position of the first treated time
    time: int  # position of the time
    value: float
    influence: FloatArray  # (n,)
    n_comparison: int


def doubly_robust_did(change: FloatArray, treated: BoolArray, X: FloatArray) -> tuple[float, FloatArray]:
    """The effect on the treated of a change between two times, and the influence of each unit, (n,).

    Right where the trend of the comparison units given X is linear, or where the log odds of treatment are
    (Sant'Anna, Zhao 2020, doi:10.1016/j.jeconom.2020.06.003). Both sides count with n / (n - columns), so that small
    groups keep an honest error.

    Args:
        change: outcome less its value at the base time (n,).
        treated: (n,), the others are the comparison.
        X: covariates (n, p), none of them constant.

    Example:
        >>> value, influence = doubly_robust_did(np.array([3.0, 5.0, 4.0, 1.0, 2.0, 0.0]),
        ...                                      np.array([True] * 3 + [False] * 3), np.empty((6, 0)))
        >>> value, round(float(np.sqrt((influence**2).sum()) / 6), 3)  # sqrt(1 / 3 + 1 / 3)
        (3.0, 0.816)
    """
    n = len(change)
    Z = standardised_design(X)
    _refuse_small(treated, Z.shape[1])
    D = treated.astype(np.float64)
    C = 1.0 - D
    gram = np.linalg.pinv(Z.T @ (Z * C[:, None]) / n)
    beta = gram @ (Z.T @ (C * change)) / n
    residual = change - Z @ beta
    chance, slopes = _chances(Z, treated)
    odds = C * chance / np.where(treated, 1.0, 1.0 - chance)
    p, q = D.mean(), odds.mean()
    treated_mean, comparison_mean = (D * residual).mean() / p, (odds * residual).mean() / q
    # influence of the two means with the models as given
    first = D * (residual - treated_mean) / p
    second = odds * (residual - comparison_mean) / q
    # and what estimating the trend and the chances adds
    moved = (Z * (D / p - odds / q)[:, None]).mean(axis=0)
    trend = (Z * (C * residual)[:, None]) @ gram @ moved
    tilted = (Z * (odds * (residual - comparison_mean) / q)[:, None]).mean(axis=0)
    influence = first - second - trend - slopes @ tilted
    return float(treated_mean - comparison_mean), influence * _small_sample(treated, Z.shape[1])


def _small_sample(treated: BoolArray, columns: int) -> FloatArray:
    """Residuals are smaller than errors: n / (n - 1) of the treated, n / (n - columns) of the comparison."""
    n1, n0 = int(treated.sum()), int((~treated).sum())
    return np.asarray(np.where(treated, np.sqrt(n1 / (n1 - 1)), np.sqrt(n0 / (n0 - columns))), dtype=np.float64)


def _refuse_small(treated: BoolArray, columns: int) -> None:
    n1, n0 = int(treated.sum()), int((~treated).sum())
    if n1 < FEW or n0 < columns - 1 + FEW:
        raise TooFewUnits(
            f"{n1} treated and {n0} comparison unit(s) for {columns} columns of the trend",
            remedy="merge small groups, leave out covariates, or use SyntheticControl for a single treated unit",
            evidence={"treated": n1, "comparison": n0, "columns": columns},
        )


def _chances(Z: FloatArray, treated: BoolArray) -> tuple[FloatArray, FloatArray]:
    """P(treated | Z) (n,), and the influence of each unit on its coefficients (n, q)."""
    if Z.shape[1] == 1:  # no covariate: a constant, whose influence on odds cancels in the weighted mean
        return np.full(len(Z), treated.mean()), np.zeros((len(Z), 1))
    fitted = logistic(Z, treated.astype(np.int64), np.ones(len(Z)), 2)
    chance = fitted.probability[:, 1]
    sure = float((chance[~treated] > SURE).mean())
    if not fitted.converged or sure > 0.01:
        raise NoOverlap(
            f"the covariates tell the treated from the comparison units ({sure:.0%} of the comparison units would be "
            f"treated with a probability above {SURE})",
            remedy="leave out covariates that only predict when a unit is treated, or compare other groups",
            evidence={"share_sure": sure, "converged": fitted.converged},
        )
    return np.minimum(chance, SURE), fitted.influence


def average_cells(
    cells: list[Cell], starts: IntArray, within: list[list[int]], weights: list[list[float]]
) -> tuple[FloatArray, FloatArray]:
    """Averages of cells, each cell counting as large as its group is: values (k,) and influences (n, k).

    Args:
        cells: the effects.
        starts: group of each unit (n,).
        within: for each average, which cells.
        weights: for each average, what a cell counts beside the size of its group.
    """
    values, influences = [], []
    for members, factors in zip(within, weights, strict=True):
        member = np.stack([starts == cells[k].group for k in members], axis=1) * np.asarray(factors)
        share = member.mean(axis=0)
        total = share.sum()
        effect = np.array([cells[k].value for k in members])
        value = float(share @ effect / total)
        psi = np.stack([cells[k].influence for k in members], axis=1) @ (share / total)
        # the sizes of the groups are estimated too
        psi = psi + (member - share) @ (effect - value) / total
        values.append(value)
        influences.append(psi)
    return np.array(values), np.stack(influences, axis=1)
