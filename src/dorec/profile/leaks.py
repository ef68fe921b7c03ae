"""Does the future, or the answer, stand in what is learned from? A verdict for each way it may."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import numpy as np
import pyarrow as pa

from dorec.domain.errors import InputError
from dorec.domain.event_log import EventLog
from dorec.domain.verdict import Status, Verdict
from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.profile.features import instant
from dorec.profile.splits import Split

SESSION_SECONDS = 1_800.0


def audit(split: Split) -> list[Verdict]:
    """What leaks from test to train, and whom the test can't judge: one verdict for each check.

    Checks: the same interaction on both sides (failed), test pairs that train holds too (warning: they are easy to
    guess, and excluded where seen items are), train interactions after the test has begun (failed for a temporal
    split), a user's session (pauses of at most 30 minutes) on both sides, and test users and items without training
    data. Checks of time are left out where there are no times.

    Example:
        >>> from dorec import Dataset
        >>> from dorec.profile import temporal_split
        >>> data = Dataset.from_interactions({"u": list("aabb"), "i": list("xyxy"), "t": [1, 4, 2, 3]},
        ...                                  user="u", item="i", time="t")
        >>> {v.check: v.status for v in audit(temporal_split(data, 0.25))}["future in train"]
        'passed'
    """
    checks = [_same_rows(split), _same_pairs(split)]
    train, test = split.train.time, split.test.time
    if train is not None and test is not None:
        checks += [_future(split, train, test), _sessions(split, train, test)]
    return [*checks, _unknown(split, "user"), _unknown(split, "item")]


def audit_features(
    compute: Callable[[EventLog, datetime], pa.Table], log: EventLog, at: datetime, *, key: str = "user_id"
) -> list[Verdict]:
    """Whether features as of `at` change when the future is removed: a feature that does has seen it.

    Args:
        compute: makes the features, one row a key; `user_features` is one.
        log: the events, some of them at `at` or later.
        at: the instant.
        key: the column that names a row.

    Raises:
        InputError: no event is before `at`, or none is at or after it, so nothing could be found.

    Example:
        >>> from dorec.profile import user_features
        >>> times = [datetime(2024, 1, 1), datetime(2024, 1, 3)]
        >>> log = EventLog.from_table({"user_id": ["a", "a"], "value": [1.0, 9.0], "timestamp": times})
        >>> [v.status for v in audit_features(user_features, log, datetime(2024, 1, 2))]
        ['passed']
        >>> [v.evidence["columns"] for v in audit_features(lambda log, at: user_features(log), log, times[1])][0][0]
        'events'
    """
    before = log.table.timestamp < instant(at)
    sides = log.table.agg(past=before.sum(), future=(~before).sum()).to_pyarrow().to_pylist()[0]
    if not sides["past"] or not sides["future"]:
        raise InputError(f"{sides['past'] or 0:,} events are before {at} and {sides['future'] or 0:,} are not; take an "
                         "instant with events on both sides.")  # fmt: skip
    with_future = compute(log, at).sort_by(key)
    without = compute(replace(log, table=log.table.filter(before)), at).sort_by(key)
    changed = _changed_columns(with_future, without, key)
    if not changed:
        same = f"{with_future.num_columns - 1} features as of {at} are the same"
        meaning = f"{same} with and without {sides['future']:,} later events"
        return [Verdict(check="features without future", status="passed", meaning=meaning)]
    return [
        Verdict(
            check="features without future",
            status="failed",
            code="leakage",
            meaning=f"{len(changed)} feature(s) change when later events are removed: {', '.join(changed[:5])}",
            remedy="Compute them from events strictly before the instant, as features_as_of does.",
            evidence={"columns": changed},
        )
    ]


def _changed_columns(a: pa.Table, b: pa.Table, key: str) -> list[str]:
    if not a.column(key).equals(b.column(key)):
        return [key]
    changed = []
    for name in a.column_names:
        if name not in b.column_names:
            changed.append(name)
            continue
        x, y = a.column(name).combine_chunks(), b.column(name).combine_chunks()
        if pa.types.is_floating(x.type):
            p, q = x.to_numpy(zero_copy_only=False), y.to_numpy(zero_copy_only=False)
            same = np.allclose(p, q, rtol=1e-9, atol=1e-12, equal_nan=True)
        else:
            same = x.equals(y)
        if not same:
            changed.append(name)
    return changed + [name for name in b.column_names if name not in a.column_names]


def _pairs(split: Split) -> tuple[IntArray, IntArray]:
    n = split.train.n_items
    train, test = split.train, split.test
    return train.user_index * n + train.item_index, test.user_index * n + test.item_index


def _verdict(check: str, hit: BoolArray, status: Status, what: str, remedy: str) -> Verdict:
    """Passed where nothing is hit, else `status`; the statistic is the share that is."""
    n, share = int(hit.sum()), float(hit.mean()) if len(hit) else 0.0
    meaning = f"{n:,} of {len(hit):,} ({share:.1%}) {what}"
    if not n:
        return Verdict(check=check, status="passed", meaning=meaning, statistic=0.0)
    return Verdict(check=check, status=status, meaning=meaning, statistic=share, remedy=remedy, evidence={"count": n})


def _same_rows(split: Split) -> Verdict:
    train, test = _pairs(split)
    what = "test interactions stand in train, to the very second"
    if split.train.time is None or split.test.time is None:
        hit = np.zeros(len(test), dtype=bool)
        return _verdict("same interaction", hit, "failed", "test interactions are known to stand in train too", "")
    keys = np.concatenate([np.stack([train, split.train.time], 1), np.stack([test, split.test.time], 1)])
    _, code = np.unique(keys, axis=0, return_inverse=True)
    code = code.reshape(-1)
    hit = np.isin(code[len(train) :], code[: len(train)])
    return _verdict("same interaction", hit, "failed", what, "Remove duplicates before splitting.")


def _same_pairs(split: Split) -> Verdict:
    train, test = _pairs(split)
    return _verdict(
        "test pairs in train",
        np.isin(test, train),
        "warning",
        "test interactions repeat a user and item of train",
        "Exclude seen items when ranking, or judge discovery and repeats apart.",
    )


def _future(split: Split, train: FloatArray, test: FloatArray) -> Verdict:
    begins = test.min() if len(test) else np.inf
    status: Status = "failed" if split.how == "temporal" else "warning"
    return _verdict(
        "future in train",
        train >= begins,
        status,
        "train interactions are not before the first of the test",
        "Use temporal_split to judge what a model would have known then.",
    )


def _sessions(split: Split, train: FloatArray, test: FloatArray) -> Verdict:
    user = np.concatenate([split.train.user_index, split.test.user_index])
    time = np.concatenate([train, test])
    is_test = np.repeat([False, True], [len(train), len(test)])
    order = np.lexsort((time, user))
    starts = (np.diff(user[order], prepend=-1) != 0) | (np.diff(time[order], prepend=-np.inf) > SESSION_SECONDS)
    session = np.cumsum(starts) - 1
    in_train = np.bincount(session, weights=~is_test[order]) > 0
    hit = in_train[session[is_test[order]]]
    return _verdict(
        "same session",
        hit,
        "warning",
        "test interactions are in a session (pauses up to 30 minutes) that began or went on in train",
        "Split by session or leave out sessions that the cut runs through.",
    )


def _unknown(split: Split, side: str) -> Verdict:
    train = split.train.user_index if side == "user" else split.train.item_index
    test = split.test.user_index if side == "user" else split.test.item_index
    hit = ~np.isin(np.unique(test), train)
    return _verdict(
        f"unknown {side}s",
        hit,
        "warning",
        f"test {side}s have no training data",
        "A fallback answers for them; judge them apart.",
    )
