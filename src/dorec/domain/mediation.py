"""What would have to be computed to split an effect into what passes through mediators and what does not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.estimand import Estimand
from dorec.domain.expression import Expression, Joint, as_joint
from dorec.domain.query import CausalQuery
from dorec.numeric.arrays import FloatArray

STAR = "*"  # ends the name of a treatment that takes its other value


@dataclass(frozen=True, kw_only=True)
class MediationEstimand:
    """P(Y_{x, M_{x*}}): outcomes when treatments are x, but mediators are what they would be under x*.

    Natural direct and indirect effects (Pearl 2001, arXiv:1301.2300) and the total effect are contrasts of it, each
    as a difference of expected outcomes; the controlled direct effect has an expression of its own.

    Example:
        >>> from dorec.domain.expression import Probability, Product, Renamed, Sum
        >>> natural = Renamed(Probability(("m",), ("x",)), (("x", "x*"),))
        >>> e = MediationEstimand(query=CausalQuery("x", "y", mediators="m"),
        ...     nested=Sum(("m",), Product((Probability(("y",), ("x", "m")), natural))))
        >>> print(e)
        P(y_{x, m_{x*}}) = Σ_{m} P(y | x, m) P(m | x*)
        >>> table = np.array([[[0.3, 0.1], [0.05, 0.05]], [[0.1, 0.1], [0.05, 0.25]]])  # x, m, y
        >>> joint = Joint(("x", "m", "y"), table)
        >>> {name: round(value, 3) for name, value in e.effects(joint).items()}
        {'total': 0.4, 'nde': 0.267, 'nie': 0.1, 'tde': 0.3, 'tie': 0.133}
    """

    query: CausalQuery
    nested: Expression  # over outcomes, treatments x and treatments x*
    controlled: Estimand | None = None  # P(outcomes | do(treatments, mediators)), where it is identified
    assumptions: tuple[str, ...] = ()

    def __str__(self) -> str:
        x, m, y = (", ".join(n) for n in (self.query.treatments, self.query.mediators, self.query.outcomes))
        starred = ", ".join(n + STAR for n in self.query.treatments)
        return f"P({y}_{{{x}, {m}_{{{starred}}}}}) = {self.nested}"

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """What an estimator has to be handed: role -> columns."""
        query = self.query
        asked = {*query.outcomes, *query.treatments, *query.mediators}
        roles = {
            "outcome": query.outcomes,
            "treatment": query.treatments,
            "mediators": query.mediators,
            "covariates": tuple(sorted(self.nested.variables - asked)),
            "columns": tuple(sorted(self.nested.variables | asked)),
        }
        return {role: columns for role, columns in roles.items() if columns}

    def evaluate(self, joint: Joint | Mapping[str, object]) -> FloatArray:
        """P(Y_{x, M_{x*}}) on a discrete joint: dimensions outcomes, treatments x, treatments x*."""
        found = as_joint(joint)
        names, array = self.nested.values(found)
        query = self.query
        wanted = (*query.outcomes, *query.treatments, *(n + STAR for n in query.treatments))
        for free in [n for n in names if n not in wanted]:  # its value does not matter; take the first
            axis = names.index(free)
            names, array = names[:axis] + names[axis + 1 :], np.take(array, 0, axis=axis)
        levels = dict(zip(found.variables, found.table.shape, strict=True))
        sizes = [levels[n.removesuffix(STAR) if n not in levels else n] for n in wanted]
        shape = [size if n in names else 1 for n, size in zip(wanted, sizes, strict=True)]
        moved = np.transpose(array, [names.index(n) for n in wanted if n in names]).reshape(shape)
        return np.broadcast_to(moved, sizes).copy()

    def effects(
        self,
        joint: Joint | Mapping[str, object],
        levels: tuple[int, int] = (0, 1),
        values: Sequence[float] | None = None,
    ) -> dict[str, float]:
        """Total, direct and indirect effects on the mean of the outcome, going from one treatment level to another.

        Args:
            joint: of the population as observed.
            levels: indices of the reference and of the treated level.
            values: of the outcome's levels; their indices by default.

        Returns:
            "total" = E Y_1 - E Y_0; "nde" = E Y_{1, M_0} - E Y_0 (natural direct); "nie" = E Y_{0, M_1} - E Y_0
            (natural indirect); "tde" = total - nie and "tie" = total - nde (total direct and total indirect).

        Raises:
            InputError: there are several treatments or outcomes.
        """
        if len(self.query.treatments) > 1 or len(self.query.outcomes) > 1:
            raise InputError(f"{self.query} has several treatments or outcomes; take contrasts of evaluate() yourself.")
        table = self.evaluate(joint)
        mean = np.tensordot(np.asarray(values if values is not None else range(len(table)), float), table, 1)
        low, high = levels
        total = float(mean[high, high] - mean[low, low])
        nde = float(mean[high, low] - mean[low, low])
        nie = float(mean[low, high] - mean[low, low])
        return {"total": total, "nde": nde, "nie": nie, "tde": total - nie, "tie": total - nde}

    def to_dict(self) -> dict[str, Any]:
        """The estimand as plain data."""
        return {
            "query": str(self.query),
            "strategy": "mediation",
            "nested": str(self.nested),
            "latex": self.nested.latex(),
            "controlled": self.controlled.to_dict() if self.controlled else None,
            "mediators": list(self.query.mediators),
            "assumptions": list(self.assumptions),
            "needs": {role: list(columns) for role, columns in self.needs.items()},
        }
