"""A policy that treats whom it helps enough, and keeps exploring so that the next log can tell."""

from dataclasses import dataclass

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.intervention import Budget
from dorec.domain.protocols import EffectModel
from dorec.intervene.allocation import Allocation
from dorec.intervene.exploration import with_floor
from dorec.numeric.arrays import AnyArray, FloatArray


@dataclass(frozen=True, kw_only=True, eq=False)
class UpliftPolicy:
    """Gives each unit the arm with the largest predicted effect net of its price, or the reference; a `Policy`.

    Args:
        model: predicts the effects of units that it has or hasn't seen.
        price: of each arm but the first (k - 1,), in units of the outcome; what an effect must exceed.
        epsilon: share of the decisions that are made at random among all arms, so that every arm keeps a known,
            positive propensity and the next log has overlap.

    Example:
        >>> class Halves:
        ...     arms = ("none", "mail")
        ...     def effect(self, covariates):
        ...         return covariates[:, 0]
        >>> policy = UpliftPolicy(model=Halves(), price=np.array([0.5]), epsilon=0.2)
        >>> policy.propensities(np.array([[1.0], [0.0]])).tolist()
        [[0.1, 0.9], [0.9, 0.1]]
    """

    model: EffectModel
    price: FloatArray  # (k - 1,)
    epsilon: float = 0.0

    def __post_init__(self) -> None:
        price = np.asarray(self.price, dtype=np.float64)
        if price.shape != (len(self.model.arms) - 1,) or not np.isfinite(price).all():
            raise InputError(f"price has shape {price.shape}; give one number for each of {self.model.arms[1:]}.")
        if not 0 <= self.epsilon <= 1:
            raise InputError(f"epsilon is {self.epsilon}; give a share from 0 to 1.")
        object.__setattr__(self, "price", price)

    @classmethod
    def from_allocation(
        cls, model: EffectModel, allocation: Allocation, budget: Budget, *, epsilon: float = 0.0
    ) -> "UpliftPolicy":
        """The rule behind an allocation, for units that come later: the prices of its limits become thresholds.

        It holds for costs by arm. A rule of predicted effects alone can't know groups, or give one unit several arms.
        """
        if allocation.choice.shape[1] > 1:
            raise InputError("A unit may get several arms in this plan; a policy gives one. Set per_unit=1.")
        fair = [name for name, price in allocation.prices.items() if name.startswith("treated share") and price > 0]
        if fair:
            raise InputError(
                f"The plan has a price for {fair[0]}, so its thresholds differ by group; set max_gap=None."
            )
        cost = np.array([float(budget.cost.get(arm, 0.0)) for arm in allocation.arms[1:]])
        price = allocation.dual_price * cost + allocation.unit_price + allocation.action_price
        return cls(model=model, price=price, epsilon=epsilon)

    def choose(self, covariates: AnyArray) -> AnyArray:
        """The arm code of each unit (n,) where the policy doesn't explore."""
        effect = np.asarray(self.model.effect(np.asarray(covariates, dtype=np.float64)))
        net = (effect[:, None] if effect.ndim == 1 else effect) - self.price
        return np.where(net.max(axis=1) > 0, net.argmax(axis=1) + 1, 0)

    def propensities(self, covariates: AnyArray) -> FloatArray:
        """Probability of each arm, (n, k)."""
        arm = self.choose(covariates)
        chosen = np.zeros((len(arm), len(self.price) + 1))
        chosen[np.arange(len(arm)), arm] = 1.0
        return with_floor(chosen, self.epsilon / chosen.shape[1])
