"""From a table to what a test of independence can use, or a refusal that names the columns."""

from typing import Any

import numpy as np

from dorec.domain.errors import Collinear, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.table import is_numeric, to_arrow
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.contingency import same_partitions
from dorec.numeric.partial_correlation import determined_columns

MIN_ROWS = 10
MAX_LEVELS = 50  # of a discrete column


def numeric_columns(
    table: Any, needed_by: str = "test='fisher_z'", instead: str = "test='chi_square'"
) -> tuple[tuple[str, ...], FloatArray]:
    """Names and a matrix (n, d) of finite, varying numbers.

    Raises:
        InputError: there are fewer than two columns, or a column holds text.
        TooFewUnits: there are fewer than 10 rows.
        NotFinite: a value is missing or infinite.
        ConstantColumn: a column never varies.
    """
    names, values = _columns(table)
    text = [name for name, column_ in zip(names, values, strict=True) if not is_numeric(column_)]
    missing = [name for name, v in zip(names, values, strict=True) if v.dtype == object and _missing(v).any()]
    if text and not (missing and all(_is_number_or_none(v) for v in values if v.dtype == object)):
        raise InputError(
            f"Columns {', '.join(text)} hold no numbers, which {needed_by} needs; "
            f"code them as numbers, leave them out, or take {instead} for discrete columns."
        )
    _refuse_missing(names, values)
    matrix = np.column_stack([v.astype(np.float64) for v in values])
    _refuse_constant(names, [np.ptp(matrix[:, j]) == 0 for j in range(len(names))], len(matrix))
    return names, matrix


def correlation_of(names: tuple[str, ...], matrix: FloatArray) -> FloatArray:
    """The correlation matrix (d, d), from one pass over the rows.

    Raises:
        Collinear: a column is a linear function of others, as a copy or a total; with fewer rows than columns, where
            every column is, only copies are refused.
    """
    scaled = matrix / np.abs(matrix).max(axis=0)  # squares of very large or small numbers are out of range
    correlation: FloatArray = np.asarray(np.corrcoef(scaled, rowvar=False))
    copies = np.argwhere(np.triu(np.abs(correlation) > 1 - 1e-10, k=1))
    if len(copies):
        pairs = [f"{names[i]} and {names[j]}" for i, j in copies.tolist()]
        raise Collinear(
            f"{'; '.join(pairs[:5])}{'; ...' if len(pairs) > 5 else ''} are the same column up to scale",
            remedy="leave out one of each pair",
            evidence={"pairs": [[names[i], names[j]] for i, j in copies.tolist()]},
        )
    if len(matrix) > len(names) + 1:
        determined = determined_columns(correlation)
        if len(determined):
            which = [names[j] for j in determined.tolist()]
            raise Collinear(
                f"{', '.join(which)} follow exactly from the other columns (as a total from its parts)",
                remedy="leave them out",
                evidence={"columns": which},
            )
    return correlation


def coded_columns(table: Any, for_numbers: str = "test='fisher_z'") -> tuple[tuple[str, ...], AnyArray, IntArray]:
    """Names, codes (d, n) from 0 and numbers of levels (d,) of discrete columns.

    Raises:
        InputError: there are fewer than two columns, or a column has more than 50 levels.
        TooFewUnits, NotFinite, ConstantColumn: as for `numeric_columns`; Collinear for columns that are relabelled
            copies of each other.
    """
    names, values = _columns(table)
    _refuse_missing(names, values)
    codes = [np.unique(v.astype(str) if v.dtype == object else v, return_inverse=True)[1] for v in values]
    levels = np.array([int(c.max()) + 1 for c in codes], dtype=np.int64)
    many = [f"{name} ({k:,})" for name, k in zip(names, levels.tolist(), strict=True) if k > MAX_LEVELS]
    if many:
        raise InputError(
            f"Columns {', '.join(many)} have more than {MAX_LEVELS} levels; "
            f"bin them, leave them out, or take {for_numbers} for numbers."
        )
    _refuse_constant(names, (levels == 1).tolist(), len(values[0]))
    stacked = np.stack(codes).astype(np.int32)
    _refuse_relabelled(names, stacked, levels)
    return names, stacked, levels


def _columns(table: Any) -> tuple[tuple[str, ...], list[AnyArray]]:
    arrow = to_arrow(table)
    names = tuple(arrow.column_names)
    if len(names) < 2:
        raise InputError(f"A graph needs at least two columns; got {len(names)}.")
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise InputError(f"Columns {', '.join(twice)} stand in the table more than once; name each once.")
    if arrow.num_rows < MIN_ROWS:
        raise TooFewUnits(
            f"{arrow.num_rows:,} rows are too few to test independence", remedy=f"give at least {MIN_ROWS}"
        )
    return names, [chunks.combine_chunks().to_numpy(zero_copy_only=False) for chunks in arrow.columns]


def _missing(values: AnyArray) -> AnyArray:
    if values.dtype == object:
        return np.array([v is None or v != v for v in values.tolist()])
    if values.dtype.kind in "mM":
        return np.isnat(values)
    return ~np.isfinite(values) if values.dtype.kind == "f" else np.zeros(len(values), dtype=bool)


def _is_number_or_none(values: AnyArray) -> bool:
    return all(v is None or isinstance(v, bool | int | float) for v in values.tolist())


def _refuse_missing(names: tuple[str, ...], values: list[AnyArray]) -> None:
    counts = {name: int(_missing(v).sum()) for name, v in zip(names, values, strict=True)}
    bad = {name: n for name, n in counts.items() if n}
    if bad:
        said = ", ".join(f"{name} ({n:,})" for name, n in list(bad.items())[:10])
        raise NotFinite(
            f"columns have missing or infinite values: {said}{', ...' if len(bad) > 10 else ''}",
            remedy="drop these rows, impute them with an indicator, or leave the columns out",
            evidence={"columns": bad},
        )


def _refuse_constant(names: tuple[str, ...], constant: list[Any], n: int) -> None:
    which = [name for name, flat in zip(names, constant, strict=True) if flat]
    if which:
        raise ConstantColumn(
            f"{', '.join(which)} {'has' if len(which) == 1 else 'have'} one value in all {n:,} rows",
            remedy="leave the column out: what never varies has no cause and no effect here",
            evidence={"columns": which},
        )


def _refuse_relabelled(names: tuple[str, ...], codes: AnyArray, levels: IntArray) -> None:
    """Refuse columns that are copies of each other under other labels."""
    copies = [(names[i], names[j]) for i, j in same_partitions(codes, levels).tolist()]
    if copies:
        raise Collinear(
            f"{'; '.join(f'{a} and {b}' for a, b in copies[:5])} are the same column under other labels",
            remedy="leave out one of each pair",
            evidence={"pairs": [list(pair) for pair in copies]},
        )
