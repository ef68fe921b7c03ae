"""The best response of one unit, against all that it could get."""

import itertools

import numpy as np
import pytest

from dorec.domain.intervention import Audience, Budget
from dorec.intervene.budget_programme import programme_of


def best(worth: np.ndarray, slots: int, category: np.ndarray, per_category: int, unit_price: float) -> float:
    found = 0.0
    for size in range(1, slots + 1):
        for chosen in itertools.combinations(range(len(worth)), size):
            if np.bincount(category[list(chosen)]).max() <= per_category:
                found = max(found, worth[list(chosen)].sum() - unit_price)
    return found


@pytest.mark.parametrize("per_unit", [1, 2, 3])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_unit_takes_the_best_of_all_it_could_get(per_unit: int, dtype: type) -> None:
    rng = np.random.default_rng(per_unit)
    n, m = 60, 4
    gain = rng.normal(size=(n, m)).astype(dtype)
    arms = ["none", *"abcd"]
    budget = Budget(
        total=10.0, max_units=5, max_gap=0.3, per_unit=per_unit, category={"a": 0, "b": 0, "c": 1}, per_category=1
    )
    audience = Audience(eligible=rng.random((n, m)) < 0.7, cost=rng.random((n, m)), group=rng.integers(0, 2, n))
    programme = programme_of(gain, budget, arms, audience)
    prices = rng.random(len(programme.bounds)) * [1.0, 0.3, *[20.0] * (len(programme.bounds) - 2)]
    money, action_price, unit_price = programme.prices_of(prices)
    choice, margin = np.empty((n, per_unit), dtype=np.int32), np.empty(n)
    totals = programme.dual(prices, choice, margin)
    worth = np.where(audience.eligible, gain - money * audience.cost - action_price, -np.inf)
    single = [best(worth[u], per_unit, programme.category, 1, unit_price[audience.group[u]]) for u in range(n)]
    assert totals.value == pytest.approx(sum(single) + prices @ programme.bounds)
    np.testing.assert_allclose(programme.totals(choice).use, totals.use)
    paid = programme.totals(choice).value - prices @ programme.rows @ totals.use
    assert paid == pytest.approx(sum(single), abs=1e-9)
    assert (margin >= 0).all()
