"""A column of a study as a few levels with names: its values where they are few, else quantile bins."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.study import Study
from dorec.numeric.arrays import FloatArray, IntArray
from dorec.numeric.tree_rules import short

FEW = 8  # distinct numbers up to which each is a level of its own


class Levels(NamedTuple):
    """Levels of the units."""

    code: IntArray  # (n,)
    names: tuple[str, ...]


def levels_of(study: Study, column: str, n_bins: int = 4) -> Levels:
    """The level of each unit in one column: a covariate, or the column of text that its indicators were made from.

    Args:
        study: whose covariates hold the column.
        column: a number with many values is cut into `n_bins` bins at its quantiles.
        n_bins: 2 or more.

    Raises:
        ColumnNotFound, InputError.

    Example:
        >>> table = {"t": [0, 1] * 4, "y": range(8), "age": range(20, 36, 2), "city": ["Oslo", "Rome"] * 4}
        >>> study = Study.from_table(table, outcome="y", treatment="t", covariates=["age", "city"])
        >>> levels_of(study, "city").names, levels_of(study, "age", 2).names
        (('city = another', 'city = Rome'), ('age = 20', 'age = 22', ..., 'age = 34'))
    """
    if n_bins < 2:
        raise InputError(f"n_bins is {n_bins}; give 2 or more.")
    made = [name for name in study.covariate_names if study.source_of.get(name, name) == column and name != column]
    texts = [name for name in made if name.startswith(f"{column}=")]
    if texts:
        return _of_indicators(study, column, texts)
    if column not in study.covariate_names:
        known = [*study.covariate_names, *(v for v in dict.fromkeys(study.source_of.values()))]
        raise ColumnNotFound(column, list(dict.fromkeys(known)), where="the covariates of the study")
    x = study.covariates[:, study.covariate_names.index(column)]
    values, code = np.unique(x, return_inverse=True)
    if "=" in column and set(values.tolist()) <= {0.0, 1.0}:
        before, after = column.split("=", 1)
        words = {0.0: f"{before} is not {after}", 1.0: f"{before} = {after}"}
        return Levels(np.asarray(code, dtype=np.int64), tuple(words[v] for v in values.tolist()))
    if len(values) <= max(FEW, n_bins):
        return Levels(np.asarray(code, dtype=np.int64), tuple(f"{column} = {short(v)}" for v in values))
    cuts = quantile_cuts(x, n_bins)
    return Levels(np.searchsorted(cuts, x, side="left").astype(np.int64), bin_names(column, cuts))


def crossed_levels(study: Study, columns: Sequence[str], n_bins: int = 4) -> Levels:
    """The levels of several columns at once: each combination that occurs, in the order of the columns' levels."""
    parts = [levels_of(study, column, n_bins) for column in columns]
    if not parts:
        raise InputError("No columns are named; give one or more covariates.")
    sizes = tuple(len(part.names) for part in parts)
    together = np.ravel_multi_index(tuple(part.code for part in parts), sizes)
    found, code = np.unique(together, return_inverse=True)
    names = [
        ", ".join(part.names[i] for part, i in zip(parts, np.unravel_index(int(one), sizes), strict=True))
        for one in found
    ]
    return Levels(np.asarray(code, dtype=np.int64), tuple(names))


def quantile_cuts(x: FloatArray, n_bins: int) -> FloatArray:
    """Values at which x (n,) is cut into up to `n_bins` bins of about the same size; a value up to a cut lies below it.

    >>> quantile_cuts(np.arange(8.0), 4).tolist()
    [1.0, 3.0, 5.0]
    """
    cuts = np.unique(np.quantile(x, np.arange(1, n_bins) / n_bins, method="inverted_cdf"))
    return np.asarray(cuts[cuts < x.max()])


def bin_names(column: str, cuts: FloatArray) -> tuple[str, ...]:
    """Names of the bins between cuts, which are told apart by as many digits as that takes.

    >>> bin_names("age", np.array([30.0, 45.0]))
    ('age up to 30', 'age 30 to 45', 'age above 45')
    """
    digits = next((d for d in range(3, 17) if len({short(c, d) for c in cuts}) == len(cuts)), 17)
    told = [short(c, digits) for c in cuts]
    if not told:
        return (column,)
    inner = [f"{column} {low} to {high}" for low, high in pairwise(told)]
    return (f"{column} up to {told[0]}", *inner, f"{column} above {told[-1]}")


def _of_indicators(study: Study, column: str, names: Sequence[str]) -> Levels:
    """Levels of text: those with an indicator, and the one without."""
    X = study.covariates[:, [study.covariate_names.index(name) for name in names]]
    code = np.where(X.any(axis=1), X.argmax(axis=1) + 1, 0)
    told = [f"{column} = {name.removeprefix(column + '=')}" for name in names]
    return Levels(code.astype(np.int64), (f"{column} = another", *told))
