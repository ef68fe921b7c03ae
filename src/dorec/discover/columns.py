"""From a table to what a test of independence can use, or a refusal that names the columns."""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from dorec.domain.errors import Collinear, ConstantColumn, InputError, NotFinite, TooFewUnits
from dorec.domain.table import is_numeric, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray
from dorec.numeric.contingency import same_partitions
from dorec.numeric.partial_correlation import determined_columns

MIN_ROWS = 10
MAX_LEVELS = 50  # of a discrete column
FEW_LEVELS = 10  # a column of whole numbers with no more of them is discrete where both kinds are possible
Missing = Literal["refuse", "test_wise"]


@dataclass(frozen=True, eq=False)
class MixedColumns:
    """Numbers and discrete columns side by side; a missing number is NaN, a missing level -1."""

    names: tuple[str, ...]
    discrete: BoolArray  # (d,)
    numbers: FloatArray  # (d, n), NaN all along where the column is discrete
    codes: AnyArray  # (d, n) int32 from 0, and 0 all along where the column holds numbers
    levels: IntArray  # (d,), 1 for numbers

    def one_hot(self) -> tuple[FloatArray, IntArray]:
        """Numbers and indicators of all levels but the first, (n, K), and where each column's start, (d + 1,)."""
        blocks = []
        for discrete, numbers, codes, k in zip(self.discrete, self.numbers, self.codes, self.levels, strict=True):
            if discrete:
                block = (codes[:, None] == np.arange(1, k)).astype(float)
                block[codes < 0] = np.nan
            else:
                block = numbers[:, None]
            blocks.append(block)
        width = [block.shape[1] for block in blocks]
        return np.concatenate(blocks, axis=1), np.concatenate([[0], np.cumsum(width)]).astype(np.int64)


def numeric_columns(
    table: Any,
    needed_by: str = "test='fisher_z'",
    instead: str = "test='chi_square'",
    missing: Missing | None = None,
) -> tuple[tuple[str, ...], FloatArray]:
    """Names and a matrix (n, d) of finite, varying numbers; NaN where missing="test_wise" lets them be missing.

    Raises:
        InputError: there are fewer than two columns, or a column holds text.
        TooFewUnits: there are fewer than 10 rows, or known values in a column.
        NotFinite: a value is missing or infinite.
        ConstantColumn: a column never varies.
    """
    names, values = _columns(table)
    text = [name for name, column_ in zip(names, values, strict=True) if not _holds_numbers(column_)]
    if text:
        raise InputError(
            f"Columns {', '.join(text)} hold no numbers, which {needed_by} needs; "
            f"code them as numbers, leave them out, or take {instead} for discrete columns."
        )
    _refuse_missing(names, values, missing)
    floats = [_as_float(v) for v in values]
    _refuse_constant(names, [_is_constant(v) for v in floats], len(floats[0]))
    return names, np.column_stack(floats)


def mixed_columns(table: Any, missing: Missing | None = None) -> MixedColumns:
    """Numbers and discrete columns, told apart by what they hold.

    Text, booleans and categories are discrete, and so are whole numbers with at most 10 different values; all other
    numbers are numbers.

    Raises:
        InputError: there are fewer than two columns, or a column of text has more than 50 levels.
        TooFewUnits, NotFinite, ConstantColumn: as for `numeric_columns`.

    Example:
        >>> found = mixed_columns({"plan": ["free", "paid"] * 10, "clicks": [0, 1, 2, 3] * 5, "spend": np.arange(20)})
        >>> found.discrete.tolist(), found.levels.tolist()
        ([True, True, False], [2, 4, 1])
    """
    names, values = _columns(table)
    _refuse_missing(names, values, missing)
    d, n = len(names), len(values[0])
    discrete, levels = np.array([_is_discrete(v) for v in values]), np.ones(d, dtype=np.int64)
    numbers, codes = np.full((d, n), np.nan), np.zeros((d, n), dtype=np.int32)
    for j, column_ in enumerate(values):
        if discrete[j]:
            codes[j] = _codes(column_)
            levels[j] = codes[j].max() + 1
        else:
            numbers[j] = _as_float(column_)
    _refuse_many(names, levels, "bin them, or leave them out.")
    flat = [levels[j] == 1 if discrete[j] else _is_constant(numbers[j]) for j in range(d)]
    _refuse_constant(names, flat, n)
    return MixedColumns(names, discrete, numbers, codes, levels)


