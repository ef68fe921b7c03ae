"""Plans mended one change at a time: every limit kept, every unit's rules kept, nothing left that would still fit."""

import numpy as np
import pytest

from dorec.domain.intervention import Audience, Budget, ExposureShare
from dorec.intervene.budget_programme import programme_of
from dorec.intervene.programme import Programme
from dorec.intervene.repair import repaired

ARMS = ["none", *"abcdef"]


def programme(seed: int, per_unit: int, n: int = 60) -> Programme:
    rng = np.random.default_rng(seed)
    budget = Budget(
        total=0.8 * n,
        max_units=int(0.4 * n),
        cost={a: float(rng.uniform(0.5, 3.0)) for a in ARMS[1:]},
        capacity={a: int(rng.integers(2, n // 4)) for a in "bcd"},
        minimum={"a": int(0.15 * n)},
        exposure=[ExposureShare(arms=("a", "b"), at_most=0.7)],
        max_gap=0.1,
        per_unit=per_unit,
        category={"a": 0, "b": 0, "c": 1, "d": 1},
        per_category=1,
    )
    audience = Audience(group=np.arange(n) % 2, eligible=rng.random((n, 6)) < 0.8)
    return programme_of(rng.normal(0.3, 1.0, (n, 6)), budget, ARMS, audience)


def breaks_a_rule(made: Programme, own: list[int], unit: int) -> bool:
    labels = made.category[own].tolist()
    return (
        len(own) > made.most
        or len(set(own)) < len(own)
        or len(set(labels)) < len(labels)
        or not made.allowed[unit, own].all()
    )


@pytest.mark.parametrize("per_unit", [1, 2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_a_plan_of_all_that_is_best_is_mended_and_filled(seed: int, per_unit: int) -> None:
    made = programme(seed, per_unit)
    wild = np.full((made.n, made.most), -1, dtype=np.int32)
    made.dual(np.zeros(len(made.bounds)), wild)
    assert len(made.broken(made.totals(wild).use))
    plan = repaired(made, wild, np.zeros(len(made.bounds)))
    found = made.totals(plan)
    assert not len(made.broken(found.use))
    for unit, row in enumerate(plan):
        own = row[row >= 0].tolist()
        assert (row[: len(own)] >= 0).all()
        assert not breaks_a_rule(made, own, unit)
        for action in range(made.m):
            more = [*own, action]
            if made.gain[unit, action] <= 0 or breaks_a_rule(made, more, unit):
                continue
            tried = plan.copy()
            tried[unit, : len(more)] = more
            assert len(made.broken(made.totals(tried).use)), "one more action would have fitted"


def test_limits_that_contradict_each_other_are_not_kept() -> None:
    made = programme_of(np.ones((4, 2)), Budget(minimum={"a": 3}, max_units=2), ["none", "a", "b"])
    assert repaired(made, np.full((4, 1), -1, dtype=np.int32), np.zeros(2)) is None
