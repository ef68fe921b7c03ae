"""Sums of products of tables by variable elimination: marginals of a discrete model without its full joint."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from dorec.numeric.arrays import FloatArray

Factor: TypeAlias = tuple[tuple[Hashable, ...], FloatArray]  # variables, and a table with a dimension for each
einsum: Any = np.einsum  # its stubs don't know operands as lists of integers


def sum_product(factors: Sequence[Factor], keep: Sequence[Hashable], max_cells: int = 1 << 24) -> FloatArray:
    """The product of the factors summed over every variable but `keep`, with dimensions in the order of `keep`.

    Variables go in the order that `elimination_order` gives (Zhang, Poole 1994).

    Raises:
        OverflowError: a table on the way would have more than `max_cells` cells.
        ValueError: no factor holds a variable of `keep`.

    Example:
        >>> of_x, of_y = (("x",), np.array([0.4, 0.6])), (("x", "y"), np.array([[0.9, 0.1], [0.5, 0.5]]))
        >>> sum_product([of_x, of_y], ["y"]).round(2).tolist()
        [0.66, 0.34]
    """
    left = list(factors)
    size = {v: n for names, table in left for v, n in zip(names, table.shape, strict=True)}
    missing = [v for v in keep if v not in size]
    if missing:
        raise ValueError(f"no factor holds {missing}")
    for variable in elimination_order([names for names, _ in left], size, keep):
        mine = [f for f in left if variable in f[0]]
        left = [f for f in left if variable not in f[0]]
        scope = _scope(mine, variable)
        left.append((scope, _multiply(mine, scope, size, max_cells)))
    return _multiply(left, tuple(keep), size, max_cells)


def elimination_order(
    scopes: Sequence[Sequence[Hashable]], size: Mapping[Hashable, int], keep: Collection[Hashable]
) -> list[Hashable]:
    """Every variable but `keep`, in an order that leaves small tables behind.

    Two greedy orders are tried, fewest new edges (min-fill) and smallest table (min-weight), and the one whose tables
    have fewer cells in all is taken; ties go by name (Koller, Friedman 2009, section 9.4).

    Example:
        >>> elimination_order([("a", "b"), ("b", "c")], {"a": 2, "b": 2, "c": 2}, ["c"])
        ['a', 'b']
    """
    near: dict[Hashable, set[Hashable]] = {v: set() for v in size}
    for scope in scopes:
        for v in scope:
            near[v].update(w for w in scope if w != v)
    gone = [v for v in size if v not in set(keep)]
    orders = [_greedy({v: set(ws) for v, ws in near.items()}, size, gone, by_fill) for by_fill in (True, False)]
    return min(orders, key=lambda found: found[1])[0]


def _greedy(
    near: dict[Hashable, set[Hashable]], size: Mapping[Hashable, int], gone: Sequence[Hashable], by_fill: bool
) -> tuple[list[Hashable], int]:
    """An order, and the cells of all its tables; `near` is used up."""

    def price(v: Hashable) -> tuple[int, int, str]:
        missing = sum(len(near[v] - near[w]) - 1 for w in near[v]) // 2 if by_fill else 0
        return missing, _cells(near[v], size), str(v)

    prices = {v: price(v) for v in gone}
    order, total = [], 0
    while prices:
        v = min(prices, key=prices.__getitem__)
        order.append(v)
        total += prices.pop(v)[1] * size[v]
        around = near.pop(v)
        for w in around:
            near[w].discard(v)
            near[w].update(around - {w})
        touched = around.union(*(near[w] for w in around)) if by_fill else around
        prices.update({w: price(w) for w in touched if w in prices})
    return order, total


def _scope(factors: Sequence[Factor], without: Hashable) -> tuple[Hashable, ...]:
    return tuple(dict.fromkeys(v for names, _ in factors for v in names if v != without))


def _cells(scope: Collection[Hashable], size: Mapping[Hashable, int]) -> int:
    cells = 1
    for v in scope:
        cells *= size[v]
    return cells


def _multiply(
    factors: Sequence[Factor], out: tuple[Hashable, ...], size: dict[Hashable, int], max_cells: int
) -> FloatArray:
    if _cells(out, size) > max_cells:
        raise OverflowError(f"a table over {len(out)} variables has more than {max_cells:,} cells")
    left = sorted(factors, key=lambda factor: factor[1].size)
    while len(left) > 2:  # two at a time: numpy multiplies at most 64, and a hub has more
        (some, a), (others, b) = left[:2]
        scope = tuple(dict.fromkeys((*some, *others)))
        left = sorted([(scope, _contract([(some, a), (others, b)], scope)), *left[2:]], key=lambda f: f[1].size)
    return _contract(left, out)


def _contract(factors: Sequence[Factor], out: tuple[Hashable, ...]) -> FloatArray:
    place: dict[Hashable, int] = {}
    for names, _ in factors:
        for v in names:
            place.setdefault(v, len(place))
    operands: list[Any] = []
    for names, table in factors:
        operands += [table, [place[v] for v in names]]
    result: FloatArray = einsum(*operands, [place[v] for v in out])
    return result
