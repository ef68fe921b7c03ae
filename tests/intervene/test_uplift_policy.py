"""The rule behind an allocation."""

from dataclasses import dataclass

import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.intervention import Audience, Budget
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


def test_prices_of_capacities_and_minima_become_thresholds() -> None:
    effects = np.random.default_rng(0).normal(size=(3_000, 2))
    budget = Budget(capacity={"a": 300}, minimum={"b": 1_500})
    plan = allocate(effects, budget, Identity().arms)
    policy = UpliftPolicy.from_allocation(Identity(), plan, budget)
    assert (policy.choose(effects) == plan.arm).mean() > 0.99
    assert policy.price[0] > 0 > policy.price[1]


def test_plans_that_are_no_rule_of_effects_alone_are_refused() -> None:
    effects = np.random.default_rng(0).normal(size=(200, 2))
    several = allocate(effects, Budget(per_unit=2), Identity().arms)
    with pytest.raises(InputError, match="several arms"):
        UpliftPolicy.from_allocation(Identity(), several, Budget(per_unit=2))
    fair = Budget(max_gap=0.0, max_units=50)
    group = (effects[:, 0] > 0).astype(int)
    plan = allocate(effects, fair, Identity().arms, audience=Audience(group=group))
    with pytest.raises(InputError, match="differ by group"):
        UpliftPolicy.from_allocation(Identity(), plan, fair)
