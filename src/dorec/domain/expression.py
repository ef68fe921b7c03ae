"""Probability expressions: sums, products, fractions and conditionals of one observed joint distribution."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
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

    def marginal(self, keep: tuple[str, ...]) -> FloatArray:
        """The marginal over `keep`, with its dimensions in that order."""
        axes = {name: i for i, name in enumerate(self.variables)}
        return einsum(self.table, list(range(len(axes))), [axes[name] for name in keep])


einsum: Any = np.einsum  # its stubs don't know operands as lists of integers

Values = tuple[tuple[str, ...], FloatArray]  # variables, and an array with a dimension for each


class Expression:
    """A functional of a joint distribution: printable, and evaluable on a `Joint`."""

    def values(self, joint: Joint) -> Values:
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
    """P(of | given).

    >>> print(Probability(("y",), ("x", "z")))
    P(y | x, z)
    """

    of: tuple[str, ...]
    given: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"P({', '.join(self.of)}{' | ' + ', '.join(self.given) if self.given else ''})"

    def latex(self) -> str:
        """The expression in LaTeX."""
        return str(self).replace("|", r"\mid").replace("_", r"\_")

    @property
    def variables(self) -> frozenset[str]:
        """Every variable that occurs."""
        return frozenset((*self.of, *self.given))

    def values(self, joint: Joint) -> Values:
        """P(of | given) over the levels of both; 0 where the condition has probability 0."""
        names = (*self.of, *self.given)
        top = joint.marginal(names)
        if not self.given:
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

    def values(self, joint: Joint) -> Values:
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

    def values(self, joint: Joint) -> Values:
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

    def values(self, joint: Joint) -> Values:
        """The sum over the levels of `over`."""
        names, array = self.term.values(joint)
        keep = tuple(n for n in names if n not in self.over)
        return keep, einsum(array, list(range(len(names))), [names.index(n) for n in keep])


def _spread(values: Values, order: tuple[str, ...]) -> FloatArray:
    names, array = values
    moved = np.transpose(array, [names.index(n) for n in order if n in names])
    return moved.reshape([moved.shape[[m for m in order if m in names].index(n)] if n in names else 1 for n in order])


def as_joint(joint: "Joint | Mapping[str, object]") -> Joint:
    """A `Joint` from itself or from {'variables': [...], 'table': nested lists}."""
    if isinstance(joint, Joint):
        return joint
    return Joint(tuple(joint["variables"]), np.asarray(joint["table"], dtype=np.float64))  # type: ignore[arg-type]
