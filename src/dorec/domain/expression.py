"""Probability expressions: sums, products, fractions and conditionals of observed or randomised joints."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.regime import OBSERVED, Regime
from dorec.numeric.arrays import FloatArray


@dataclass(frozen=True)
class Joint:
    """A discrete joint distribution: `table[i, j, ...]` is the probability of the i-th level of the first variable, ...

    Example:
        >>> joint = Joint(("x", "y"), np.array([[0.3, 0.2], [0.1, 0.4]]))
        >>> joint.marginal(("y",)).round(2).tolist()
        [0.4, 0.6]
    """

    variables: tuple[str, ...]
    table: FloatArray

    def __post_init__(self) -> None:
        if self.table.ndim != len(self.variables) or not np.isclose(self.table.sum(), 1.0):
            raise InputError(
                f"A joint of {len(self.variables)} variables needs an array of as many dimensions that sums to one; "
                f"got {self.table.ndim} dimensions summing to {self.table.sum():.6g}."
            )

        if len(set(self.variables)) < len(self.variables) or (self.table < -1e-12).any():
            raise InputError("A joint names each variable once, and has no negative probability.")

    def marginal(self, keep: tuple[str, ...]) -> FloatArray:
        """The marginal over `keep`, with its dimensions in that order."""
        axes = {name: i for i, name in enumerate(self.variables)}
        return einsum(self.table, list(range(len(axes))), [axes[name] for name in keep])


einsum: Any = np.einsum  # its stubs don't know operands as lists of integers

Values = tuple[tuple[str, ...], FloatArray]  # variables, and an array with a dimension for each
Joints = Joint | Mapping[Regime, Joint]  # of the population as observed, or one for each regime


class Expression:
    """A functional of a joint distribution: printable, and evaluable on a `Joint`."""

    def values(self, joint: Joints) -> Values:
        """Variables and an array over their levels."""
        raise TypeError("Expression is abstract; use Probability, Product, Fraction or Sum.")

    def latex(self) -> str:
        """The expression in LaTeX."""
        raise TypeError("Expression is abstract; use Probability, Product, Fraction or Sum.")

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs, summed over or not: what the joint distribution must hold."""
        raise TypeError("Expression is abstract; use Probability, Product, Fraction or Sum.")


@dataclass(frozen=True)
class Probability(Expression):
    """P(of | given), in the population as observed or in another regime: P(of | do(z), given).

    >>> print(Probability(("y",), ("x", "z")))
    P(y | x, z)
    >>> print(Probability(("y",), ("x",), Regime(do="z")))
    P(y | do(z), x)
    """

    of: tuple[str, ...]
    given: tuple[str, ...] = ()
    regime: Regime = OBSERVED

    def __str__(self) -> str:
        return self.text({})

    def text(self, levels: Mapping[str, int]) -> str:
        """The term with some of its variables at a level: P(y=1 | x)."""
        shown = {n: f"{n}={levels[n]}" if n in levels else n for n in self.variables}
        given = [f"do({shown[n]})" for n in self.regime.do] + [shown[n] for n in self.given if n not in self.regime.do]
        given += [f"{name}=1" for name in self.regime.selected]
        domain = f"^{{{self.regime.domain}}}" if self.regime.domain else ""
        return f"P{domain}({', '.join(shown[n] for n in self.of)}{' | ' + ', '.join(given) if given else ''})"

    def latex(self) -> str:
        """The expression in LaTeX."""
        return _in_latex(str(self))

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs."""
        return frozenset((*self.of, *self.given, *self.regime.do))

    def values(self, joint: Joints) -> Values:
        """P(of | given) over the levels of both; 0 where the condition has probability 0."""
        given = (*self.given, *(n for n in self.regime.do if n not in (*self.of, *self.given)))
        names = (*self.of, *given)
        top = _in_regime(joint, self.regime).marginal(names)
        if not given:
            return names, top
        bottom = top.sum(axis=tuple(range(len(self.of))), keepdims=True)
        return names, np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


@dataclass(frozen=True)
class Product(Expression):
    """The product of factors."""

    factors: tuple[Expression, ...]

    def __str__(self) -> str:
        return " ".join(f"[{f}]" if isinstance(f, Sum) and f is not self.factors[-1] else str(f) for f in self.factors)

    def latex(self) -> str:
        """The expression in LaTeX."""
        last = self.factors[-1]
        parts = [
            rf"\left[{f.latex()}\right]" if isinstance(f, Sum) and f is not last else f.latex() for f in self.factors
        ]
        return r" \, ".join(parts)

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs."""
        return frozenset().union(*(f.variables for f in self.factors))

    def values(self, joint: Joints) -> Values:
        """The product over the levels of all variables that occur."""
        parts = [f.values(joint) for f in self.factors]
        names = tuple(dict.fromkeys(n for variables, _ in parts for n in variables))
        operands: list[object] = []
        for variables, array in parts:
            operands += [array, [names.index(v) for v in variables]]
        return names, einsum(*operands, list(range(len(names))))


