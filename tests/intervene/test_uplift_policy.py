"""The rule behind an allocation."""

from dataclasses import dataclass

import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.intervention import Budget
from dorec.domain.protocols import Policy
from dorec.intervene import UpliftPolicy, allocate


@dataclass(frozen=True)
class Identity:
    """Predicts the covariates as effects."""

    arms: tuple[str, ...] = ("none", "a", "b")

    def effect(self, covariates: np.ndarray) -> np.ndarray:
        return covariates


def test_the_policy_repeats_the_allocation_on_the_same_units() -> None:
    effects = np.random.default_rng(0).normal(size=(500, 2))
    budget = Budget(total=300.0, max_units=200, cost={"a": 1.0, "b": 2.0})
    plan = allocate(effects, budget, Identity().arms)
    policy = UpliftPolicy.from_allocation(Identity(), plan, budget)
    assert isinstance(policy, Policy)
    assert (policy.choose(effects) == plan.arm).mean() > 0.99


@pytest.mark.parametrize("epsilon", [0.0, 0.3, 1.0])
def test_exploration_gives_every_arm_its_floor(epsilon: float) -> None:
    X = np.array([[2.0, 1.0], [-1.0, -1.0]])
    p = UpliftPolicy(model=Identity(), price=np.zeros(2), epsilon=epsilon).propensities(X)
    np.testing.assert_allclose(p.sum(axis=1), 1.0)
    assert p.min() == pytest.approx(epsilon / 3)
    assert p[0, 1] == pytest.approx(1 - epsilon + epsilon / 3)
    assert p[1, 0] == pytest.approx(1 - epsilon + epsilon / 3)


def test_settings_out_of_bounds() -> None:
    with pytest.raises(InputError, match="epsilon"):
        UpliftPolicy(model=Identity(), price=np.zeros(2), epsilon=1.5)
    with pytest.raises(InputError, match="price"):
        UpliftPolicy(model=Identity(), price=np.zeros(3))
