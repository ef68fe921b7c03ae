"""Sums of products of tables by variable elimination: marginals of a discrete model without its full joint."""

from collections.abc import Collection, Hashable, Sequence
from typing import Any, TypeAlias

import numpy as np

from dorec.numeric.arrays import FloatArray

Factor: TypeAlias = tuple[tuple[Hashable, ...], FloatArray]  # variables, and a table with a dimension for each
einsum: Any = np.einsum  # its stubs don't know operands as lists of integers


def sum_product(factors: Sequence[Factor], keep: Sequence[Hashable], max_cells: int = 1 << 24) -> FloatArray:
    """The product of the factors summed over every variable but `keep`, with dimensions in the order of `keep`.

    Variables go in the order of the smallest table that each leaves behind (Zhang, Poole 1994).

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
    gone = set(size) - set(keep)
    while gone:
        scopes = {v: _scope([f for f in left if v in f[0]], v) for v in gone}
        variable = min(gone, key=lambda v: (_cells(scopes[v], size), str(v)))
        mine = [f for f in left if variable in f[0]]
        left = [f for f in left if variable not in f[0]]
        left.append((scopes[variable], _multiply(mine, scopes[variable], size, max_cells)))
        gone.discard(variable)
    return _multiply(left, tuple(keep), size, max_cells)


def _scope(factors: Sequence[Factor], without: Hashable) -> tuple[Hashable, ...]:
    return tuple(dict.fromkeys(v for names, _ in factors for v in names if v != without))


def _cells(scope: Collection[Hashable], size: dict[Hashable, int]) -> int:
    cells = 1
    for v in scope:
        cells *= size[v]
    return cells


def _multiply(
    factors: Sequence[Factor], out: tuple[Hashable, ...], size: dict[Hashable, int], max_cells: int
) -> FloatArray:
    if _cells(out, size) > max_cells:
        raise OverflowError(f"a table over {len(out)} variables has more than {max_cells:,} cells")
    place: dict[Hashable, int] = {}
    for names, _ in factors:
        for v in names:
            place.setdefault(v, len(place))
    operands: list[Any] = []
    for names, table in factors:
        operands += [table, [place[v] for v in names]]
    result: FloatArray = einsum(*operands, [place[v] for v in out], optimize=len(factors) > 2)
    return result
