import numpy as np
import pytest

from dorec.domain.expression import At, Constant, Fraction, Joint, Probability, Product, Sum
from dorec.domain.regime import Regime
from dorec.domain.simplification import free_variables, simplified

NAMES = ("a", "b", "c", "d")


def random_expression(rng, depth):
    """An expression over a, b, c, d whose values are those of no degenerate joint."""
    kind = rng.integers(0, 4) if depth else 0
    names = rng.permutation(NAMES).tolist()
    if kind == 0:
        k, m = sorted(rng.integers(1, 5, 2))
        return Probability(tuple(names[:k]), tuple(names[k:m]))
    if kind == 1:
        return Product(tuple(random_expression(rng, depth - 1) for _ in range(rng.integers(2, 4))))
    if kind == 2:
        return Fraction(random_expression(rng, depth - 1), random_expression(rng, depth - 1))
    return Sum(tuple(names[: rng.integers(1, 3)]), random_expression(rng, depth - 1))


def values(expression, joint):
    """Values over all four variables, in their order."""
    names, array = expression.values(joint)
    full = np.transpose(array, [names.index(n) for n in NAMES if n in names])
    return np.broadcast_to(full.reshape([2 if n in names else 1 for n in NAMES]), (2, 2, 2, 2))


@pytest.mark.parametrize("seed", range(600))
def test_the_value_stays_the_same(seed):
    rng = np.random.default_rng(seed)
    joint = Joint(NAMES, rng.dirichlet(np.ones(16)).reshape(2, 2, 2, 2))
    expression = random_expression(rng, 4)
    short = simplified(expression)
    assert np.allclose(values(short, joint), values(expression, joint)), (str(expression), str(short))
    assert free_variables(short) <= free_variables(expression)
    assert str(simplified(short)) == str(short)


def p(of, given=(), **regime):
    return Probability(tuple(of), tuple(given), Regime(**regime))


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (Product((p("a", "bc"), p("b", "c"))), "P(b, a | c)"),
        (Sum(("a",), p("a", "b")), "1"),
        (Sum(("a",), Product((p("a"), p("b", "c")))), "P(b | c)"),
        (Fraction(p("abc"), p("bc")), "P(a | b, c)"),
        (Fraction(Product((p("a"), p("b"))), Product((p("b"), p("c")))), "[P(a)] / [P(c)]"),
        (Product((Fraction(p("ab"), p("b")), Fraction(p("b"), p("c")))), "[P(b, a)] / [P(c)]"),
        (Sum(("a",), Product((p("b", "a"), p("a"), p("d", "c")))), "P(b) P(d | c)"),
        (Sum(("b",), Product((p("a", "b", do="c"), p("b", (), do="c")))), "P(a | do(c))"),
        (Product((p("a", "b", do="c"), p("b"))), "P(a | do(c), b) P(b)"),
        (Product((Constant(0.0), p("a"))), "0"),
        (At(Sum(("a",), p("ab")), (("b", 1), ("c", 0))), "P(b=1)"),
        (Sum(("c",), Product((p("a", "bc"), p("c")))), "Σ_{c} P(a | b, c) P(c)"),
    ],
)
def test_what_it_looks_like(expression, expected):
    assert str(simplified(expression)) == expected
