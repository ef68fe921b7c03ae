"""Cross-fitting: folds that follow from who the units are, never from the order of the rows.

A unit's key is a 64-bit hash that is the same on every machine and in every engine: arithmetic for numbers, md5 for
text. Folds deal the units of each stratum (arm) out in the order of their keys, so every fold holds its share of each.
"""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from dorec.numeric.arrays import AnyArray, BoolArray, FloatArray, IntArray

Keys: TypeAlias = NDArray[np.uint64]
FoldFit: TypeAlias = Callable[
    [IntArray, IntArray], FloatArray
]  # (train rows, test rows) -> predictions of the test rows
Map: TypeAlias = Callable[[Callable[[int], Any], Iterable[int]], list[Any]]


def mix64(words: AnyArray) -> Keys:
    """Well-mixed 64-bit words: the finaliser of splitmix64 (Steele, Lea, Flood 2014, doi:10.1145/2660193.2660195).

    >>> mix64(np.array([1, 2], dtype=np.uint64)).tolist()
    [10451216379200822465, 10905525725756348110]
    """
    with np.errstate(over="ignore"):
        z = np.asarray(words).astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def hash64(values: AnyArray) -> Keys:
    """A 64-bit hash of each value, (n,): whole numbers hash alike whether they are stored as int or float.

    >>> bool(hash64(np.array([7]))[0] == hash64(np.array([7.0]))[0])
    True
    >>> hash64(np.array(["anna"], dtype=object)).tolist()
    [18039733453064114087]
    """
    values = np.asarray(values)
    if values.dtype.kind in "iub":
        return mix64(values.astype(np.int64).view(np.uint64))
    if values.dtype.kind in "mM":
        return mix64(values.view(np.int64).view(np.uint64))
    if values.dtype.kind == "f":
        plain = values.astype(np.float64)
        whole = np.isfinite(plain) & (plain == np.floor(plain)) & (np.abs(plain) < 2**53)
        words = np.where(whole, np.where(whole, plain, 0).astype(np.int64).view(np.uint64), plain.view(np.uint64))
        return mix64(words)
    levels, code = np.unique(values.astype(str), return_inverse=True)
    digests = [hashlib.md5(level.encode(), usedforsecurity=False).digest()[:8] for level in levels.tolist()]
    return np.frombuffer(b"".join(digests), dtype="<u8").astype(np.uint64)[code]


def within_share(keys: Keys, share: float) -> BoolArray:
    """Which of some keys belong to a share of all units, (n,); a larger share holds every smaller one.

    >>> within_share(hash64(np.arange(1000)), 0.3).mean().round(1), within_share(hash64(np.arange(3)), 1.0).all()
    (np.float64(0.3), np.True_)
    """
    if share >= 1:
        return np.ones(len(keys), dtype=bool)
    return np.asarray(keys <= np.uint64(share * float(2**64 - 2**11)))


def content_keys(columns: FloatArray, names: Sequence[str], *tie_breakers: AnyArray) -> Keys:
    """A key for each row (n,) of units without ids, from the ranks of its values.

    The keys do not change when rows or columns are reordered, or when a column is shifted or scaled by a positive
    factor. Rows with equal values in every column are told apart by the rank of the `tie_breakers` (n,) among them,
    the first one first: what else is known of a unit, so that only rows that are the same in all are interchangeable.
    """
    n = len(columns)
    keys = np.zeros(n, dtype=np.uint64)
    with np.errstate(over="ignore"):
        for name, values in zip(names, columns.T, strict=True):
            salt = hash64(np.array([name], dtype=object))[0]
            keys += mix64(_dense_rank(values).astype(np.uint64) ^ salt)
    order = np.lexsort((*reversed(tie_breakers), keys))
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order][:1] + np.uint64(1)) != 0)
    place = np.empty(n, dtype=np.uint64)
    place[order] = np.arange(n) - np.repeat(starts, np.diff(starts, append=n))
    return mix64(keys ^ mix64(place))


def stratified_folds(keys: Keys, strata: IntArray, n_folds: int, groups: IntArray | None = None) -> IntArray:
    """The fold of each unit, (n,): 0..n_folds-1, each fold with its share of each stratum.

    Args:
        keys: (n,) from `hash64` or `content_keys`; two units of one group must have the same key.
        strata: (n,) codes from 0, as of the arms.
        groups: (n,) codes from 0: units of one group (a user's rows) land in one fold.

    >>> stratified_folds(hash64(np.arange(6)), np.array([0, 0, 0, 1, 1, 1]), 3).tolist()
    [2, 0, 1, 0, 2, 1]
    """
    if groups is None:
        return _deal(keys, strata, n_folds)
    n_groups = int(groups.max()) + 1
    table = np.zeros((n_groups, int(strata.max()) + 1))
    np.add.at(table, (groups, strata), 1.0)
    group_keys = np.zeros(n_groups, dtype=np.uint64)
    group_keys[groups] = keys
    return _deal(group_keys, table.argmax(axis=1), n_folds)[groups]


def cross_predict(fit: FoldFit, folds: IntArray, run: Map | None = None) -> FloatArray:
    """Predictions for every unit from a fit that has not seen its fold, (n, ...).

    Args:
        fit: gets the rows to train on and the rows to predict, gives the predictions of the latter.
        folds: (n,) from `stratified_folds`.
        run: maps a function over the folds, as `Engine.map` does; one after the other by default.

    >>> y = np.array([1.0, 2.0, 3.0, 4.0])
    >>> cross_predict(lambda train, test: np.full(len(test), y[train].mean()), np.array([0, 0, 1, 1])).tolist()
    [3.5, 3.5, 1.5, 1.5]
    """
    n_folds = int(folds.max()) + 1
    tests = [np.flatnonzero(folds == fold) for fold in range(n_folds)]

    def one(fold: int) -> FloatArray:
        return fit(np.flatnonzero(folds != fold), tests[fold])

    parts = (run or (lambda function, items: [function(item) for item in items]))(one, range(n_folds))
    out = np.empty((len(folds), *parts[0].shape[1:]))
    for rows, part in zip(tests, parts, strict=True):
        out[rows] = part
    return out


def _deal(keys: Keys, strata: IntArray, n_folds: int) -> IntArray:
    order = np.lexsort((keys, strata))
    folds = np.empty(len(keys), dtype=np.int64)
    folds[order] = np.arange(len(keys)) % n_folds
    return folds


def _dense_rank(values: FloatArray) -> IntArray:
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.int64)
