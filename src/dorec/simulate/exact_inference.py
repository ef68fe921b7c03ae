"""Answers without samples: probabilities of discrete models by variable elimination, means of linear ones."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import TypeAlias

import numpy as np

from dorec.domain.errors import InputError, TooLarge
from dorec.domain.graph import CausalGraph
from dorec.numeric.arrays import FloatArray
from dorec.numeric.elimination import Factor, sum_product
from dorec.simulate.mechanisms import AdditiveMechanism, Mechanism, TableMechanism
from dorec.simulate.predictors import Linear

Tables: TypeAlias = Mapping[str, tuple[tuple[str, ...], FloatArray]]  # causes, (their levels..., own levels)
Codes: TypeAlias = Mapping[str, int]
MAX_CELLS = 1 << 26  # of a table on the way: half a gigabyte


def marginal(tables: Tables, keep: Sequence[str], given: Codes, do: Codes) -> FloatArray:
    """The distribution of some variables given evidence, after others were set: a dimension for each of `keep`.

    Only causes of what is asked or given take part (barren variables sum to one); evidence and settings are cut out of
    the tables before any are multiplied. Time and memory follow the largest table on the way, not the model's size.

    Raises:
        InputError: the evidence is impossible, or a variable is asked and given at once.
        TooLarge: a table on the way would have more than 67 million cells.

    Example:
        >>> tables = {"x": ((), np.array([0.4, 0.6])), "y": (("x",), np.array([[0.9, 0.1], [0.5, 0.5]]))}
        >>> marginal(tables, ["x"], {"y": 1}, {}).round(3).tolist()
        [0.118, 0.882]
        >>> marginal(tables, ["x"], {}, {"y": 1}).round(3).tolist()
        [0.4, 0.6]
    """
    twice = sorted((set(keep) & {*given, *do}) | (set(given) & set(do)))
    if twice:
        raise InputError(f"{twice[0]} stands in two of what is asked, given and done; name each variable once.")
    wanted = causes_of({name: parents for name, (parents, _) in tables.items()}, [*keep, *given], do) - set(do)
    fixed = {**given, **do}
    factors: list[Factor] = []
    for name in sorted(wanted):
        parents, values = tables[name]
        scope = (*parents, name)
        cut = values[tuple(fixed[v] if v in fixed else slice(None) for v in scope)]
        factors.append((tuple(v for v in scope if v not in fixed), cut))
    try:
        joint = sum_product(factors, list(keep), MAX_CELLS) if factors else np.array(1.0)
    except OverflowError as problem:
        raise TooLarge(
            f"the model is too entangled for exact answers: {problem}",
            remedy="draw a sample of the model and count, or ask about fewer variables at once",
        ) from None
    total = float(joint.sum())
    if not total > 0:
        raise InputError(
            f"What is given ({', '.join(sorted(given))}) has probability 0 in the model; give other evidence."
        )
    out: FloatArray = joint / total
    return out


def exact_mean(
    mechanisms: Mapping[str, Mechanism], numbers: Mapping[str, FloatArray], outcome: str, do: Mapping[str, float]
) -> float | None:
    """The mean of a variable after others were set, or None where only samples can tell.

    It is exact where the outcome's discrete causes have tables, and its continuous ones are linear: then means follow
    from means (Wright 1921), whatever the noise.

    Args:
        mechanisms: of each variable.
        numbers: what the levels of a discrete variable count as, (k,).
        outcome: the variable.
        do: variable -> value, for a discrete one the position of its level.
    """
    tables = {name: (m.parents, m.values) for name, m in mechanisms.items() if isinstance(m, TableMechanism)}
    codes = {name: int(value) for name, value in do.items() if name in numbers}
    parents = {name: mechanism.parents for name, mechanism in mechanisms.items()}
    causes = causes_of(parents, [outcome], do)
    edges = [(p, name) for name in causes - set(do) for p in parents[name]]
    graph = CausalGraph.from_edges(sorted(causes), directed=edges)
    known: dict[str, FloatArray] = {}  # as the columns that `design` makes of it
    for name in graph.topological_order():
        if name in numbers:
            if name != outcome and all(child in numbers for child in graph.children(name)):
                continue
            shares = _shares(tables, parents, name, len(numbers[name]), codes)
            if shares is None or name == outcome:
                return None if shares is None else float(shares @ numbers[name])
            known[name] = shares[1:]
        elif name in do:
            known[name] = np.array([float(do[name])])
        else:
            mechanism = mechanisms[name]
            if not isinstance(mechanism, AdditiveMechanism) or not isinstance(mechanism.predictor, Linear):
                return None
            x = np.concatenate([np.empty(0), *(known[parent] for parent in mechanism.parents)])
            line = mechanism.predictor
            known[name] = x @ line.coef + line.intercept + mechanism.noise.mean
    return float(known[outcome][0])


def causes_of(
    parents: Mapping[str, Iterable[str]], names: Iterable[str], stop: Collection[str] | Mapping[str, float]
) -> set[str]:
    """The variables and all that they follow from, not looking behind what is set.

    >>> sorted(causes_of({"y": ["x"], "x": ["z"], "z": []}, ["y"], ["x"]))
    ['x', 'y']
    """
    found: set[str] = set()
    stack = list(names)
    while stack:
        name = stack.pop()
        if name not in found:
            found.add(name)
            stack += () if name in stop else parents[name]
    return found


def _shares(
    tables: Tables, parents: Mapping[str, Iterable[str]], name: str, n_levels: int, codes: Codes
) -> FloatArray | None:
    """Of a variable's levels, (k,), or None where a cause has no table."""
    if name in codes:
        return np.eye(n_levels)[codes[name]]
    behind = causes_of(parents, [name], codes)
    if not behind - set(codes) <= set(tables):
        return None
    return marginal(tables, [name], {}, {n: c for n, c in codes.items() if n in behind})
