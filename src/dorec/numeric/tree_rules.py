"""A binary tree of conditions on columns: where a row falls, and what leads there in words."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import FloatArray, IntArray

LEAF = -1


class Branches(NamedTuple):
    """Nodes of a binary tree, the root first; units with a value up to the threshold go left."""

    feature: IntArray  # (m,), -1 at a leaf
    threshold: FloatArray  # (m,)
    left: IntArray  # (m,) positions of nodes
    right: IntArray  # (m,)


class Condition(NamedTuple):
    """One step of a path."""

    feature: int
    cut: float
    below: bool  # up to the cut, or above it


def walked(branches: Branches) -> list[tuple[int, list[Condition]]]:
    """The leaves from left to right: position, and the conditions that lead to it from the root.

    >>> stump = Branches(np.array([0, -1, -1]), np.array([2.0, 0, 0]), np.array([1, 0, 0]), np.array([2, 0, 0]))
    >>> [(leaf, path[0].below) for leaf, path in walked(stump)]
    [(1, True), (2, False)]
    """
    found: list[tuple[int, list[Condition]]] = []
    waiting: list[tuple[int, list[Condition]]] = [(0, [])]
    while waiting:
        node, conditions = waiting.pop()
        feature = int(branches.feature[node])
        if feature == LEAF:
            found.append((node, conditions))
            continue
        cut = float(branches.threshold[node])
        waiting.append((int(branches.right[node]), [*conditions, Condition(feature, cut, False)]))
        waiting.append((int(branches.left[node]), [*conditions, Condition(feature, cut, True)]))
    return found


def path_text(columns: Sequence[str], binary: frozenset[str], conditions: Sequence[Condition]) -> str:
    """A path in words, the conditions on one column together.

    >>> path_text(["age", "city=Rome"], frozenset(["city=Rome"]), [Condition(0, 30.0, False), Condition(1, 0.5, True)])
    'age above 30, city is not Rome'
    """
    low: dict[int, float] = {}
    high: dict[int, float] = {}
    for feature, cut, below in conditions:
        bounds = high if below else low
        bounds[feature] = cut  # deeper conditions are tighter
    order = dict.fromkeys(one.feature for one in conditions)
    return ", ".join(range_text(columns[f], binary, low.get(f), high.get(f)) for f in order) or "all units"


def range_text(name: str, binary: frozenset[str], low: float | None, high: float | None) -> str:
    """Values of a column above `low` and up to `high`, in words."""
    if name in binary:
        before, _, after = name.partition("=")
        yes, no = (f"{before} is {after}", f"{before} is not {after}") if after else (f"{name} = 1", f"{name} = 0")
        return yes if high is None else no
    if low is None:
        return f"{name} up to {short(float(high or 0.0))}"
    return f"{name} above {short(low)}" if high is None else f"{name} {short(low)} to {short(high)}"


def fall(branches: Branches, X: FloatArray) -> IntArray:
    """The position (n,) of the leaf to which each row of X (n, p) falls.

    >>> stump = Branches(np.array([0, -1, -1]), np.array([2.0, 0, 0]), np.array([1, 0, 0]), np.array([2, 0, 0]))
    >>> fall(stump, np.array([[2.0], [2.1]])).tolist()
    [1, 2]
    """
    at = np.zeros(len(X), dtype=np.int64)
    rows = np.arange(len(X))
    while True:
        inner = branches.feature[at] != LEAF
        if not inner.any():
            return at
        here = at[inner]
        below = X[rows[inner], branches.feature[here]] <= branches.threshold[here]
        at[inner] = np.where(below, branches.left[here], branches.right[here])


def short(value: float, digits: int = 4) -> str:
    """A number in a few digits, whole ones with separators.

    >>> short(12000.0), short(0.123456), short(3.0)
    ('12,000', '0.1235', '3')
    """
    return f"{int(value):,}" if float(value).is_integer() and abs(value) < 1e15 else f"{value:.{digits}g}"
