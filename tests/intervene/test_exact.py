"""HiGHS on a programme: the relaxation equals the best dual bound, and prices are slopes of its optimum."""

from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import NoFeasiblePlan
from dorec.domain.intervention import Audience, Budget, ExposureShare
from dorec.intervene.budget_programme import programme_of
from dorec.intervene.exact import relaxed, whole
from dorec.intervene.lagrangian import best_prices
from dorec.intervene.programme import Programme

ARMS = ["none", "a", "b", "c"]


def programme(seed: int, per_unit: int) -> Programme:
    rng = np.random.default_rng(seed)
    n = 80
    budget = Budget(
        total=70.0 * per_unit,
        max_units=60,
        cost={"a": 1.0, "b": 2.0, "c": 1.5},
        capacity={"a": 20, "c": 31},
        minimum={"b": 16},
        max_gap=0.04,
        exposure=[ExposureShare(arms=("a", "b"), at_least=0.55, at_most=0.9)],
        per_unit=per_unit,
    )
    group = np.where(rng.random(n) < 0.4, "old", "new")
    effects = rng.normal(0.5, 1.0, size=(n, 3)) + (group == "old")[:, None]
    return programme_of(effects, budget, ARMS, Audience(group=group))


@pytest.mark.parametrize("per_unit", [1, 2])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_relaxation_dual_bound_and_whole_numbers_agree(seed: int, per_unit: int) -> None:
    made = programme(seed, per_unit)
    value, prices, _ = relaxed(made)
    assert made.dual(prices).value == pytest.approx(value, rel=1e-7)
    assert best_prices(made).bound == pytest.approx(value, rel=1e-6)
    plan, bound = whole(made)
    found = made.totals(plan)
    assert not len(made.broken(found.use))
    assert found.value <= bound + 1e-6
    assert value * 0.97 <= found.value <= value + 1e-6


@pytest.mark.parametrize("per_unit", [1, 2])
def test_prices_are_slopes_of_the_optimum(per_unit: int) -> None:
    made = programme(3, per_unit)
    # whole limits sit on kinks of the optimum, where a price lies between the slopes on both sides
    made = replace(
        made,
        bounds=made.bounds
        + np.random.default_rng(0).uniform(0.1, 0.9, len(made.bounds)) * np.abs(made.rows).max(axis=1),
    )
    value, prices, _ = relaxed(made)
    sharp = 0
    for i, price in enumerate(prices):
        moved = np.eye(len(prices))[i] * 1e-4 * np.abs(made.rows[i]).max()
        up = relaxed(replace(made, bounds=made.bounds + moved))[0]
        down = relaxed(replace(made, bounds=made.bounds - moved))[0]
        right, left = (up - value) / moved[i], (value - down) / moved[i]
        assert right - 1e-5 * (1 + price) <= price <= left + 1e-5 * (1 + price), made.names[i]
        sharp += price > 0 and left - right < 1e-3 * price
    assert sharp >= 3


def test_what_fractions_cannot_keep_is_refused() -> None:
    made = programme_of(np.ones((3, 3)), Budget(minimum={"a": 2}, max_units=1), ARMS)
    with pytest.raises(NoFeasiblePlan):
        relaxed(made)
    assert whole(made) == (None, -np.inf)


def test_nobody_to_treat() -> None:
    made = programme_of(np.ones((3, 3)), Budget(total=1.0), ARMS, Audience(eligible=np.zeros((3, 3), dtype=bool)))
    assert relaxed(made)[0] == 0.0
    assert (whole(made)[0] == -1).all()
