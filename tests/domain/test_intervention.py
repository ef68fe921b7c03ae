import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.intervention import Audience, Budget, ExposureShare, Intervention


@pytest.mark.parametrize(
    ("fields", "text"),
    [({"kind": "shift", "value": 2}, "do(price += 2)"), ({"kind": "policy", "value": "pi"}, "do(price ~ pi)")],
)
def test_an_intervention_reads_as_it_is_written_in_papers(fields, text):
    assert str(Intervention(target="price", **fields)) == text


@pytest.mark.parametrize(
    "build",
    [
        lambda: Intervention(target="x", cost=-1.0),
        lambda: Intervention(target="x", cost=float("nan")),
        lambda: Budget(total=-1.0),
        lambda: Budget(max_units=-1),
        lambda: Budget(cost={"email": float("nan")}),
    ],
)
def test_negative_money_is_refused(build):
    with pytest.raises(InputError):
        build()


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Budget(per_unit=0), "per_unit is 0"),
        (lambda: Budget(per_unit=1.5), "whole number"),
        (lambda: Budget(capacity={"a": -1}), "capacity of arm 'a' is -1"),
        (lambda: Budget(minimum={"a": float("nan")}), "minimum of arm 'a' is nan"),
        (lambda: Budget(minimum={"a": 5}, capacity={"a": 4}), "lower the minimum or raise the capacity"),
        (lambda: Budget(max_gap=1.5), "max_gap is 1.5"),
        (lambda: Budget(per_category=1), "give the label of each arm"),
        (lambda: Budget(max_contacts=-1), "max_contacts is -1"),
        (lambda: Budget(cost={"a": float("inf")}), "cost of arm 'a' is inf"),
        (lambda: ExposureShare(arms=()), "at least one"),
        (lambda: ExposureShare(arms=("a",), at_least=0.6, at_most=0.5), "at_least <= at_most"),
        (lambda: Audience(recent=np.array([-1])), "recent has a negative count"),
        (lambda: Audience(eligible=np.ones((2, 1))), "give booleans"),
        (lambda: Audience(cost=np.array([[1.0], [2.0], [-1.0]])), "first in row 2"),
        (lambda: Audience(recent=np.zeros(3), group=np.zeros(2)), "different lengths"),
    ],
)
def test_limits_that_make_no_sense_are_refused(build, words):
    with pytest.raises(InputError, match=words):
        build()


@pytest.mark.parametrize(
    ("budget", "words"),
    [
        (Budget(capacity={"mial": 1}), "capacity for 'mial'.*Did you mean 'mail'"),
        (Budget(exposure=[ExposureShare(arms=("none",), at_most=0.5)]), "reference arm 'none' has a exposure"),
        (Budget(minimum={"none": 1}), "reference arm 'none'"),
        (Budget(cost={"none": 1.0}), "costs relative to it"),
    ],
)
def test_limits_name_arms_that_do_something(budget, words):
    with pytest.raises(InputError, match=words):
        budget.check_arms(("none", "mail"))


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Intervention(target="t", cost=np.inf), "cost of 't'"),
        (lambda: Intervention(target="t", cost="a"), "cost of 't'"),
        (lambda: Intervention(target="t", kind="set"), "kind of 't' is 'set'"),
        (lambda: Budget(max_units=np.inf), "max_units is inf"),
        (lambda: Budget(per_unit="a"), "per_unit is 'a'"),
        (lambda: Budget(total="a"), "budget is 'a'"),
        (lambda: Budget(cost={1: "a"}), "cost of arm 1"),
        (lambda: Budget(cost=2.0), "cost is 2.0"),
        (lambda: Budget(capacity={1: np.inf}), "capacity of arm 1"),
        (lambda: Budget(max_gap="a"), "max_gap is 'a'"),
        (lambda: Budget(exposure=[("a", 0.1)]), "ExposureShare"),
        (lambda: ExposureShare(arms="tea"), "tuple"),
        (lambda: ExposureShare(arms=("tea",), at_least="x"), "at least x"),
        (lambda: Audience(cost=np.array([1.0, np.inf])), "first in row 1"),
        (lambda: Audience(cost=np.array(["a"])), "can't be read as numbers"),
        (lambda: Audience(cost=3.0), "is one value"),
        (lambda: Audience(recent=np.array([0.5])), "no whole number"),
    ],
)
def test_limits_of_another_kind_are_refused(build, words):
    with pytest.raises(InputError, match=words):
        build()
