"""A plan: which arm each unit gets, what it is expected to bring, what its limits cost, and what it is worth."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    import pyarrow as pa


class Limit(NamedTuple):
    """One limit of a plan.

    Example:
        >>> from dorec.domain.intervention import Budget
        >>> from dorec.intervene.allocate import allocate
        >>> allocate(np.array([3.0, -1.0, 2.0]), Budget(max_units=1)).limits
        (Limit(name='max_units', left=0.0, price=2.0),)
    """

    name: str
    left: float  # what the plan leaves of it
    price: float  # gain that one more unit of it would bring; of a minimum, what asking one unit less would


@dataclass(frozen=True, kw_only=True, eq=False)
class Allocation:
    """Which arm each unit gets, what that is expected to bring, what the limits cost, and how good a plan could be.

    It is a `Policy` for its own units: `propensities()` are 0 and 1.

    Example:
        >>> from dorec.domain.intervention import Budget
        >>> from dorec.intervene.allocate import allocate
        >>> plan = allocate(np.array([3.0, -1.0, 2.0]), Budget(max_units=1))
        >>> plan.arm.tolist(), plan.prices
        ([1, 0, 0], {'max_units': 2.0})
        >>> print(plan)
        1 of 3 units get something: expected gain 3, spent 0 (knapsack)
        no plan gains more than 3: gap 0.00%
        1: 1
        max_units: 0 left, one more would bring 2
    """

    choice: IntArray  # (n, most) positions of the actions given, the reference not counted; -1 for none
    arms: tuple[Any, ...]
    expected_gain: float  # sum of the predicted effects of the chosen arms, with those of exploring
    spent: float  # in expectation where it explores
    dual_price: float  # gain that one more unit of money would bring; 0 where money is left
    unit_price: float  # gain that one more treated unit would bring; 0 where max_units does not bind
    action_price: FloatArray  # (k - 1,) what giving each arm costs in other limits, money and units apart
    n_treated: int
    limits: tuple[Limit, ...]
    objective: float  # what the plan maximises: the gain, less caution times its standard error
    upper_bound: float  # of the objective over all plans that keep the limits, proven by the prices
    method: str
    explore: float = 0.0

    @cached_property
    def arm(self) -> IntArray:
        """The arm of each unit (n,), codes into `arms`; 0 is the reference: nothing is done."""
        if self.choice.shape[1] > 1:
            raise InputError("A unit may get several arms in this plan; use `given`.")
        return self.choice[:, 0].astype(np.int64) + 1

    @property
    def given(self) -> BoolArray:
        """Which unit gets which arm, (n, k - 1), the reference not counted."""
        out = np.zeros((len(self.choice), len(self.arms) - 1), dtype=np.bool_)
        for column in self.choice.T:
            units = np.flatnonzero(column >= 0)
            out[units, column[units]] = True
        return out

    @property
    def gap(self) -> float:
        """By which share of the upper bound a better plan could exceed this one, at most."""
        return (self.upper_bound - self.objective) / (abs(self.upper_bound) or 1.0)

    @property
    def prices(self) -> dict[str, float]:
        """The dual price of each limit, by its name."""
        return {limit.name: limit.price for limit in self.limits}

    @property
    def counts(self) -> dict[Any, int]:
        """How many units get each arm, the reference not counted."""
        found = np.bincount(self.choice[self.choice >= 0], minlength=len(self.arms) - 1)
        return dict(zip(self.arms[1:], found.tolist(), strict=True))

    def propensities(self, covariates: AnyArray | None = None) -> FloatArray:
        """Probability of each arm for the units of the plan, (n, k): 1 for the arm planned."""
        if covariates is not None and len(covariates) != len(self.choice):
            raise InputError(
                f"The plan is for {len(self.choice):,} units, the covariates have {len(covariates):,}; for other units "
                "use UpliftPolicy.from_allocation."
            )
        out = np.zeros((len(self.arm), len(self.arms)))
        out[np.arange(len(out)), self.arm] = 1.0
        return out

    def to_arrow(self) -> "pa.Table":
        """One row for each action given: `unit` (row number) and `arm` (label)."""
        import pyarrow as pa

        unit, place = np.nonzero(self.choice >= 0)
        labels = pa.array(list(self.arms[1:]))
        return pa.table({"unit": unit, "arm": labels.take(pa.array(self.choice[unit, place].astype(np.int64)))})

    def __str__(self) -> str:
        lines = [
            f"{self.n_treated:,} of {len(self.choice):,} units get something: expected gain {self.expected_gain:.6g}, "
            f"spent {self.spent:.6g} ({self.method})",
            f"no plan gains more than {self.upper_bound:.6g}: gap {self.gap:.2%}",
            ", ".join(f"{arm}: {count:,}" for arm, count in self.counts.items()),
        ]
        for name, left, price in self.limits:
            eased = "one less" if name.startswith("minimum") else "one more"
            lines.append(f"{name}: {left:.6g} left" + (f", {eased} would bring {price:.4g}" if price > 0 else ""))
        return "\n".join(lines)


def allocation_value(
    arm: AnyArray, scores: FloatArray, *, sample: str = "", cluster: AnyArray | None = None, name: str = "gain per unit"
) -> Estimate:
    """What an allocation is worth per unit, against doing nothing, from the orthogonal scores of the same units.

    The mean over units of the score of the chosen arm minus the score of the reference. It is free of optimism where
    the arms were chosen by effects that did not see the units' own outcomes, such as `unit_effects`.

    Args:
        arm: codes (n,), as `Allocation.arm`.
        scores: (n, k), as `EffectModel.scores`.

    Example:
        >>> value = allocation_value(np.array([1, 0]), np.array([[1.0, 3.0], [2.0, 2.5]]))
        >>> value.value
        1.0
    """
    arm, scores = np.asarray(arm), np.asarray(scores, dtype=np.float64)
    if scores.ndim != 2 or arm.shape != scores.shape[:1]:
        raise InputError(f"arm has shape {arm.shape}, scores have {scores.shape}; give (n,) and (n, k).")
    if len(arm) and not (arm.min() >= 0 and arm.max() < scores.shape[1]):
        raise InputError(f"arm holds codes outside 0..{scores.shape[1] - 1}, the columns of scores.")
    gain = scores[np.arange(len(arm)), arm] - scores[:, 0]
    return Estimate.of_mean(gain, sample=sample, cluster=cluster, name=name, method="AIPW policy value")
