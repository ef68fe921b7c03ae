import numpy as np
import pytest

from dorec.domain.errors import InputError, NoOverlap
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Joint, Probability, Product, Sum
from dorec.domain.query import CausalQuery


def joint(*names, levels=2, seed=0):
    table = np.random.default_rng(seed).dirichlet(np.ones(levels ** len(names)))
    return Joint(names, table.reshape([levels] * len(names)))


def test_dimensions_are_outcomes_treatments_conditions_whatever_the_order_of_the_joint():
    query = CausalQuery(["t"], ["y"], ["c"])
    expression = Sum(("z",), Product((Probability(("y",), ("t", "c", "z")), Probability(("z",), ("c",)))))
    estimand = Estimand(query=query, strategy="back-door", expression=expression)
    one = joint("z", "c", "y", "t")
    other = Joint(("t", "y", "z", "c"), np.transpose(one.table, [3, 2, 0, 1]))
    got = estimand.evaluate(one)
    assert got.shape == (2, 2, 2)
    assert np.allclose(got.sum(axis=0), 1.0)
    assert np.allclose(got, estimand.evaluate(other))
    assert np.allclose(got, estimand.evaluate({"variables": other.variables, "table": other.table.tolist()}))


def test_no_effect_is_the_same_for_every_treatment():
    estimand = Estimand(query=CausalQuery("t", "y"), strategy="general", expression=Probability(("y",)))
    both = joint("t", "y")
    got = estimand.evaluate(both)
    assert np.allclose(got, both.table.sum(axis=0)[:, None])


def test_a_variable_that_does_not_matter_is_left_out():
    # P(y | t, w) where w is independent of both: any level of w will do
    ty, w = joint("t", "y"), np.array([0.3, 0.7])
    three = Joint(("t", "y", "w"), ty.table[:, :, None] * w)
    estimand = Estimand(query=CausalQuery("t", "y"), strategy="general", expression=Probability(("y",), ("t", "w")))
    assert np.allclose(estimand.evaluate(three), (ty.table / ty.table.sum(axis=1, keepdims=True)).T)


def test_as_text_and_data():
    estimand = Estimand(
        query=CausalQuery("t", "y"),
        strategy="randomised",
        expression=Probability(("y",), ("t",)),
        assumptions=("coin",),
    )
    assert str(estimand) == "P(y | do(t)) = P(y | t)"
    data = estimand.to_dict()
    assert (data["strategy"], data["expression"], data["assumptions"]) == ("randomised", "P(y | t)", ["coin"])
    assert data["latex"] == r"P(y \mid t)"


def test_cells_without_probability_are_refused():
    back_door = Sum(("z",), Product((Probability(("y",), ("t", "z")), Probability(("z",)))))
    estimand = Estimand(query=CausalQuery("t", "y"), strategy="back-door", expression=back_door)
    table = np.zeros((2, 2, 2))
    table[0, 0, 0] = table[1, 1, 1] = 0.5
    with pytest.raises(NoOverlap, match=r"sum to 0\.5 instead of 1"):
        estimand.evaluate(Joint(("z", "t", "y"), table))


@pytest.mark.parametrize("table", [[[0.5, -0.1], [0.3, 0.3]]])
def test_a_joint_has_no_negative_probability(table):
    with pytest.raises(InputError, match="no negative"):
        Joint(("x", "y"), np.array(table))
    with pytest.raises(InputError, match="once"):
        Joint(("x", "x"), np.full((2, 2), 0.25))
