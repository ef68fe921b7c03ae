"""Columns of any kind as one sparse matrix: categories, lists, text, numbers and vectors, hashed into buckets."""

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse

from dorec.domain.dataset import Dataset
from dorec.numeric.arrays import AnyArray, FloatArray, IntArray
from dorec.numeric.text_hash import text_keys

if TYPE_CHECKING:
    import pyarrow as pa

BINS = 10  # of a number, holding as many rows each
WORD = re.compile(r"\w+")


def number_bins(table: "pa.Table | None", ids: AnyArray) -> dict[str, FloatArray]:
    """The edges (BINS - 1,) between the bins of each column of numbers.

    >>> import pyarrow as pa
    >>> number_bins(pa.table({"price": [1.0, 2.0, 3.0]}), np.array(["a", "b", "c"]))["price"].tolist()[4]
    2.0
    """
    edges = {}
    for name in _columns(table, ids):
        values = _numbers(table, name)
        if values is not None and np.isfinite(values).any():
            edges[name] = np.quantile(values[np.isfinite(values)], np.arange(1, BINS) / BINS)
    return edges


def hashed_features(
    table: "pa.Table | None", ids: AnyArray, bins: Mapping[str, FloatArray], n_buckets: int
) -> sparse.csr_matrix:
    """One row an id, (n, n_buckets); what each column says has length one, and missing cells say nothing.

    Text and categories count as a whole, word by word and pair by pair of words; lists element by element; numbers by
    their bin; lists of numbers as a vector (Weinberger et al. 2009, arXiv 0902.2206, without signs). A column that
    repeats the ids is left out.

    Args:
        table: features, in the order of the ids; None for no columns.
        ids: (n,).
        bins: of `number_bins`, of the rows that were learned from.
        n_buckets: columns of the result.

    Example:
        >>> import pyarrow as pa
        >>> table = pa.table({"id": ["a", "b"], "title": ["green tea", None], "price": [2.0, 3.0]})
        >>> hashed_features(table, np.array(["a", "b"]), {"price": np.array([2.5])}, 1024).getnnz(axis=1).tolist()
        [5, 1]
    """
    total = sparse.coo_matrix((len(ids), n_buckets)).tocsr()
    for name in _columns(table, ids):
        numbers = _numbers(table, name)
        if numbers is None:
            rows, tokens, values = _tokens(table.column(name).to_pylist())  # type: ignore[union-attr]
        elif name in bins:
            rows = np.flatnonzero(np.isfinite(numbers))
            tokens = [str(b) for b in np.searchsorted(bins[name], numbers[rows]).tolist()]
            values = np.ones(len(rows))
        else:
            continue
        total = total + _block(name, (rows, tokens, values), total.shape)
    return total.tocsr().astype(np.float32)


def features_of(dataset: Dataset, side: str) -> tuple["pa.Table | None", AnyArray]:
    """The feature table and the ids of "users" or "items"."""
    return (dataset.user_features, dataset.users) if side == "users" else (dataset.item_features, dataset.items)


def _columns(table: "pa.Table | None", ids: AnyArray) -> list[str]:
    if table is None:
        return []
    names = []
    for name in sorted(table.column_names):
        cells = table.column(name).to_pylist()
        if any(cell is not None and str(cell) != str(own) for cell, own in zip(cells, ids.tolist(), strict=True)):
            names.append(name)
    return names


def _numbers(table: "pa.Table | None", name: str) -> FloatArray | None:
    """A column of numbers, NaN where missing; None for any other column."""
    import pyarrow as pa

    column = table.column(name)  # type: ignore[union-attr]
    if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type) or pa.types.is_decimal(column.type)):
        return None
    values: FloatArray = np.asarray(column.cast(pa.float64()).to_pylist(), dtype=np.float64)
    return values


def _tokens(cells: list[Any]) -> tuple[IntArray, list[str], FloatArray]:
    """Row, token and value of everything that the cells say."""
    rows: list[int] = []
    tokens: list[str] = []
    values: list[float] = []
    for row, cell in enumerate(cells):
        said = _said(cell)
        rows += [row] * len(said)
        tokens += said.keys()
        values += said.values()
    return np.array(rows, dtype=np.int64), tokens, np.array(values)


def _said(cell: Any) -> dict[str, float]:
    if cell is None:
        return {}
    if isinstance(cell, list):
        if cell and all(isinstance(part, float) for part in cell):
            return {f"[{place}]": part for place, part in enumerate(cell) if np.isfinite(part)}
        return {f"={part}": 1.0 for part in cell if part is not None}
    text = str(cell).lower()
    words = WORD.findall(text)
    pairs = [f"{a} {b}" for a, b in pairwise(words)]
    return {f"={text}": 1.0} | dict.fromkeys(words, 1.0) | dict.fromkeys(pairs, 1.0)


def _block(name: str, said: tuple[IntArray, list[str], FloatArray], shape: tuple[int, int]) -> sparse.csr_matrix:
    """What one column says, rows of length one."""
    import pyarrow as pa

    rows, tokens, values = said
    keys = text_keys(pa.array([f"{name}:{token}" for token in tokens], type=pa.string()))
    buckets = (keys % np.uint64(shape[1])).astype(np.int64)
    length = np.sqrt(np.bincount(rows, values**2, minlength=shape[0]))
    return sparse.csr_matrix((values / np.maximum(length[rows], 1e-12), (rows, buckets)), shape=shape)
