"""Events in several worlds at once, and what would have to be computed to know their probability."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Union

from dorec.domain.errors import InputError
from dorec.domain.expression import Expression, Joint, as_joints, regimes_of
from dorec.domain.regime import Regime

Setting = Union[int, "Counterfactual"]


@dataclass(frozen=True)
class Counterfactual:
    """That a variable takes a level in the world where others are set: y_{x=1} = 0.

    What is set may itself come from another world, as in y_{x=1, m_{x=0}} of mediation: such an inner counterfactual
    has no value of its own.

    Attributes:
        variable: a node.
        value: the index of its level; None inside another counterfactual only.
        do: what is set in that world, as pairs of a node and a level or a counterfactual of that node; sorted.

    Example:
        >>> print(Counterfactual("y", 1, do={"x": 1, "m": Counterfactual("m", do={"x": 0})}))
        y_{m_{x=0}, x=1} = 1
    """

    variable: str
    value: int | None = None
    do: tuple[tuple[str, Setting], ...] = ()

    def __init__(self, variable: str, value: int | None = None, do: Mapping[str, Setting] | None = None) -> None:
        object.__setattr__(self, "variable", variable)
        object.__setattr__(self, "value", value)
        object.__setattr__(self, "do", tuple(sorted((do or {}).items(), key=lambda pair: pair[0])))
        for name, level in ((variable, value), *self.do):
            whole = isinstance(level, int) and not isinstance(level, bool) and level >= 0
            if level is not None and not isinstance(level, Counterfactual) and not whole:
                raise InputError(f"{name} is at level {level!r}; levels are given by their index, 0, 1, ...")
        for name, setting in self.do:
            if isinstance(setting, Counterfactual) and (setting.variable != name or setting.value is not None):
                raise InputError(
                    f"{name} is set to ({setting}); set it to a level, or to Counterfactual({name!r}, do=...)."
                )

    def __str__(self) -> str:
        inner = ", ".join(str(s) if isinstance(s, Counterfactual) else f"{name}={s}" for name, s in self.do)
        world = f"{self.variable}_{{{inner}}}" if inner else self.variable
        return world if self.value is None else f"{world} = {self.value}"

    @property
    def variables(self) -> frozenset[str]:
        """Every node that is named."""
        inner = [s.variables if isinstance(s, Counterfactual) else frozenset((name,)) for name, s in self.do]
        return frozenset((self.variable,)).union(*inner)


@dataclass(frozen=True, kw_only=True)
class CounterfactualEstimand:
    """The probability of events in several worlds, in terms of distributions that data can show.

    Attributes:
        events: what is asked for.
        given: what is known to have happened.
        interventional: in terms of one world at a time, P(... | do(...)).
        expression: the same with every experiment that observation (or a source at hand) can stand in for replaced.
        assumptions: in words.

    Example:
        >>> import numpy as np
        >>> from dorec.domain.expression import At, Probability
        >>> p = At(Probability(("y",), ("x",)), (("x", 1), ("y", 0)))
        >>> e = CounterfactualEstimand(events=(Counterfactual("y", 0, do={"x": 1}),), interventional=p, expression=p)
        >>> print(e)
        P(y_{x=1} = 0) = P(y=0 | x=1)
        >>> round(e.evaluate(Joint(("x", "y"), np.array([[0.3, 0.3], [0.1, 0.3]]))), 3)
        0.25
    """

    events: tuple[Counterfactual, ...]
    given: tuple[Counterfactual, ...] = ()
    interventional: Expression
    expression: Expression
    assumptions: tuple[str, ...] = ()

    @property
    def question(self) -> str:
        """P(events | given)."""
        given = f" | {', '.join(map(str, self.given))}" if self.given else ""
        return f"P({', '.join(map(str, self.events))}{given})"

    def __str__(self) -> str:
        return f"{self.question} = {self.expression}"

    def latex(self) -> str:
        """The expression in LaTeX."""
        return self.expression.latex()

    @property
    def regimes(self) -> tuple[Regime, ...]:
        """The data sources that the expression draws on; one with `do` is an experiment."""
        return tuple(sorted(regimes_of(self.expression), key=lambda r: (len(r.do), str(r))))

    @property
    def needs(self) -> dict[str, tuple[str, ...]]:
        """Columns, and what has to have been randomised, if anything."""
        randomised = tuple(sorted({name for regime in self.regimes for name in regime.do}))
        roles = {"columns": tuple(sorted(self.expression.variables)), "randomised": randomised}
        return {role: names for role, names in roles.items() if names}

    def evaluate(self, joint: "Joint | Mapping[str, object] | Mapping[Regime, Joint]") -> float:
        """The probability on a discrete joint, or on the joints of the regimes that the expression draws on."""
        joints = as_joints(joint)
        levels = {n: k for j in joints.values() for n, k in zip(j.variables, j.table.shape, strict=True)}
        for name, level in _levels((*self.events, *self.given)):
            if level >= levels.get(name, level + 1):
                raise InputError(f"{name} is asked about at level {level}, and has {levels[name]} in the joint.")
        _, array = self.expression.values(joints)
        return float(array.reshape(-1)[0])  # what dimensions are left do not matter

    def to_dict(self) -> dict[str, Any]:
        """The estimand as plain data."""
        return {
            "query": self.question,
            "expression": str(self.expression),
            "interventional": str(self.interventional),
            "latex": self.latex(),
            "experiments": [str(regime) for regime in self.regimes if regime.do],
            "assumptions": list(self.assumptions),
            "needs": {role: list(names) for role, names in self.needs.items()},
        }


def _levels(events: "tuple[Counterfactual, ...]") -> list[tuple[str, int]]:
    """Every node with a level that the events name."""
    found = [(event.variable, event.value) for event in events if event.value is not None]
    for event in events:
        for name, setting in event.do:
            found += _levels((setting,)) if isinstance(setting, Counterfactual) else [(name, setting)]
    return found
