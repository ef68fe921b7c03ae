import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.expression import Fraction, Joint, Probability, Product, Sum, as_joint


@pytest.fixture
def joint():
    table = np.random.default_rng(0).dirichlet(np.ones(12)).reshape(2, 3, 2)
    return Joint(("x", "z", "y"), table)


def spread(expression, joint, order):
    names, array = expression.values(joint)
    assert sorted(names) == sorted(order)
    return np.transpose(array, [names.index(n) for n in order])


def test_conditionals_against_loops(joint):
    p = joint.table
    got = spread(Probability(("y",), ("x", "z")), joint, "xzy")
    for x in range(2):
        for z in range(3):
            assert np.allclose(got[x, z], p[x, z] / p[x, z].sum())


def test_the_adjustment_formula_against_loops(joint):
    formula = Sum(("z",), Product((Probability(("y",), ("x", "z")), Probability(("z",)))))
    got = spread(formula, joint, "xy")
    p = joint.table
    for x in range(2):
        for y in range(2):
            truth = sum(p[x, z, y] / p[x, z].sum() * p[:, z].sum() for z in range(3))
            assert np.isclose(got[x, y], truth)
    assert formula.variables == {"x", "y", "z"}


def test_a_sum_binds_its_variable_only_inside(joint):
    inner = Sum(("x",), Product((Probability(("y",), ("x", "z")), Probability(("x",)))))
    outer = Sum(("z",), Product((Probability(("z",), ("x",)), inner)))
    p = joint.table
    px, pzx = p.sum((1, 2)), p.sum(2) / p.sum((1, 2))[:, None]
    pyxz = p / p.sum(2, keepdims=True)
    truth = np.einsum("xz,wzy,w->xy", pzx, pyxz, px)
    assert np.allclose(spread(outer, joint, "xy"), truth)


def test_fractions_divide_and_never_by_zero(joint):
    quotient = Fraction(Probability(("x", "y")), Probability(("x",)))
    assert np.allclose(spread(quotient, joint, "xy"), spread(Probability(("y",), ("x",)), joint, "xy"))
    sure = Joint(("x", "y"), np.array([[0.5, 0.5], [0.0, 0.0]]))
    assert spread(Fraction(Probability(("x", "y")), Probability(("x",))), sure, "xy")[1].tolist() == [0.0, 0.0]
    assert spread(Probability(("y",), ("x",)), sure, "xy")[1].tolist() == [0.0, 0.0]


def test_as_text_and_latex():
    inner = Sum(("x",), Product((Probability(("y",), ("x", "m_1")), Probability(("x",)))))
    assert str(Product((Probability(("m_1",), ("x",)), inner))) == "P(m_1 | x) Σ_{x} P(y | x, m_1) P(x)"
    assert str(Product((inner, Probability(("z",))))) == "[Σ_{x} P(y | x, m_1) P(x)] P(z)"
    assert Probability(("m_1",), ("x",)).latex() == r"P(m\_1 \mid x)"
    assert Sum(("m_1",), Probability(("m_1",))).latex() == r"\sum_{m\_1} P(m\_1)"
    assert str(Fraction(Probability(("a",)), Probability(("b",)))) == "[P(a)] / [P(b)]"


def test_what_is_no_joint_is_refused():
    with pytest.raises(InputError, match="sums to one"):
        Joint(("x",), np.array([0.5, 0.6]))
    with pytest.raises(InputError, match="2 variables"):
        Joint(("x", "y"), np.array([0.5, 0.5]))
    assert as_joint({"variables": ["x"], "table": [0.25, 0.75]}).marginal(("x",)).tolist() == [0.25, 0.75]
