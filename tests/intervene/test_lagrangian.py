"""Prices by cutting planes, plans by a core: near their own bound, with every limit kept, ties or not."""

import numpy as np
import pytest

from dorec.domain.intervention import Audience, Budget, ExposureShare
from dorec.intervene import lagrangian
from dorec.intervene.budget_programme import programme_of
from dorec.intervene.exact import relaxed
from dorec.intervene.programme import Programme


def programme(seed: int, n: int, *, ties: bool) -> Programme:
    rng = np.random.default_rng(seed)
    m = 6
    arms = ["none", *"abcdef"]
    effects = rng.normal(0.3, 1.0, size=(40, m))[rng.integers(0, 40, n)] if ties else rng.normal(0.3, 1.0, size=(n, m))
    budget = Budget(
        total=0.9 * n,
        cost=dict(zip(arms[1:], rng.integers(1, 5, m).astype(float), strict=True)),
        capacity={arm: int(n * rng.uniform(0.02, 0.2)) for arm in "abcd"},
        minimum={"e": int(0.05 * n), "f": int(0.03 * n)},
        exposure=[ExposureShare(arms=("a", "b"), at_most=0.4)],
        max_gap=0.02,
    )
    return programme_of(effects.astype(np.float32), budget, arms, Audience(group=rng.integers(0, 3, n)))


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("seed", [0, 1])
def test_near_the_bound_with_every_limit_kept(seed: int, ties: bool) -> None:
    made = programme(seed, 1_200, ties=ties)
    plan, dual = lagrangian.solve(made)
    found = made.totals(plan)
    assert not len(made.broken(found.use))
    assert dual.bound * (1 - 1e-3) <= found.value <= dual.bound


def test_prices_from_a_sample_lead_to_the_same_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    made = programme(2, 1_000, ties=False)
    monkeypatch.setattr(lagrangian, "SAMPLE", 250)
    found = lagrangian.best_prices(made)
    assert found.bound == pytest.approx(relaxed(made)[0], rel=1e-5)
    assert found.bound == pytest.approx(made.dual(found.prices).value)


def test_any_prices_give_an_upper_bound() -> None:
    made = programme(3, 200, ties=True)
    best = relaxed(made)[0]
    rng = np.random.default_rng(0)
    for scale in (0.01, 0.1, 1.0, 10.0):
        assert made.dual(scale * rng.random(len(made.bounds))).value >= best - 1e-6


def test_all_units_alike_share_what_there_is() -> None:
    made = programme_of(np.ones((5_000, 2)), Budget(capacity={"a": 1_234, "b": 777}), ["none", "a", "b"])
    plan, dual = lagrangian.solve(made)
    assert np.bincount(plan[plan >= 0]).tolist() == [1_234, 777]
    assert dual.bound == pytest.approx(2_011.0)


def test_several_arms_under_tied_gains_are_mended_where_the_core_finds_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(4)
    n, m = 1_500, 12
    arms = list(range(m + 1))
    budget = Budget(
        total=0.8 * n,
        max_units=int(0.3 * n),
        cost={a: float(rng.uniform(0.5, 3.0)) for a in arms[1:]},
        capacity={a: int(n * rng.uniform(0.02, 0.15)) for a in arms[1:]},
        minimum={1: int(0.02 * n)},
        per_unit=3,
        category={a: a % 4 for a in arms[1:]},
        per_category=1,
    )
    made = programme_of(np.round(rng.normal(0.3, 1.0, (n, m)), 1), budget, arms)
    monkeypatch.setattr(lagrangian, "whole", lambda *_, **__: (None, np.inf))
    plan, dual = lagrangian.solve(made)
    found = made.totals(plan)
    assert not len(made.broken(found.use))
    assert dual.bound * (1 - 5e-3) <= found.value <= dual.bound
