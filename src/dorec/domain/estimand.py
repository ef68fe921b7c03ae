"""What would have to be computed from the data to answer a causal query, and under which assumptions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import NoOverlap
from dorec.domain.expression import Expression, Joint, as_joints, regimes_of
from dorec.domain.query import CausalQuery
from dorec.domain.regime import Regime
from dorec.numeric.arrays import FloatArray

Strategy = Literal[
    "randomised", "back-door", "front-door", "instrument", "mediation", "general", "experiments", "selection"
]


@dataclass(frozen=True, kw_only=True)
class Estimand:
    """A query, the strategy that answers it, the expression, the variables it needs, and its assumptions in words.

    Example:
        >>> from dorec.domain.expression import Probability, Product, Sum
        >>> e = Estimand(query=CausalQuery("x", "y"), strategy="back-door", adjustment_set=("z",),
        ...     expression=Sum(("z",), Product((Probability(("y",), ("x", "z")), Probability(("z",))))))
        >>> print(e)
        P(y | do(x)) = Σ_{z} P(y | x, z) P(z)
    """

    query: CausalQuery
    strategy: Strategy
    expression: Expression
    adjustment_set: tuple[str, ...] = ()
    instruments: tuple[str, ...] = ()
    mediators: tuple[str, ...] = ()
    assumptions: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"{self.query} = {self.expression}"

    def latex(self) -> str:
        """The estimand in LaTeX."""
        return self.expression.latex()

    @property
    def regimes(self) -> tuple[Regime, ...]:
        """The data sources that the expression draws on, the population as observed first."""
        return tuple(sorted(regimes_of(self.expression), key=lambda r: (len(r.do), str(r))))

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """What an estimator has to be handed: role -> columns; roles without columns are left out.

        Example:
            >>> from dorec.domain.expression import Probability
            >>> e = Estimand(query=CausalQuery("x", "y"), strategy="randomised", expression=Probability(("y",), ("x",)))
            >>> e.needs
            {'outcome': ('y',), 'treatment': ('x',), 'columns': ('x', 'y')}
        """
        query = self.query
        asked = {*query.outcomes, *query.treatments, *query.conditions}
        roles = {
            "outcome": query.outcomes,
            "treatment": query.treatments,
            "conditions": query.conditions,
            "covariates": self.adjustment_set,
            "instruments": self.instruments,
            "mediators": self.mediators,
            "randomised": tuple(sorted({name for regime in self.regimes for name in regime.do})),
            "selected": tuple(sorted({name for regime in self.regimes for name in regime.selected})),
            "columns": tuple(sorted(asked | self.expression.variables)),
        }
        return {role: columns for role, columns in roles.items() if columns}

    def evaluate(self, joint: "Joint | Mapping[str, object] | Mapping[Regime, Joint]") -> FloatArray:
        """P(outcomes | do(treatments), conditions) on a discrete joint: dimensions outcomes, treatments, conditions.

        A variable that the expression does not mention keeps a dimension along which the values do not change.

        Args:
            joint: of the population as observed, or a mapping with the joint of each regime that the expression draws
                on. The joint of an experiment holds the randomised nodes as well, with any distribution.
        """
        joints = as_joints(joint)
        names, array = self.expression.values(joints)
        wanted = (*self.query.outcomes, *self.query.treatments, *self.query.conditions)
        for free in [n for n in names if n not in wanted]:  # its value does not matter; take the first
            axis = names.index(free)
            names, array = names[:axis] + names[axis + 1 :], np.take(array, 0, axis=axis)
        levels = {n: k for j in joints.values() for n, k in zip(j.variables, j.table.shape, strict=True)}
        shape = [levels[n] if n in names else 1 for n in wanted]
        moved = np.transpose(array, [names.index(n) for n in wanted if n in names]).reshape(shape)
        found = np.broadcast_to(moved, [levels[n] for n in wanted]).copy()
        total = found.sum(axis=tuple(range(len(self.query.outcomes))))
        if not np.allclose(total, 1.0, atol=1e-6):
            raise NoOverlap(
                f"{self} conditions on combinations of levels that the joint gives no probability: its values sum to "
                f"{total.min():.3g} instead of 1",
                remedy="merge levels, or ask about treatments that every kind of unit can have",
                evidence={"sums": total.tolist()},
            )
        return found

    def to_dict(self) -> dict[str, Any]:
        """The estimand as plain data."""
        return {
            "query": str(self.query),
            "strategy": self.strategy,
            "expression": str(self.expression),
            "latex": self.latex(),
            "adjustment_set": list(self.adjustment_set),
            "instruments": list(self.instruments),
            "mediators": list(self.mediators),
            "assumptions": list(self.assumptions),
            "sources": [str(regime) for regime in self.regimes],
            "needs": {role: list(columns) for role, columns in self.needs.items()},
        }
