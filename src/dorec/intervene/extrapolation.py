"""Whether data say anything of what is asked: values that units like these never had."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from dorec.domain.errors import InputError, NoSupport, NotFinite, TooFewUnits
from dorec.domain.plain_numbers import as_numbers
from dorec.domain.verdict import Status, Verdict
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray
from dorec.numeric.rng import generator

TOLERATED = 0.05  # share of units beyond the data that goes without a warning
MOST = 0.5  # share from which the answer is the model's form more than the data's
WINDOW = 50  # units with the nearest expected value, among which a value must have occurred
FEW = 2  # of them must have been as near to it
ORDINARY = 0.99  # of the units that were seen lie this near to the values of their own window
RIDGE = 1e-6
SAMPLE = 20_000  # units that are enough to tell a share


class Beyond(NamedTuple):
    """Which of the units would leave the data, and why."""

    outside: BoolArray  # (n,) a value that no unit had
    unlikely: BoolArray  # (n,) a value that no unit with such covariates had


def beyond_support(observed: AnyArray, asked: AnyArray | float, covariates: FloatArray) -> Beyond:
    """Which units are asked about a value that neither they nor units like them had.

    Units are alike where a regression of the value on the covariates (and their squares) expects the same: among the 50
    units next to each in that order, two must have been as near to what is asked as seen units are to theirs.

    Args:
        observed: value of each unit, (n,): a dose, or 0 and 1 for an arm.
        asked: what it would be, one number or (n,).
        covariates: (n, p).

    Raises:
        InputError: shapes don't fit. NotFinite: a number is missing, so nothing can be said. TooFewUnits: fewer than 3.

    Example:
        >>> x = np.linspace(-2, 2, 400)
        >>> price = x + np.sin(np.arange(400.0))
        >>> [round(float(beyond_support(price, at, x[:, None]).unlikely.mean()), 1) for at in (0.0, 2.5)]
        [0.4, 0.8]
        >>> beyond_support(price, 9.0, x[:, None]).outside.all()
        np.True_
    """
    held, target, X = _checked(observed, asked, covariates)
    outside = (target < held.min()) | (target > held.max())
    expected = _expected(held, X)
    expected = expected + (1e-9 * (float(np.ptp(expected)) or 1.0)) * generator(0, "ties").random(len(expected))
    order = np.argsort(expected, kind="stable")
    if len(order) > SAMPLE:
        order = order[:: -(-len(order) // SAMPLE)]
    doses = held[order]
    size = min(WINDOW, len(doses) - 1)
    reach = float(np.quantile(_distance(doses, doses, size, own=True), ORDINARY))
    if np.isin(held, (0.0, 1.0)).all():
        reach = 0.5
    place = np.searchsorted(expected[order], expected)  # of every unit among those that are looked at
    far = _distance(doses, target, size, own=False, place=np.clip(place, 0, len(doses) - 1)) > reach
    return Beyond(outside, far & ~outside)


def extrapolation_verdict(name: str, beyond: Beyond, *, seen: str = "", chance: FloatArray | None = None) -> Verdict:
    """What an intervention on a variable asks of the data, as a verdict.

    Args:
        name: of the variable, or of what is done.
        beyond: who would leave the data.
        seen: the values that were seen, in words.
        chance: (n,) probability that a unit gets the value; all get it by default.

    Raises:
        NoSupport: all units would leave the data.

    Example:
        >>> nobody, half = np.zeros(4, dtype=bool), np.array([True, True, False, False])
        >>> verdict = extrapolation_verdict("price", Beyond(nobody, half))
        >>> verdict.status, verdict.statistic
        ('failed', 0.5)
    """
    weight = np.ones(len(beyond.outside)) if chance is None else chance
    total = float(weight.sum()) or 1.0
    outside, unlikely = (float(weight[mask].sum()) / total for mask in beyond)
    return verdict_on_shares(name, {"were never seen at all": outside, "no unit like them had": unlikely}, seen=seen)


def verdict_on_shares(name: str, shares: Mapping[str, float], *, seen: str = "") -> Verdict:
    """The verdict on disjoint shares of units beyond the data, by reason.

    Raises:
        NoSupport: they sum to all.

    >>> verdict_on_shares("price", {"were never seen": 0.01}).status
    'passed'
    """
    share = float(sum(shares.values()))
    told = "; ".join(f"{value:.0%} get values that {reason}" for reason, value in shares.items() if value > 0)
    known = f" ({name} was seen at {seen})" if seen else ""
    if share > 1 - 1e-9:
        raise NoSupport(
            f"{name}: of the units, {told}{known}",
            remedy="ask for values that such units had, or run an experiment with the ones that are asked about",
            evidence=dict(shares),
        )
    status: Status = "passed" if share <= TOLERATED else "warning" if share < MOST else "failed"
    return Verdict(
        check=f"extrapolation of {name}",
        status=status,
        code="" if status == "passed" else "extrapolation",
        statistic=share,
        meaning=f"Of the units, {told}{known}." if told else f"{name} stays within the data.",
        remedy=""
        if status == "passed"
        else "There the form of the model speaks, not the data: ask for values that such units had, or experiment.",
        evidence={"share_beyond": share, **shares},
    )


def _checked(observed: AnyArray, asked: AnyArray | float, covariates: FloatArray) -> tuple[FloatArray, ...]:
    held, target = as_numbers(observed, "observed"), as_numbers(asked, "asked")
    X = as_numbers(covariates, "covariates")
    if held.ndim != 1 or target.shape not in ((), held.shape) or X.ndim != 2 or len(X) != len(held):
        raise InputError(
            f"observed have shape {held.shape}, asked {target.shape}, covariates {X.shape}; give (n,), one number or "
            "(n,), and (n, p)."
        )
    if len(held) < 3:
        raise TooFewUnits(f"{len(held)} unit(s) can't tell what such units had", remedy="add units")
    for name, values in (("observed", held), ("asked", target), ("covariates", X)):
        if not np.isfinite(values).all():
            raise NotFinite(f"{name} have a missing or infinite value", remedy="repair or drop these units")
    return held, np.broadcast_to(target, held.shape), X


def _expected(value: FloatArray, X: FloatArray) -> FloatArray:
    """The value that a ridge on the covariates and their squares expects, (n,)."""
    spread = X.std(axis=0)
    Z = (X[:, spread > 0] - X[:, spread > 0].mean(axis=0)) / spread[spread > 0]
    squares = Z**2 - (Z**2).mean(axis=0)
    A = np.column_stack([Z, squares[:, squares.std(axis=0) > 1e-9]])
    if not A.shape[1]:
        return np.zeros(len(value))
    gram = A.T @ A / len(A)
    return np.asarray(A @ np.linalg.solve(gram + RIDGE * np.eye(len(gram)), A.T @ (value - value.mean()) / len(A)))


def _distance(
    doses: FloatArray, target: FloatArray, size: int, *, own: bool, place: AnyArray | None = None
) -> FloatArray:
    """From each target to the FEW-th nearest dose within the window around its place; `own` leaves the unit out."""
    n = len(target)
    at = np.arange(n) if place is None else place
    start = np.clip(at - size // 2, 0, max(len(doses) - size - 1, 0))
    out, step = np.empty(n), 50_000
    for first in range(0, n, step):
        rows = slice(first, min(first + step, n))
        columns = start[rows, None] + np.arange(size + 1)
        gap = np.abs(doses[np.minimum(columns, len(doses) - 1)] - target[rows, None])
        if own:
            gap[columns == at[rows, None]] = np.inf
        rank = min(FEW, gap.shape[1] - 1) - 1
        out[rows] = np.partition(gap, rank, axis=1)[:, rank]
    return out
