"""What a table still says of an effect that it can't tell: bounds, added to the refusal."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import DorecError, NotIdentifiable, Refusal
from dorec.domain.expression import Joint
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import bounds

MAX_LEVELS = 6  # of a column that bounds are asked of


def with_bounds(
    refusal: NotIdentifiable, graph: CausalGraph, query: CausalQuery, unobserved: Sequence[str], table: pa.Table
) -> NotIdentifiable:
    """The refusal with the range that the effect has in this table, or with why there is none.

    The range of P(outcome | do(treatment)) over all models of the graph that fit the table's own frequencies, by linear
    programme; of two arms also that of their difference. It holds whatever the hidden causes are, and says nothing of
    sampling error.

    Example:
        >>> bow = CausalGraph.from_edges("ty", directed=[("t", "y")], bidirected=[("t", "y")])
        >>> table = pa.table({"t": [0, 0, 0, 1, 1, 1, 1, 0], "y": [0, 0, 1, 1, 1, 1, 0, 0]})
        >>> told = with_bounds(NotIdentifiable("no formula"), bow, CausalQuery("t", "y"), (), table)
        >>> told.reason
        'no formula. In this table the effect of t on P(y = 1) lies between -0.25 and 0.75'
    """
    nodes = [name for name in graph.nodes if name not in unobserved]
    try:
        levels, joint = _joint(table, nodes)
        found = bounds(graph, query, joint, unobserved)
        difference = _difference(graph, query, unobserved, joint, levels)
    except DorecError as problem:
        why = problem.reason if isinstance(problem, Refusal) else str(problem).rstrip(".")
        return _with(refusal, f". No bounds from this table: {why}", {"bounds_refused": str(problem)})
    evidence: dict[str, Any] = {
        "bounds": {
            "lower": found.lower.tolist(),
            "upper": found.upper.tolist(),
            "levels": {name: levels[name] for name in (*query.outcomes, *query.treatments)},
            "sharp": found.sharp,
        }
    }
    if difference is None:
        return _with(refusal, "", evidence)
    lower, upper = difference
    outcome, treatment = query.outcomes[0], query.treatments[0]
    evidence["bounds"]["difference"] = [lower, upper]
    said = f" In this table the effect of {treatment} on P({outcome} = {levels[outcome][1]}) lies between "
    return _with(refusal, f".{said}{lower:.3g} and {upper:.3g}", evidence)


def _difference(
    graph: CausalGraph, query: CausalQuery, unobserved: Sequence[str], joint: Joint, levels: dict[str, list[str]]
) -> tuple[float, float] | None:
    """Bounds of the second outcome level's difference between two arms; None unless both have two levels."""
    single = len(query.treatments) == len(query.outcomes) == 1
    if not single or len(levels[query.treatments[0]]) != 2 or len(levels[query.outcomes[0]]) != 2:
        return None
    found = bounds(graph, replace(query, contrast=(0, 1)), joint, unobserved)
    return float(found.lower[1]), float(found.upper[1])


def _joint(table: pa.Table, nodes: Sequence[str]) -> tuple[dict[str, list[str]], Joint]:
    missing = [name for name in nodes if name not in table.column_names]
    if missing:
        raise NotIdentifiable(f"the table lacks {', '.join(missing)}", remedy="name what was not measured")
    levels: dict[str, list[str]] = {}
    codes = []
    whole = table.select(list(nodes)).drop_null()
    for name in nodes:
        values = whole.column(name).combine_chunks().to_numpy(zero_copy_only=False)
        found, code = np.unique(values.astype(str) if values.dtype == object else values, return_inverse=True)
        if len(found) > MAX_LEVELS:
            raise NotIdentifiable(
                f"{name} has {len(found):,} levels, and bounds are for columns of at most {MAX_LEVELS}",
                remedy=f"cut {name} into a few classes",
            )
        levels[name] = [str(level) for level in found]
        codes.append(code)
    counts = np.zeros([len(levels[name]) for name in nodes])
    np.add.at(counts, tuple(codes), 1.0)
    return levels, Joint(tuple(nodes), counts / counts.sum())


def _with(refusal: NotIdentifiable, said: str, evidence: dict[str, Any]) -> NotIdentifiable:
    return NotIdentifiable(refusal.reason + said, remedy=refusal.remedy, evidence={**refusal.evidence, **evidence})
