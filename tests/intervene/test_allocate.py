"""Allocations against exact integer programs, and the rules that every allocation keeps."""

from itertools import combinations, product
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import LinearConstraint, milp

from dorec import Estimate
from dorec.domain.errors import InputError, NoFeasiblePlan, NotFinite
from dorec.domain.intervention import Audience, Budget, ExposureShare
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


@settings(max_examples=25, deadline=None)
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
    effects = np.random.default_rng(0).normal(size=(32_000, 2))
    plan = allocate(effects, Budget(total=2_500.0, max_units=2_000, cost={1: 1.0, 2: 2.0}), [0, 1, 2])
    assert plan.n_treated <= 2_000
    assert plan.spent <= 2_500.0
    assert plan.spent > 2_490.0


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
    for _ in range(200):
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


ACTIONS = "abcdef"


def random_programme(seed: int, n: int, m: int, **asked: Any) -> tuple[np.ndarray, Budget, list[str], Audience]:
    """Effects with or without ties, and a budget in which each kind of limit may stand."""
    rng = np.random.default_rng(seed)
    arms = ["none", *ACTIONS[:m]]
    effects = rng.normal(0.3, 1.0, (n, m))
    effects = np.round(2 * effects) / 2 if rng.random() < 0.3 else effects
    capacity = {a: int(rng.integers(0, n + 1)) for a in arms[1:] if rng.random() < 0.4}
    limits: dict[str, Any] = {"cost": {a: float(rng.integers(0, 4)) for a in arms[1:]}, "capacity": capacity}
    kinds: dict[str, Any] = {
        "total": float(np.round(rng.uniform(0, 1.5 * n), 1)),
        "max_units": int(rng.integers(0, n + 1)),
        "per_unit": int(rng.integers(1, m + 1)),
        "minimum": {a: min(int(rng.integers(0, n // 3 + 2)), capacity.get(a, n)) for a in arms[1:2]},
        "max_gap": float(rng.choice([0.05, 0.2, 0.5])),
        "exposure": [ExposureShare(arms=("a",), at_least=float(rng.choice([0.0, 0.2])), at_most=0.7)],
        "per_category": 1,
        "max_contacts": 2,
    }
    limits |= {name: value for name, value in kinds.items() if rng.random() < 0.4} | asked
    if "per_category" in limits:
        limits["category"] = {a: i % (2 if m < 4 else 3) for i, a in enumerate(arms[1:])}
    known: dict[str, Any] = {
        "eligible": rng.random((n, m)) < 0.7,
        "cost": rng.integers(0, 4, (n, m)).astype(float),
    }
    known = {name: value for name, value in known.items() if rng.random() < 0.4}
    return effects, Budget(**limits), arms, Audience(**known, group=rng.integers(0, 3, n), recent=rng.integers(0, 3, n))


def cost_of(budget: Budget, arms: list[str], audience: Audience, n: int) -> np.ndarray:
    return np.tile([budget.cost.get(a, 0.0) for a in arms[1:]], (n, 1)) if audience.cost is None else audience.cost


def fits(chosen: tuple[int, ...], budget: Budget, arms: list[str], audience: Audience, unit: int) -> bool:
    """Whether a unit may get these actions together, said without the code under test."""
    most = budget.per_unit
    if budget.max_contacts is not None:
        most = min(most, budget.max_contacts - audience.recent[unit])
    labels = [budget.category.get(arms[1 + a]) for a in chosen]
    repeated = max((labels.count(label) for label in labels), default=0)
    return (
        len(chosen) <= max(most, 0)
        and (audience.eligible is None or all(audience.eligible[unit, a] for a in chosen))
        and (budget.per_category is None or repeated <= budget.per_category)
    )


def keeps(given: np.ndarray, budget: Budget, arms: list[str], audience: Audience) -> bool:
    """Whether a plan (n, m) keeps every limit across units, said without the code under test."""
    of, treated = dict(zip(arms[1:], given.sum(axis=0), strict=True)), given.any(axis=1)
    spent = (given * cost_of(budget, arms, audience, len(given))).sum()
    shares = [(sum(of[a] for a in e.arms), e) for e in budget.exposure]
    groups = [] if budget.max_gap is None else np.unique(audience.group)
    return bool(
        (budget.total is None or spent <= budget.total * (1 + 1e-12))
        and (budget.max_units is None or treated.sum() <= budget.max_units)
        and all(of[a] <= most for a, most in budget.capacity.items())
        and all(of[a] >= least for a, least in budget.minimum.items())
        and all(e.at_least * given.sum() - 1e-9 <= s <= e.at_most * given.sum() + 1e-9 for s, e in shares)
        and all(abs(treated[audience.group == g].mean() - treated.mean()) <= budget.max_gap + 1e-9 for g in groups)
    )


def best_of_all(effects: np.ndarray, budget: Budget, arms: list[str], audience: Audience) -> float:
    """The best gain of every plan there is; -inf where none keeps the limits."""
    n, m = effects.shape
    sets = [s for size in range(m + 1) for s in combinations(range(m), size)]
    own = [[s for s in sets if fits(s, budget, arms, audience, unit)] for unit in range(n)]
    best = -np.inf
    for plan in product(*own):
        given = np.array([[a in chosen for a in range(m)] for chosen in plan])
        if effects[given].sum() > best and keeps(given, budget, arms, audience):
            best = effects[given].sum()
    return best


def check_against_every_plan(effects: np.ndarray, budget: Budget, arms: list[str], audience: Audience) -> None:
    best = best_of_all(effects, budget, arms, audience)
    for method in ("exact", "lagrangian"):
        if best == -np.inf:
            with pytest.raises(NoFeasiblePlan):
                allocate(effects, budget, arms, audience=audience, method=method)
            continue
        plan = allocate(effects, budget, arms, audience=audience, method=method)
        assert keeps(plan.given, budget, arms, audience)
        assert plan.objective == pytest.approx(best, abs=1e-6)
        assert plan.upper_bound >= best - 1e-9


@pytest.mark.parametrize("seed", range(30))
def test_small_programmes_against_every_plan_there_is(seed: int) -> None:
    check_against_every_plan(*random_programme(seed, n=1 + seed % 5, m=1 + seed % 3))


@pytest.mark.parametrize("per_unit", [2, 3])
@pytest.mark.parametrize("seed", range(8))
def test_several_arms_of_few_categories_against_every_plan_there_is(seed: int, per_unit: int) -> None:
    made = random_programme(seed, n=2 + seed % 2, m=4, per_unit=per_unit, per_category=1)
    check_against_every_plan(*made)


@settings(max_examples=15)
@given(seed=st.integers(0, 2**32), method=st.sampled_from(["auto", "lagrangian"]))
def test_no_limit_is_ever_overstepped(seed: int, method: str) -> None:
    effects, budget, arms, audience = random_programme(seed, n=100, m=4)
    try:
        plan = allocate(effects, budget, arms, audience=audience, method=method)
    except NoFeasiblePlan:
        assert budget.minimum  # without one, doing nothing keeps every limit
        return
    assert keeps(plan.given, budget, arms, audience)
    assert plan.spent == pytest.approx((plan.given * cost_of(budget, arms, audience, 100)).sum())
    assert plan.objective <= plan.upper_bound
    for unit, row in enumerate(plan.given):
        assert fits(tuple(np.flatnonzero(row)), budget, arms, audience, unit)


def test_single_precision_gives_the_same_plan_and_a_missing_effect_may_be_ineligible() -> None:
    effects = np.random.default_rng(0).normal(size=(3_000, 4)).astype(np.float32)
    eligible = np.random.default_rng(1).random((3_000, 4)) < 0.8
    arms, budget = list("0abcd"), Budget(capacity=dict.fromkeys("abcd", 300))
    wide = allocate(effects.astype(np.float64), budget, arms, audience=Audience(eligible=eligible))
    effects[~eligible] = np.nan
    plan = allocate(effects, budget, arms, audience=Audience(eligible=eligible))
    assert (plan.method, plan.counts) == ("lagrangian", wide.counts)
    assert plan.expected_gain == pytest.approx(wide.expected_gain, rel=1e-5)
    assert plan.gap < 1e-4


def test_a_plan_reads_as_text_and_as_a_table() -> None:
    budget = Budget(per_unit=2, capacity={"a": 1}, minimum={"b": 1}, total=5.0, cost={"a": 1.0})
    plan = allocate(np.array([[2.0, -1.0], [3.0, -0.5]]), budget, ["none", "a", "b"])
    assert plan.to_arrow().to_pydict() == {"unit": [1, 1], "arm": ["a", "b"]}
    text = str(plan)
    assert "1 of 2 units get something: expected gain 2.5, spent 1 (exact)" in text
    assert "capacity of 'a': 0 left, one more would bring 2" in text
    assert "minimum of 'b': 0 left, one less would bring 0.5" in text
    with pytest.raises(InputError, match="given"):
        _ = plan.arm


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"method": "simplex"}, "'exact' or 'lagrangian'"),
        ({"audience": Audience(recent=np.zeros(2))}, "2 units, the effects have 3"),
        ({"audience": Audience(eligible=np.ones((3, 2), dtype=bool))}, r"eligible has shape \(3, 2\)"),
        ({"budget": Budget(max_gap=0.1)}, "group of each unit"),
        ({"budget": Budget(max_contacts=1)}, "recent contacts"),
    ],
)
def test_what_the_limits_need_is_asked_for(arguments: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        allocate(**({"effects": np.ones(3), "budget": Budget()} | arguments))