def correlation_of(names: tuple[str, ...], matrix: FloatArray) -> FloatArray:
    """The correlation matrix (d, d), from one pass over the rows.

    Raises:
        Collinear: a column is a linear function of others, as a copy or a total; with fewer rows than columns, where
            every column is, only copies are refused.
    """
    largest = np.maximum(matrix.max(axis=0), -matrix.min(axis=0))
    if not ((largest > 1e-100) & (largest < 1e100)).all():
        matrix = matrix / largest  # squares of very large or small numbers are out of range
    correlation: FloatArray = np.asarray(np.corrcoef(matrix, rowvar=False))
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


def coded_columns(
    table: Any, for_numbers: str = "test='fisher_z'", missing: Missing | None = None
) -> tuple[tuple[str, ...], AnyArray, IntArray]:
    """Names, codes (d, n) from 0 and numbers of levels (d,) of discrete columns; -1 where "test_wise" lets one miss.

    Raises:
        InputError: there are fewer than two columns, or a column has more than 50 levels.
        TooFewUnits, NotFinite, ConstantColumn: as for `numeric_columns`; Collinear for columns that are relabelled
            copies of each other.
    """
    names, values = _columns(table)
    _refuse_missing(names, values, missing)
    stacked = np.stack([_codes(v) for v in values])
    levels = stacked.max(axis=1).astype(np.int64) + 1
    _refuse_many(names, levels, f"bin them, leave them out, or take {for_numbers} for numbers.")
    _refuse_constant(names, (levels == 1).tolist(), len(values[0]))
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


def _holds_numbers(values: AnyArray) -> bool:
    """Whether a column holds numbers or booleans, some of them missing perhaps."""
    if values.dtype != object:
        return is_numeric(values)
    return bool(_missing(values).any()) and all(v is None or isinstance(v, bool | int | float) for v in values.tolist())


def _as_float(values: AnyArray) -> FloatArray:
    """Numbers, NaN where one is missing."""
    if values.dtype == object:
        return np.array([np.nan if v is None else float(v) for v in values.tolist()])
    return values.astype(np.float64)


def _is_discrete(values: AnyArray) -> bool:
    if values.dtype == np.bool_ or not _holds_numbers(values):
        return True
    if values.dtype == object and any(isinstance(v, bool) for v in values.tolist()):
        return True
    known = _as_float(values)
    known = known[~np.isnan(known)]
    return bool((known == np.round(known)).all()) and len(np.unique(known)) <= FEW_LEVELS


def _codes(values: AnyArray) -> AnyArray:
    """Codes (n,) int32 from 0 in the order of the levels, -1 where the value is missing."""
    known = ~_missing(values)
    seen = values[known]
    codes = np.full(len(values), -1, dtype=np.int32)
    codes[known] = np.unique(seen.astype(str) if seen.dtype == object else seen, return_inverse=True)[1]
    return codes


def _is_constant(values: FloatArray) -> bool:
    low, high = values.min(), values.max()
    if np.isnan(low):
        known = values[~np.isnan(values)]
        low, high = known.min(), known.max()
    return bool(low == high)


def _refuse_missing(names: tuple[str, ...], values: list[AnyArray], missing: Missing | None) -> None:
    """Refuse missing values unless tests leave them out, and infinite ones always."""
    absent = {name: _missing(v) for name, v in zip(names, values, strict=True)}
    if missing == "test_wise":
        few = {name: int((~gone).sum()) for name, gone in absent.items() if (~gone).sum() < MIN_ROWS}
        if few:
            said = ", ".join(f"{name} ({n})" for name, n in list(few.items())[:10])
            raise TooFewUnits(
                f"columns have too few known values to test independence: {said}",
                remedy=f"leave out columns with fewer than {MIN_ROWS} known values",
                evidence={"columns": few},
            )
        infinite = {n: int(np.isinf(v).sum()) for n, v in zip(names, values, strict=True) if v.dtype.kind == "f"}
        bad, what = {name: n for name, n in infinite.items() if n}, "infinite values, which are not missing"
        remedy = "make them missing, cap them, or leave the columns out"
    else:
        bad, what = {name: int(gone.sum()) for name, gone in absent.items() if gone.any()}, "missing or infinite values"
        option = "" if missing is None else ", or take missing='test_wise', where each test uses the rows it can"
        remedy = f"drop these rows, impute them with an indicator, or leave the columns out{option}"
    if bad:
        said = ", ".join(f"{name} ({n:,})" for name, n in list(bad.items())[:10])
        raise NotFinite(
            f"columns have {what}: {said}{', ...' if len(bad) > 10 else ''}", remedy=remedy, evidence={"columns": bad}
        )


def _refuse_many(names: tuple[str, ...], levels: IntArray, remedy: str) -> None:
    many = [f"{name} ({k:,})" for name, k in zip(names, levels.tolist(), strict=True) if k > MAX_LEVELS]
    if many:
        raise InputError(f"Columns {', '.join(many)} have more than {MAX_LEVELS} levels; {remedy}")


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