@dataclass(frozen=True)
class Fraction(Expression):
    """One expression over another; 0 where the denominator is 0."""

    numerator: Expression
    denominator: Expression

    def __str__(self) -> str:
        return f"[{self.numerator}] / [{self.denominator}]"

    def latex(self) -> str:
        """The expression in LaTeX."""
        return rf"\frac{{{self.numerator.latex()}}}{{{self.denominator.latex()}}}"

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs."""
        return self.numerator.variables | self.denominator.variables

    def values(self, joint: Joints) -> Values:
        """The quotient over the levels of all variables that occur."""
        top_names, top = self.numerator.values(joint)
        names, bottom = self.denominator.values(joint)
        order = tuple(dict.fromkeys((*top_names, *names)))
        top, bottom = _spread((top_names, top), order), _spread((names, bottom), order)
        top, bottom = np.broadcast_arrays(top, bottom)
        return order, np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


@dataclass(frozen=True)
class Sum(Expression):
    """The sum of an expression over all levels of some variables."""

    over: tuple[str, ...]
    term: Expression

    def __str__(self) -> str:
        return f"Σ_{{{', '.join(self.over)}}} {self.term}"

    def latex(self) -> str:
        """The expression in LaTeX."""
        over = ", ".join(self.over).replace("_", r"\_")
        return rf"\sum_{{{over}}} {self.term.latex()}"

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs."""
        return frozenset(self.over) | self.term.variables

    def values(self, joint: Joints) -> Values:
        """The sum over the levels of `over`."""
        names, array = self.term.values(joint)
        keep = tuple(n for n in names if n not in self.over)
        return keep, einsum(array, list(range(len(names))), [names.index(n) for n in keep])


@dataclass(frozen=True)
class At(Expression):
    """An expression where some of its variables are held at a level, given as an index.

    >>> print(At(Probability(("y",), ("x", "z")), (("x", 1),)))
    P(y | x=1, z)
    """

    term: Expression
    levels: tuple[tuple[str, int], ...]

    def __str__(self) -> str:
        if isinstance(self.term, Probability):
            return self.term.text(dict(self.levels))
        return f"[{self.term}]_{{{', '.join(f'{name}={level}' for name, level in self.levels)}}}"

    def latex(self) -> str:
        """The expression in LaTeX."""
        if isinstance(self.term, Probability):
            return _in_latex(str(self))
        held = ", ".join(f"{name}={level}" for name, level in self.levels).replace("_", r"\_")
        return rf"\left[{self.term.latex()}\right]_{{{held}}}"

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs."""
        return self.term.variables | {name for name, _ in self.levels}

    def values(self, joint: Joints) -> Values:
        """The values at those levels, over the levels of the other variables."""
        names, array = self.term.values(joint)
        held = dict(self.levels)
        index = tuple(held.get(n, slice(None)) for n in names)
        return tuple(n for n in names if n not in held), np.asarray(array[index])


@dataclass(frozen=True)
class Renamed(Expression):
    """An expression in which a variable may take another value than where it stands beside: x is called x* here.

    Example:
        >>> natural = Renamed(Probability(("m",), ("x", "z")), (("x", "x*"),))
        >>> print(natural)
        P(m | x*, z)
        >>> natural.values(Joint(("m", "x", "z"), np.full((2, 2, 2), 0.125)))[0]
        ('m', 'x*', 'z')
    """

    term: Expression
    names: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        new = dict(self.names)
        if isinstance(self.term, Probability) and not self.term.regime.do:
            shown = replace(
                self.term,
                of=tuple(new.get(n, n) for n in self.term.of),
                given=tuple(new.get(n, n) for n in self.term.given),
            )
            return str(shown)
        return f"[{self.term}]_{{{', '.join(f'{a} → {b}' for a, b in self.names)}}}"

    def latex(self) -> str:
        """The expression in LaTeX."""
        if isinstance(self.term, Probability) and not self.term.regime.do:
            return _in_latex(str(self))
        names = ", ".join(rf"{a} \to {b}" for a, b in self.names).replace("_", r"\_")
        return rf"\left[{self.term.latex()}\right]_{{{names}}}"

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs, by its own name: what the joint distribution must hold."""
        return self.term.variables

    def values(self, joint: Joints) -> Values:
        """The values, with the new names for the variables that no sum binds."""
        names, array = self.term.values(joint)
        new = dict(self.names)
        return tuple(new.get(n, n) for n in names), array


