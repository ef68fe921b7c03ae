"""Whether rows that a model has not seen look like rows that it makes, and whether its noise is noise."""

from collections.abc import Mapping
from functools import lru_cache
from itertools import combinations

import numpy as np

from dorec.domain.graph import CausalGraph
from dorec.domain.verdict import Verdict
from dorec.numeric.arrays import AnyArray, FloatArray
from dorec.numeric.distance_correlation import distance_correlation_test, distances
from dorec.numeric.multiplicity import holm
from dorec.simulate.mechanisms import AdditiveMechanism, Mechanism
from dorec.simulate.variables import Values, Variable

MAX_PAIRS = 300  # of variables whose joint distribution is compared


def check_fit(
    graph: CausalGraph,
    variables: Mapping[str, Variable],
    mechanisms: Mapping[str, Mechanism],
    held: Values,
    made: Values,
    alpha: float = 0.05,
) -> tuple[Verdict, ...]:
    """Up to four verdicts: each variable alone, pairs of them, all at once, and residuals against causes.

    The first three are energy tests of held-out rows against simulated ones (Székely, Rizzo 2004), on ranks, so that no
    scale counts; the last is a test of independence by distance correlation. p-values are Holm's within each verdict.
    Pairs are those with an edge or a common child first, at most 300.

    Args:
        graph: the model's.
        variables: by name.
        mechanisms: by name.
        held: held-out rows, (m,) for each variable.
        made: simulated rows, (m,).
        alpha: below which p-value a check fails.
    """
    names = list(graph.nodes)
    label = np.repeat([0.0, 1.0], [len(held[names[0]]), len(made[names[0]])])
    apart = distances(label)

    @lru_cache(maxsize=40)  # of (2 m, 2 m) floats
    def square(name: str) -> FloatArray:
        return _square(variables[name], np.concatenate([held[name], made[name]]))

    alone = {name: distance_correlation_test(np.sqrt(square(name)), apart)[1] for name in names}
    together = {
        f"{a}, {b}": distance_correlation_test(np.sqrt(square(a) + square(b)), apart)[1] for a, b in _pairs(graph)
    }
    total = np.zeros_like(apart)
    for name in names:
        total += square(name)
    everything = {"all variables": distance_correlation_test(np.sqrt(total), apart)[1]}
    found = [
        _verdict("simulated against held-out columns", alone, alpha, "one by one", "its mechanism's kind"),
        _verdict("simulated against held-out pairs", together, alpha, "in pairs", "the edges between them"),
        _verdict("simulated against held-out rows", everything, alpha, "as a whole", "edges and kinds of mechanisms"),
        _verdict("residuals against causes", _residuals(variables, mechanisms, held), alpha, "in its noise", ""),
    ]
    return tuple(verdict for verdict in found if verdict is not None)


def _residuals(
    variables: Mapping[str, Variable], mechanisms: Mapping[str, Mechanism], held: Values
) -> dict[str, float]:
    found = {}
    for name, mechanism in mechanisms.items():
        if isinstance(mechanism, AdditiveMechanism) and mechanism.parents:
            given = [held[p] for p in mechanism.parents]
            left = held[name] - mechanism.mean(given, len(held[name]))
            causes = np.zeros((len(left), len(left)))
            for p in mechanism.parents:
                causes += _square(variables[p], held[p])
            found[name] = distance_correlation_test(distances(_ranks(left)), np.sqrt(causes))[1]
    return found


def _pairs(graph: CausalGraph) -> list[tuple[str, str]]:
    every = list(combinations(sorted(graph.nodes), 2))
    near = {n: graph.neighbours(n) for n in graph.nodes}
    return sorted(every, key=lambda pair: (pair[1] not in near[pair[0]], not near[pair[0]] & near[pair[1]]))[:MAX_PAIRS]


def _square(variable: Variable, values: AnyArray) -> FloatArray:
    """Squared distances (m, m): of ranks between 0 and 1, or 1 between any two levels."""
    if variable.is_discrete and len(variable.levels) > 2:
        unlike: FloatArray = (values[:, None] != values[None, :]).astype(np.float64)
        return unlike
    squared: FloatArray = distances(_ranks(values)) ** 2
    return squared


def _ranks(values: AnyArray) -> FloatArray:
    """Between 0 and 1, equal values sharing the middle of their ranks."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle: FloatArray = (np.cumsum(count) - (count - 1) / 2) / len(values)
    return middle[place]


def _verdict(check: str, p_values: Mapping[str, float], alpha: float, how: str, look_at: str) -> Verdict | None:
    if not p_values:
        return None
    adjusted = dict(zip(p_values, holm(np.array(list(p_values.values()))).tolist(), strict=True))
    worst = min(adjusted, key=lambda name: (adjusted[name], name))
    bad = [name for name in adjusted if adjusted[name] < alpha]
    if how == "in its noise":
        meaning = (
            f"the noise of {worst} depends on its causes"
            if bad
            else "no noise is seen to depend on the causes it is added to"
        )
        remedy = (
            "Counterfactuals and spreads of it are off: try 'additive_trees', a transformed column, or a further cause."
        )
    else:
        meaning = (
            f"simulated rows differ from held-out ones {how}: {worst}"
            if bad
            else f"simulated and held-out rows agree {how}"
        )
        remedy = f"Look at {look_at}; answers that rest on {worst} are not to be trusted."
    return Verdict(
        check=check,
        status="failed" if bad else "passed",
        code="misfit" if bad else "",
        p_value=adjusted[worst],
        meaning=f"{meaning} (adjusted p {adjusted[worst]:.3g}).",
        remedy=remedy if bad else "",
        evidence={"adjusted_p_values": adjusted},
    )
