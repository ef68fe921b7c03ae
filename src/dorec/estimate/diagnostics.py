"""What a fit says about itself: overlap of the arms, units that dominate the result, units that occur twice."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.study import Study
from dorec.domain.verdict import Verdict
from dorec.estimate.checks import effective_sizes
from dorec.estimate.cross_fitting import Units
from dorec.numeric.arrays import FloatArray, IntArray

QUANTILES = (0.0, 0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Overlap:
    """How comparable the arms are: for each arm, the propensity of being in it, and what its units are worth.

    Example:
        >>> even = overlap_of(np.full((4, 2), 0.5), np.array([0, 0, 1, 1]), ("no", "yes"), np.array([0.01, 0.01]))
        >>> even.effective.tolist(), even.share_outside
        ([2.0, 2.0], 0.0)
    """

    arms: tuple[Any, ...]  # (k,)
    counts: IntArray  # (k,)
    effective: FloatArray  # (k,) effective number of units under inverse-propensity weights
    quantiles: FloatArray  # (k, k, 9): [a, b] P(arm b) among the units of arm a, at `QUANTILES`
    share_outside: float  # of units with an arm at or below the floor
    verdict: Verdict


def overlap_of(e: FloatArray, arm: IntArray, arms: tuple[Any, ...], floor: FloatArray) -> Overlap:
    """Overlap diagnostics of propensities e (n, k)."""
    k = e.shape[1]
    counts = np.bincount(arm, minlength=k)
    effective = effective_sizes(e, arm)
    quantiles = np.stack([np.quantile(e[arm == a], QUANTILES, axis=0).T for a in range(k)])
    outside = float((e <= floor * 1.001).any(axis=1).mean())
    worth = float((effective / counts).min())
    poor = outside > 0.02 or worth < 0.3
    verdict = Verdict(
        check="overlap",
        status="warning" if poor else "passed",
        code="poor_overlap" if poor else "",
        statistic=worth,
        meaning=f"{outside:.1%} of the units have an arm that is all but impossible for them; the smallest arm after "
        f"weighting is worth {worth:.0%} of its units.",
        remedy="Ask about the units that could have been in every arm (population='overlap')." if poor else "",
        evidence={
            "share_outside": outside,
            "effective_units": dict(zip(map(str, arms), effective.round(1).tolist(), strict=True)),
            "units": dict(zip(map(str, arms), counts.tolist(), strict=True)),
        },
    )
    return Overlap(
        arms=arms, counts=counts, effective=effective, quantiles=quantiles, share_outside=outside, verdict=verdict
    )


def influence_verdict(influence: FloatArray, groups: IntArray | None) -> Verdict | None:
    """A warning where one unit (or cluster) holds so much of the variance (n, m) that the interval can't be trusted."""
    if groups is not None:
        influence = np.stack([np.bincount(groups, weights=column) for column in influence.T], axis=1)
    squares = influence**2
    total = squares.sum(axis=0)
    if not (total > 0).all():
        return None
    shares = squares / total
    row = int(shares.max(axis=1).argmax())
    share = float(shares.max())
    if share <= 0.25 + 10.0 / len(squares):
        return None
    what = "unit" if groups is None else "cluster"
    return Verdict(
        check="influence",
        status="warning",
        code="influence_dominated",
        statistic=share,
        meaning=f"One {what} (number {row}) holds {share:.0%} of the variance: the estimate is that {what}'s more than "
        "the study's.",
        remedy="Look at it; read the winsorised estimate beside this one.",
        evidence={"share": share, "row": row},
    )


def tame(y: FloatArray, share: float = 0.001) -> FloatArray:
    """Winsorised outcome: the `share` of values farthest from the median (one at least) pulled in to the next one.

    >>> tame(np.array([1.0, 2.0, 3.0, 1e12])).tolist()
    [1.0, 2.0, 3.0, 4.0]
    """
    middle = float(np.median(y))
    away = np.abs(y - middle)
    cut = max(1, math.ceil(share * len(y)))
    bound = float(np.sort(away)[-cut - 1])
    return np.clip(y, middle - bound, middle + bound)


def repeated_verdicts(study: Study, units: Units) -> list[Verdict]:
    """Warnings about units that occur more than once, by id or by content."""
    if units.repeated:
        return [
            Verdict(
                check="units",
                status="warning",
                code="repeated_units",
                statistic=float(units.repeated),
                meaning=f"{units.repeated:,} rows share their unit id with another row; rows of one unit were kept "
                "together in the folds and in the standard error.",
                remedy="Aggregate to one row per unit if the rows are copies.",
                evidence={"rows": units.repeated},
            )
        ]
    copies = 0 if study.unit is not None or study.cluster is not None else _copied_rows(study)
    if not copies:
        return []
    return [
        Verdict(
            check="units",
            status="warning",
            code="duplicated_rows",
            statistic=float(copies),
            meaning=f"{copies:,} of {study.n:,} rows are exact copies of another row; if they are the same units, the "
            "interval is too narrow.",
            remedy="Drop the copies, or name the unit column so that its rows are kept together.",
            evidence={"rows": copies},
        )
    ]


def _copied_rows(study: Study) -> int:
    """Rows that equal another one, counted only where a column is fine enough that chance can't make copies."""
    table = np.column_stack([study.covariates, study.outcome, study.treatment])
    if max(len(np.unique(column)) for column in table.T) < 0.1 * study.n:
        return 0
    count = np.unique(np.ascontiguousarray(table), axis=0, return_counts=True)[1]
    copied = int(count[count > 1].sum())
    return copied if copied > 0.05 * study.n else 0
