"""What would have happened to the very units that were seen, had something been done otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from dorec.domain.errors import ColumnNotFound, ConfigError, InputError
from dorec.domain.graph import CausalGraph
from dorec.domain.run import RunContext
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.simulate.interventions import Rule, plan, visible_values
from dorec.simulate.mechanisms import AdditiveMechanism, Mechanism
from dorec.simulate.variables import Values, Variable


@dataclass(frozen=True, eq=False)
class Counterfactuals:
    """Values of every variable for every unit, in one or several draws of what the data can't tell.

    A variable in `exact` has the same value in every draw: its noise follows from what was seen. Any other is discrete,
    or follows from one that is, and each draw is a world that agrees with everything that was seen of the unit.

    Example:
        >>> from dorec.simulate import StructuralModel
        >>> rng = np.random.default_rng(0)
        >>> seen = {"shown": rng.normal(size=400)}
        >>> seen["spend"] = 5 + 2 * seen["shown"] + rng.normal(size=400)
        >>> graph = CausalGraph.from_edges(["shown", "spend"], directed=[("shown", "spend")])
        >>> found = StructuralModel().fit(graph, seen).counterfactual(seen, do={"shown": ("shift", 0.1)})
        >>> sorted(found.exact), found.effect("spend")[:2].round(2).tolist()
        (['shown', 'spend'], [0.21, 0.21])
    """

    variables: Mapping[str, Variable]
    factual: Values  # (n,)
    values: Values  # (draws, n), or (1, n) of what is exact
    n_draws: int
    exact: frozenset[str]
    verdicts: tuple[Verdict, ...] = ()

    def table(self, draw: int = 0) -> pa.Table:
        """One draw, with a row for each unit and a column for each variable."""
        if not 0 <= draw < self.n_draws:
            raise ConfigError(f"draw is {draw}; there are {self.n_draws}, from 0.")
        columns = {name: self.variables[name].decode(v[min(draw, len(v) - 1)]) for name, v in self.values.items()}
        return pa.table({name: pa.array(column) for name, column in columns.items()})

    def mean(self, name: str, level: object = None) -> FloatArray:
        """The unit's expected value, or with `level` the probability of that level, (n,), over the draws.

        Raises:
            ColumnNotFound: there is no such variable.
            InputError: the variable's levels are words, and `level` is not said or none of them.
        """
        return np.asarray(self._numbers(name, level, self._of(name)).mean(axis=0))

    def effect(self, name: str, level: object = None) -> FloatArray:
        """What the intervention changes for each unit, (n,): `mean` less what was seen."""
        seen = self._numbers(name, level, self.factual[name][None])[0] if name in self.factual else 0.0
        return np.asarray(self.mean(name, level) - seen)

    def _of(self, name: str) -> AnyArray:
        if name not in self.values:
            raise ColumnNotFound(name, self.values, where="the variables of the model")
        return self.values[name]

    def _numbers(self, name: str, level: object, values: AnyArray) -> FloatArray:
        return as_numbers(self.variables[name], values, level)


def as_numbers(variable: Variable, values: AnyArray, level: object = None) -> FloatArray:
    """Encoded values as what is averaged: numbers, or with `level` whether it is that level.

    >>> as_numbers(Variable("y", ("no", "yes")), np.array([1, 0]), "yes").tolist()
    [1.0, 0.0]
    """
    if level is not None:
        if not variable.is_discrete:
            raise InputError(f"{variable.name} is continuous and has no levels; leave `level` out.")
        return (values == variable.encode([level])[0]).astype(np.float64)
    out: FloatArray = variable.numbers[values] if variable.is_discrete else values
    return out


def carry_over(
    graph: CausalGraph,
    variables: Mapping[str, Variable],
    mechanisms: Mapping[str, Mechanism],
    factual: Values,
    rules: Mapping[str, Rule],
    *,
    n_draws: int,
    context: RunContext,
) -> Counterfactuals:
    """Abduction, action, prediction: each unit keeps its noise, the rules act, and what follows from them changes.

    Args:
        graph: the model's.
        variables: by name.
        mechanisms: by name.
        factual: what was seen, (n,) for each variable.
        rules: what is done instead.
        n_draws: of noise that the data leave open.
        context: seed and progress.
    """
    order, visible = plan(graph, rules)
    n = len(next(iter(factual.values())))
    touched = graph.descendants(rules)
    open_ = _open(graph, mechanisms, rules, order, visible, touched)
    draws = n_draws if open_ else 1
    kept: dict[str, list[AnyArray]] = {name: [] for name in order}
    for draw in context.track(range(draws), "counterfactuals", draws):
        now: Values = {}
        for name in order:
            if draw and name not in open_:
                now[name] = kept[name][0]
                continue
            rng = context.rng("counterfactual", name, draw)
            rule = rules.get(name)
            now[name] = factual[name]
            if name in touched and (rule is None or rule.needs_natural):
                parents = mechanisms[name].parents
                if any(now[p] is not factual[p] for p in parents):
                    before, after = [factual[p] for p in parents], [now[p] for p in parents]
                    now[name] = mechanisms[name].carry(factual[name], before, after, rng)
            if rule is not None:
                seen = visible_values(now, visible.get(name, ()), variables)
                now[name] = rule.apply(variables[name], now[name], seen, n, context.rng("policy", name, draw))
            kept[name].append(now[name])
    values = {name: np.stack(kept[name]) for name in graph.nodes}
    return Counterfactuals(variables, factual, values, draws, frozenset(graph.nodes) - open_)


def _open(
    graph: CausalGraph,
    mechanisms: Mapping[str, Mechanism],
    rules: Mapping[str, Rule],
    order: tuple[str, ...],
    visible: Mapping[str, tuple[str, ...]],
    touched: frozenset[str],
) -> frozenset[str]:
    """The variables that differ between draws."""
    found: set[str] = set()
    for name in order:
        rule = rules.get(name)
        parents = mechanisms[name].parents
        moved = name in touched and any(p in touched for p in parents)
        natural = moved and (not isinstance(mechanisms[name], AdditiveMechanism) or bool(found & set(parents)))
        if rule is None:
            varies = natural
        elif rule.kind in ("draw", "decide"):  # a decision may draw, too
            varies = True
        else:
            varies = rule.kind == "shift" and natural
        if varies:
            found.add(name)
    return frozenset(found)
