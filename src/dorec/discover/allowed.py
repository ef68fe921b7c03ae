"""Knowledge as matrices over the columns."""

import numpy as np

from dorec.domain.knowledge import Knowledge
from dorec.numeric.arrays import BoolArray


def allowed_edges(knowledge: Knowledge, names: tuple[str, ...]) -> tuple[BoolArray, BoolArray]:
    """Whether i -> j is allowed, and whether it is required, (d, d) each.

    >>> may_cause, required = allowed_edges(Knowledge(required=(("a", "b"),)), ("a", "b"))
    >>> may_cause.tolist(), required.tolist()
    ([[False, True], [False, False]], [[False, True], [False, False]])
    """
    place = {name: i for i, name in enumerate(names)}
    tier = _tiers(knowledge, names)
    may_cause = ~(tier[:, None] > tier[None, :])
    required = np.zeros((len(names), len(names)), dtype=bool)
    for a, b in knowledge.forbidden:
        may_cause[place[a], place[b]] = False
    for a, b in knowledge.required:
        may_cause[place[b], place[a]] = False
        required[place[a], place[b]] = True
    np.fill_diagonal(may_cause, False)
    return may_cause, required


def precedence(knowledge: Knowledge, names: tuple[str, ...]) -> BoolArray:
    """Whether i stands before j in every causal order, (d, d): by tier, by required edges, and by both in a row.

    >>> precedence(Knowledge(tiers=(("b",), ("a",))), ("a", "b")).tolist()
    [[False, False], [True, False]]
    """
    tier = _tiers(knowledge, names)
    before = (tier[:, None] < tier[None, :]) | allowed_edges(knowledge, names)[1]
    for k in np.flatnonzero(before.any(axis=0) & before.any(axis=1)):
        before |= before[:, [k]] & before[[k], :]
    return before


def _tiers(knowledge: Knowledge, names: tuple[str, ...]) -> np.ndarray:
    return np.array([np.nan if (t := knowledge.tier(name)) is None else float(t) for name in names])
