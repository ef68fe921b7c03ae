"""What is done to a model: constants, shifts, values by unit and policies, and the order in which they can act."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.intervention import Intervention
from dorec.numeric.arrays import AnyArray
from dorec.simulate.variables import Values, Variable

Do: TypeAlias = "Mapping[str, Any] | Iterable[Intervention]"
Policy: TypeAlias = Callable[[Mapping[str, AnyArray], np.random.Generator], AnyArray]


@dataclass(frozen=True, eq=False)
class Rule:
    """How a variable gets its value: the same for all, each unit its own, moved by some amount, drawn, or decided."""

    target: str
    kind: Literal["constant", "given", "shift", "draw", "decide"]
    value: Any

    @property
    def needs_natural(self) -> bool:
        """Whether it starts from the value that the variable would have by itself."""
        return self.kind in ("shift", "decide")

    def apply(
        self, variable: Variable, natural: AnyArray | None, visible: Mapping[str, AnyArray], n: int, rng: Any
    ) -> AnyArray:
        """The values (n,) of the variable, encoded.

        Raises:
            InputError: a value is none of the variable's levels, or no number; the numbers of values and units differ.
        """
        if self.kind == "constant":
            return np.full(n, self.value)
        if self.kind == "draw":
            levels, shares = self.value
            return np.asarray(levels[np.searchsorted(np.cumsum(shares)[:-1], rng.random(n), side="right")])
        own = {} if natural is None else {self.target: variable.decode(natural)}
        if self.kind == "shift":
            moved: AnyArray = own[self.target] + self.value
            return variable.encode(moved)
        said = np.asarray(self.value({**visible, **own}, rng) if self.kind == "decide" else self.value)
        if said.shape != (n,):
            raise InputError(
                f"The values for do({self.target}) have shape {said.shape}; give one for each of {n:,} units."
            )
        return variable.encode(said)


def read_rules(do: "Do | None", variables: Mapping[str, Variable]) -> dict[str, Rule]:
    """The rule of each variable that is acted on.

    Raises:
        ColumnNotFound: a name is no variable.
        InputError: a variable is named twice, a level is unknown, a shift of words, shares that don't sum to one.

    Example:
        >>> read_rules({"x": ("shift", 2.0)}, {"x": Variable("x")})["x"].kind
        'shift'
    """
    if do is None:
        return {}
    if isinstance(do, Mapping):
        pairs = [(str(name), value) for name, value in do.items()]
    else:
        pairs = [(one.target, one.value if one.kind == "do" else (one.kind, one.value)) for one in do]
    rules: dict[str, Rule] = {}
    for name, value in pairs:
        if name not in variables:
            raise ColumnNotFound(name, variables, where="the variables of the model")
        if name in rules:
            raise InputError(f"{name} is acted on twice; give one intervention for each variable.")
        rules[name] = _rule(variables[name], value)
    return rules


def _rule(variable: Variable, value: Any) -> Rule:
    name = variable.name
    kind, amount = value if isinstance(value, tuple) and len(value) == 2 else ("do", value)
    if callable(amount):
        return Rule(name, "decide", amount)
    if kind == "shift":
        if not variable.is_numeric:
            raise InputError(f"{name} has words for levels, which can't be shifted; give a level, or a policy.")
        return Rule(name, "shift", _number(name, amount))
    if isinstance(amount, Mapping):
        return Rule(name, "draw", _shares(variable, amount))
    if kind != "do" or isinstance(amount, tuple):
        raise InputError(
            f"do({name}) got {value!r}; give a value, ('shift', amount), ('policy', {{level: share}}), an array with a "
            "value for each unit, or a function of the values before it and a random generator."
        )
    if np.ndim(amount) == 1:
        return Rule(name, "given", np.asarray(amount))
    return Rule(name, "constant", variable.encode([_scalar(name, amount)])[0])


def _scalar(name: str, value: Any) -> Any:
    if value is None or np.ndim(value):
        raise InputError(f"do({name}) got {value!r}; give one value, or one for each unit.")
    return value.item() if isinstance(value, np.generic) else value


def _number(name: str, value: Any) -> float:
    if not isinstance(value, int | float | np.number) or not np.isfinite(value):
        raise InputError(f"The shift of {name} is {value!r}; give a finite number.")
    return value if isinstance(value, int) else float(value)


def _shares(variable: Variable, shares: Mapping[Any, Any]) -> tuple[AnyArray, AnyArray]:
    weights = np.array([float(v) for v in shares.values()])
    if not len(weights) or not np.isclose(weights.sum(), 1) or (weights < 0).any():
        raise InputError(
            f"The policy for {variable.name} has shares {dict(shares)}; give shares of 0 or more with sum 1."
        )
    return variable.encode(list(shares)), weights / weights.sum()


def plan(graph: CausalGraph, rules: Mapping[str, Rule]) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """The order in which values follow, and what each deciding rule may look at.

    A decision sees what causes its variable, and everything else that neither its variable nor another decision has a
    part in: what a unit is known for before anybody decides.

    Example:
        >>> g = CausalGraph.from_edges(["t", "y", "age"], directed=[("t", "y"), ("age", "y")])
        >>> plan(g, {"t": Rule("t", "decide", None)})
        (('age', 't', 'y'), {'t': ('age',)})
    """
    deciding = [name for name, rule in rules.items() if rule.kind == "decide"]
    touched = graph.descendants(deciding)
    visible = {
        name: tuple(n for n in graph.nodes if n != name and (n in graph.ancestors([name]) or n not in touched))
        for name in deciding
    }
    edges = {*graph.directed, *((cause, name) for name, causes in visible.items() for cause in causes)}
    if not deciding:
        return graph.topological_order(), {}
    return CausalGraph.from_edges(graph.nodes, directed=sorted(edges)).topological_order(), visible


def visible_values(values: Values, names: Iterable[str], variables: Mapping[str, Variable]) -> dict[str, AnyArray]:
    """Decoded columns for a decision."""
    return {name: variables[name].decode(values[name]) for name in names}
