"""Whether arms have the sizes that were planned: the first thing to look at in an experiment."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import special

from dorec.domain.errors import InputError
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import FloatArray

FEW = 10  # planned units of an arm below which the chi-square distribution is too rough so far out in its tail
MISMATCH = 0.001  # p-value below which the randomisation is taken to be broken


def check_sample_ratio(
    counts: Mapping[Any, int] | Sequence[int], expected: Mapping[Any, float] | Sequence[float] | None = None
) -> Verdict:
    """A verdict on a sample ratio mismatch, by the chi-square test (Fabijan et al. 2019, doi:10.1145/3292500.3330722).

    Where fewer than 10 units were planned for an arm, the p-value is exact: a binomial test of two arms, or of each of
    several arms against all others, times their number (Bonferroni).

    Args:
        counts: units in each arm.
        expected: planned shares or weights, in any scale; equal by default.

    Example:
        >>> verdict = check_sample_ratio({"A": 51_000, "B": 49_000})
        >>> verdict.status, verdict.p_value < 1e-9
        ('failed', True)
        >>> check_sample_ratio([4960, 5040]).status
        'passed'
    """
    labels = list(counts) if isinstance(counts, Mapping) else list(range(len(counts)))
    seen = np.array(list(counts.values() if isinstance(counts, Mapping) else counts), dtype=np.float64)
    share = _shares(labels, expected)
    if len(seen) < 2 or (seen < 0).any() or seen.sum() < 1:
        raise InputError(
            f"counts are {dict(zip(labels, seen.tolist(), strict=True))}; give two arms or more with units."
        )
    planned = share * seen.sum()
    statistic = float(((seen - planned) ** 2 / planned).sum())
    p = _exact(seen, share) if planned.min() < FEW else float(special.chdtrc(len(seen) - 1, statistic))
    told = ", ".join(
        f"{label}: {int(n):,} of {m:,.0f}" for label, n, m in zip(labels, seen.tolist(), planned.tolist(), strict=True)
    )
    failed = p < MISMATCH
    return Verdict(
        check="sample ratio",
        status="failed" if failed else "passed",
        code="sample_ratio_mismatch" if failed else "sample_ratio",
        statistic=statistic,
        p_value=p,
        meaning=f"units seen of planned: {told} (p = {p:.2g}).",
        remedy="Find where units were lost or counted twice before reading any result." if failed else "",
        evidence={"seen": seen.tolist(), "planned": planned.tolist(), "arms": [str(label) for label in labels]},
    )


def _exact(seen: FloatArray, share: FloatArray) -> float:
    from scipy.stats import binomtest

    tested = range(1 if len(seen) == 2 else len(seen))
    n = round(float(seen.sum()))
    least = min(float(binomtest(round(float(seen[i])), n, float(share[i])).pvalue) for i in tested)
    return min(1.0, least * len(tested))


def _shares(labels: list[Any], expected: Mapping[Any, float] | Sequence[float] | None) -> FloatArray:
    if expected is None:
        return np.full(len(labels), 1 / len(labels))
    if isinstance(expected, Mapping):
        if set(expected) != set(labels):
            raise InputError(f"expected names the arms {list(expected)}; the arms are {labels}.")
        expected = [expected[label] for label in labels]
    share = np.asarray(expected, dtype=np.float64)
    if share.shape != (len(labels),) or not (share > 0).all() or not np.isfinite(share).all():
        raise InputError(f"expected is {share.tolist()}; give a share above 0 for each of the {len(labels)} arms.")
    return share / share.sum()
