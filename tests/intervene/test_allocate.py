"""Allocations against exact integer programs, and the rules that every allocation keeps."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from dorec import Estimate
from dorec.domain.errors import InputError, NotFinite
from dorec.domain.intervention import Budget
from dorec.intervene import allocate, allocation_value


def exact(effects: np.ndarray, cost: np.ndarray, total: float, limit: float) -> float:
    """The best gain, by an integer program."""
    n, m = effects.shape
    rows = [np.kron(np.eye(n), np.ones(m)), np.tile(cost, n)[None], np.ones((1, n * m))]
    upper = np.concatenate([np.ones(n), [total], [limit]])
    found = milp(
        -effects.ravel(),
        integrality=np.ones(n * m),
        bounds=(0, 1),
        constraints=LinearConstraint(np.vstack(rows), -np.inf, upper),
    )
    return float(-found.fun)


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    m=st.integers(1, 3),
    total=st.sampled_from([0.0, 3.0, 8.0, 20.0, np.inf]),
    limit=st.sampled_from([0, 3, 7, 100]),
)
def test_near_the_integer_optimum_and_within_the_budget(seed: int, m: int, total: float, limit: int) -> None:
    rng = np.random.default_rng(seed)
    n = 15
    effects, cost = rng.normal(0.5, 1.0, size=(n, m)), rng.integers(0, 4, size=m).astype(float)
    arms = list("abcd"[: m + 1])
    budget = Budget(
        total=None if total == np.inf else total, max_units=limit, cost=dict(zip(arms[1:], cost, strict=True))
    )
    plan = allocate(effects, budget, arms)
    treated = plan.arm > 0
    assert plan.n_treated == treated.sum() <= limit
    assert plan.spent == pytest.approx(cost[plan.arm[treated] - 1].sum())
    assert plan.spent <= total + 1e-9
    gained = effects[treated, plan.arm[treated] - 1]
    assert plan.expected_gain == pytest.approx(gained.sum())
    best = exact(effects, cost, min(total, 1e6), limit)
    assert plan.expected_gain <= best + 1e-6
    assert plan.expected_gain >= best - 2 * effects.max(initial=0.0) - 1e-6


@pytest.mark.parametrize("limit", [0, 1, 5, 20])
def test_one_arm_and_a_number_of_units_is_the_ranking(limit: int) -> None:
    effects = np.random.default_rng(limit).normal(size=20)
    plan = allocate(effects, Budget(max_units=limit))
    best = np.sort(effects[effects > 0])[::-1][:limit]
    assert plan.expected_gain == pytest.approx(best.sum())
    assert plan.n_treated == len(best)
    if 0 < limit < (effects > 0).sum():
        assert np.sort(effects)[::-1][limit] <= plan.unit_price <= best[-1]


def test_one_arm_and_money_is_the_ranking_by_gain() -> None:
    effects = np.random.default_rng(1).normal(size=1_000)
    plan = allocate(effects, Budget(total=100.0, cost={1: 1.0}))
    assert set(np.flatnonzero(plan.arm)) == set(np.argsort(-effects)[:100])
    assert plan.dual_price == pytest.approx(np.sort(effects)[::-1][100])


def test_nobody_is_treated_to_their_harm_and_no_budget_binds_nothing() -> None:
    effects = np.array([[1.0, 2.0], [-1.0, -0.5], [0.0, 0.0]])
    plan = allocate(effects, Budget(), ["a", "b", "c"])
    assert plan.arm.tolist() == [2, 0, 0]
    assert (plan.dual_price, plan.unit_price, plan.spent) == (0.0, 0.0, 0.0)


def test_caution_prefers_the_sure_effect() -> None:
    plan = allocate(np.array([2.0, 1.5]), Budget(max_units=1), std_errors=np.array([1.0, 0.1]))
    assert plan.arm.tolist() == [0, 1]
    assert plan.expected_gain == 1.5


def test_ties_and_equal_costs_fill_the_limit() -> None:
    assert allocate(np.ones(10), Budget(max_units=4)).n_treated == 4
    assert allocate(np.ones(10), Budget(total=4.0, cost={1: 1.0}, max_units=3)).n_treated == 3


def test_large_input_in_time() -> None:
    effects = np.random.default_rng(0).normal(size=(64_000, 2))
    plan = allocate(effects, Budget(total=5_000.0, max_units=4_000, cost={1: 1.0, 2: 2.0}), [0, 1, 2])
    assert plan.n_treated <= 4_000
    assert plan.spent <= 5_000.0
    assert plan.spent > 4_990.0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"effects": np.ones((3, 2))}, r"give \(n, 1\)"),
        ({"budget": Budget(cost={"mail": 1.0})}, "'mail'"),
        ({"budget": Budget(cost={0: 1.0})}, "reference"),
        ({"std_errors": -np.ones(3)}, "0 or more"),
    ],
)
def test_what_does_not_fit_is_refused(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        allocate(**({"effects": np.ones(3), "budget": Budget(), "arms": (0, 1)} | arguments))


def test_missing_effects_are_refused() -> None:
    with pytest.raises(NotFinite, match="the first 1"):
        allocate(np.array([1.0, np.nan]), Budget())


def test_value_of_an_allocation_is_free_of_optimism() -> None:
    # effects of pure noise, scores of no effect: choosing the best half must be worth nothing
    rng = np.random.default_rng(3)
    z = []
    for _ in range(300):
        scores = rng.normal(size=(400, 2))
        plan = allocate(rng.normal(size=400), Budget(max_units=200))
        value = allocation_value(plan.arm, scores, sample="s")
        assert isinstance(value, Estimate)
        z.append(value.value / value.std_error)
    assert abs(np.mean(z)) < 0.2
    assert 0.85 < np.std(z) < 1.15


def test_value_needs_scores_of_every_arm() -> None:
    with pytest.raises(InputError, match="codes outside"):
        allocation_value(np.array([0, 2]), np.zeros((2, 2)))
    with pytest.raises(InputError, match=r"\(n, k\)"):
        allocation_value(np.array([0, 1]), np.zeros(2))
