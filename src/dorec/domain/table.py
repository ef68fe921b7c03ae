"""Any frame in (pandas, polars, pyarrow, DuckDB, ibis, dict of columns), Arrow and numpy inside."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError
from dorec.numeric.arrays import AnyArray

if TYPE_CHECKING:
    import pyarrow as pa

INDEX = "__index_level_"  # what Arrow calls the unnamed index of a pandas frame that was filtered or sorted


def to_arrow(table: Any, columns: Sequence[str] | None = None) -> "pa.Table":
    """The table (or some of its columns) as Arrow.

    Args:
        table: pandas, polars, modin, pyarrow, DuckDB relation, ibis expression, or a dict of equally long columns.
        columns: names to keep, in this order; all by default.

    Raises:
        ColumnNotFound: a name is not in the table.
        InputError: the object is no table.

    Example:
        >>> to_arrow({"t": [0, 1], "y": [0.5, 2.0]}, ["y"]).to_pydict()
        {'y': [0.5, 2.0]}
    """
    import pyarrow as pa

    if isinstance(table, pa.Table):
        arrow = table
    elif isinstance(table, Mapping):
        arrow = _from_columns(table)
    elif hasattr(table, "to_pyarrow"):  # ibis
        arrow = table.to_pyarrow()
    else:
        arrow = _through_narwhals(table)
        arrow = arrow.drop_columns([name for name in arrow.column_names if name.startswith(INDEX)])
    if columns is None:
        return arrow
    for name in columns:
        if name not in arrow.column_names:
            raise ColumnNotFound(name, arrow.column_names)
    return arrow.select(list(columns))


def column(table: "pa.Table", name: str) -> AnyArray:
    """One column as numpy; strings become `object`, missing numbers NaN, missing strings None."""
    if name not in table.column_names:
        raise ColumnNotFound(name, table.column_names)
    values: AnyArray = table.column(name).combine_chunks().to_numpy(zero_copy_only=False)
    return values


def is_numeric(values: AnyArray) -> bool:
    """Whether a column holds numbers or booleans."""
    return np.issubdtype(values.dtype, np.number) or values.dtype == np.bool_


def _from_columns(table: Mapping[str, Any]) -> "pa.Table":
    import pyarrow as pa

    columns = {}
    for name, values in table.items():
        try:
            columns[name] = pa.array(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            raise InputError(f"{name} holds values of several kinds; give numbers alone, or text alone.") from None
        except pa.ArrowNotImplementedError as problem:
            raise InputError(f"{name} holds values that no column can ({problem}); give numbers or text.") from None
    lengths = {name: len(values) for name, values in columns.items()}
    if len(set(lengths.values())) > 1:
        said = ", ".join(f"{name} {n:,}" for name, n in list(lengths.items())[:8])
        raise InputError(f"The columns have different lengths: {said}. Give one value a row in each.")
    return pa.table(columns)


def _through_narwhals(table: Any) -> "pa.Table":
    import narwhals as nw

    try:
        frame = nw.from_native(table)
    except TypeError:
        raise InputError(
            f"Got {type(table).__name__}, which is no table; "
            "give a pandas, polars or pyarrow table, a DuckDB relation, an ibis expression or a dict of columns."
        ) from None
    except nw.exceptions.DuplicateError:
        raise InputError("The table has columns of one name; rename or drop all but one of each.") from None
    if isinstance(frame, nw.LazyFrame):
        frame = frame.collect("pyarrow")
    return frame.to_arrow()
