import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.expression import At, Constant, Joint, Probability, regimes_of
from dorec.domain.regime import OBSERVED, Regime


def test_a_regime_is_a_value():
    assert Regime(do="z") == Regime(do=["z"]) == Regime(["z", "z"])
    assert Regime() == OBSERVED
    assert len({Regime(do="z"), Regime(do=("z",)), Regime(selected="z")}) == 2
    assert str(Regime(do=["b", "a"], selected="s", domain="shop")) == "do(a, b), s=1, in shop"
    with pytest.raises(InputError, match="at once"):
        Regime(do="z", selected="z")
    with pytest.raises(InputError, match="name `domain`"):
        Regime(differs="z")


def test_a_term_reads_the_joint_of_its_regime():
    trial, watched = np.array([[0.1, 0.4], [0.3, 0.2]]), np.full((2, 2), 0.25)
    joints = {Regime(do="x"): Joint(("x", "y"), trial), OBSERVED: Joint(("x", "y"), watched)}
    names, values = Probability(("y",), (), Regime(do="x")).values(joints)
    assert names == ("y", "x")
    assert np.allclose(values, [[0.2, 0.6], [0.8, 0.4]])
    assert np.allclose(Probability(("y",), ("x",)).values(joints)[1], 0.5)
    with pytest.raises(InputError, match=r"regime do\(z\)"):
        Probability(("y",), (), Regime(do="z")).values(joints)


def test_levels_and_numbers():
    joint = Joint(("x", "y"), np.array([[0.1, 0.4], [0.3, 0.2]]))
    held = At(Probability(("y",), ("x",)), (("x", 1),))
    assert np.allclose(held.values(joint)[1], [0.6, 0.4])
    assert (held.latex(), held.variables) == (r"P(y \mid x=1)", {"x", "y"})
    assert Constant(0.5).values(joint)[1] == 0.5
    assert regimes_of(Constant(1.0)) == {}
