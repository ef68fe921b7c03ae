import pytest

from dorec.domain.counterfactual import Counterfactual, CounterfactualEstimand
from dorec.domain.errors import InputError
from dorec.domain.expression import At, Probability
from dorec.domain.regime import Regime


def test_events_are_values():
    one = Counterfactual("y", 1, do={"x": 0, "a": 1})
    assert one == Counterfactual("y", 1, do={"a": 1, "x": 0})
    assert (str(one), one.variables) == ("y_{a=1, x=0} = 1", {"y", "x", "a"})
    with pytest.raises(InputError, match="m is set to"):
        Counterfactual("y", 1, do={"m": Counterfactual("m", 1)})


def test_an_estimand_says_what_it_needs():
    term = At(Probability(("y",), (), Regime(do="x")), (("x", 1), ("y", 1)))
    estimand = CounterfactualEstimand(
        events=(Counterfactual("y", 1, do={"x": 1}),), interventional=term, expression=term
    )
    assert str(estimand) == "P(y_{x=1} = 1) = P(y=1 | do(x=1))"
    assert estimand.to_dict()["experiments"] == ["do(x)"]
    assert estimand.latex() == r"P(y=1 \mid \mathrm{do}(x=1))"
    joint = {Regime(do="x"): {"variables": ["x", "y"], "table": [[0.25, 0.25], [0.1, 0.4]]}}
    assert estimand.evaluate(joint) == pytest.approx(0.8)


@pytest.mark.parametrize("level", [-1, "a", 0.5, True])
def test_levels_are_indices(level):
    with pytest.raises(InputError, match="levels are given by their index"):
        Counterfactual("y", level, do={"x": 1})
    with pytest.raises(InputError, match="levels are given by their index"):
        Counterfactual("y", 0, do={"x": level})
