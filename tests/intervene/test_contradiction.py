"""Limits that contradict each other: which, and whether the remedy mends it."""

import re
from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import NoFeasiblePlan
from dorec.domain.intervention import Audience, Budget, ExposureShare
from dorec.intervene import allocate

ARMS = ("none", "mail", "call")
EFFECTS = np.random.default_rng(0).normal(size=(100, 2))


def refused(budget: Budget, audience: Audience | None = None, **options: float) -> str:
    with pytest.raises(NoFeasiblePlan) as caught:
        allocate(EFFECTS, budget, ARMS, audience=audience, **options)
    return str(caught.value)


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(minimum={"mail": 60}, max_units=50), "minimum of 'mail' can't be met under max_units: 10 too few"),
        (
            Budget(minimum={"mail": 60}, cost={"mail": 2.0}, total=80.0),
            "minimum of 'mail' can't be met under total: 20",
        ),
        (Budget(minimum={"mail": 110}), "minimum of 'mail' can't be met by those who may get it: 10 too few"),
        (Budget(minimum={"mail": 60, "call": 70}), "'mail' and minimum of 'call' can't be met by those who may get it"),
        (
            Budget(minimum={"mail": 60}, capacity={"call": 20}, exposure=[ExposureShare(arms=("mail",), at_most=0.5)]),
            "minimum of 'mail' can't be met under capacity of 'call', share of 'mail' at most 0.5: 40 too few",
        ),
    ],
)
def test_the_limits_that_fight_are_named(budget: Budget, words: str) -> None:
    assert words in refused(budget)


def test_the_remedies_mend_it_and_nothing_less_does() -> None:
    budget = Budget(minimum={"mail": 60}, cost={"mail": 2.0, "call": 1.0}, total=81.0)
    lower, raised = map(float, re.search(r"to ([\d.]+), or raise total by at least ([\d.]+)", refused(budget)).groups())
    assert (lower, raised) == (40, 39)
    assert allocate(EFFECTS, replace(budget, minimum={"mail": 40}), ARMS).counts["mail"] == 40
    assert allocate(EFFECTS, replace(budget, total=120.0), ARMS).counts["mail"] == 60
    refused(replace(budget, minimum={"mail": 41}))
    refused(replace(budget, total=119.0))


def test_those_at_their_cap_of_contacts_are_nobody_to_give_to() -> None:
    audience = Audience(recent=np.arange(100) % 4)
    text = refused(Budget(minimum={"mail": 80}, max_contacts=2), audience)
    assert "30 too few" in text
    assert "more units eligible" in text


def test_exploring_alone_can_be_too_much() -> None:
    assert "lower explore" in refused(Budget(capacity={"mail": 5}), explore=0.1)


def test_fractions_could_but_whole_units_cannot() -> None:
    budget = Budget(minimum={"mail": 1}, exposure=[ExposureShare(arms=("mail",), at_most=0.5)], max_units=1, per_unit=1)
    assert "minimum of 'mail'" in refused(budget)
    costly = Audience(eligible=np.eye(100, 2, dtype=bool), cost=np.full((100, 2), 3.0))
    odd = Budget(minimum={"mail": 1}, exposure=[ExposureShare(arms=("mail",), at_least=0.4, at_most=0.45)])
    assert "can't" in refused(odd, costly)