@dataclass(frozen=True)
class Constant(Expression):
    """A number, such as the probability of what can't be (0) or must be (1).

    >>> print(Constant(0.0))
    0
    """

    value: float

    def __str__(self) -> str:
        return f"{self.value:g}"

    def latex(self) -> str:
        """The number."""
        return str(self)

    @property
    def variables(self) -> frozenset[str]:
        """None."""
        return frozenset()

    def values(self, joint: Joints) -> Values:
        """The number, without dimensions."""
        del joint
        return (), np.asarray(self.value, dtype=np.float64)


def _in_regime(joint: Joints, regime: Regime) -> Joint:
    if isinstance(joint, Joint):
        joint = {OBSERVED: joint}
    if regime not in joint:
        have = "; ".join(str(r) for r in joint)
        raise InputError(
            f"The expression needs the joint of the regime {regime}; got {have}. Hand in a mapping that holds it."
        )
    return joint[regime]


def _in_latex(text: str) -> str:
    return text.replace("|", r"\mid").replace("_", r"\_").replace("do(", r"\mathrm{do}(")


def _spread(values: Values, order: tuple[str, ...]) -> FloatArray:
    names, array = values
    moved = np.transpose(array, [names.index(n) for n in order if n in names])
    return moved.reshape([moved.shape[[m for m in order if m in names].index(n)] if n in names else 1 for n in order])


def as_joint(joint: "Joint | Mapping[str, object]") -> Joint:
    """A `Joint` from itself or from {'variables': [...], 'table': nested lists}."""
    if isinstance(joint, Joint):
        return joint
    return Joint(tuple(joint["variables"]), np.asarray(joint["table"], dtype=np.float64))  # type: ignore[arg-type]


def as_joints(joint: "Joint | Mapping[str, object] | Mapping[Regime, Joint]") -> dict[Regime, Joint]:
    """The joint of each regime: from a mapping of them, or from the one of the population as observed."""
    if isinstance(joint, Mapping) and joint and all(isinstance(key, Regime) for key in joint):
        return {regime: as_joint(one) for regime, one in joint.items()}  # type: ignore[misc, arg-type]
    return {OBSERVED: as_joint(joint)}  # type: ignore[arg-type]


def regimes_of(expression: Expression) -> dict[Regime, frozenset[str]]:
    """Every regime that a term of the expression draws on, with the variables that its joint has to hold.

    >>> found = regimes_of(Product((Probability(("y",), ("x",)), Probability(("x",), (), Regime(do="z")))))
    >>> {str(regime): sorted(names) for regime, names in found.items()}
    {'observed': ['x', 'y'], 'do(z)': ['x', 'z']}
    """
    found: dict[Regime, frozenset[str]] = {}
    left = [expression]
    while left:
        part = left.pop(0)
        if isinstance(part, Probability):
            found[part.regime] = found.get(part.regime, frozenset()) | part.variables
        left += parts_of(part)
    return found


def parts_of(expression: Expression) -> tuple[Expression, ...]:
    """The expressions that an expression is made of; none for a probability.

    >>> len(parts_of(Fraction(Probability(("x", "y")), Probability(("y",)))))
    2
    """
    if isinstance(expression, Product):
        return expression.factors
    if isinstance(expression, Fraction):
        return (expression.numerator, expression.denominator)
    term = getattr(expression, "term", None)
    return (term,) if isinstance(term, Expression) else ()
