"""A table of decisions -> a log that can judge policies, or a refusal that names the row and the remedy."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import (
    BadPropensity,
    ColumnNotFound,
    ConfigError,
    InputError,
    NotFinite,
    OneArm,
)
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.study import Study
from dorec.domain.table import column, is_numeric
from dorec.evaluate import estimate_propensities
from dorec.loop.policies import Log
from dorec.loop.tables import read_table
from dorec.numeric.arrays import BoolArray

ESTIMATED = "(estimated propensity)"  # a column that no file has
LARGEST = 1e100  # of rewards: squares of larger ones overflow


@dataclass(frozen=True, kw_only=True)
class LogColumns:
    """Which column of a log is what.

    Example:
        >>> LogColumns(action="item", reward="click", propensity="p").context
        ()
    """

    action: str
    reward: str
    propensity: str | None  # None: not written down, to be estimated from the context
    context: tuple[str, ...] = ()
    user: str | None = None  # rows of one user are not independent
    time: str | None = None  # by which rows are put in order
    drop_bad: bool = False  # leave out rows that can't be used, instead of refusing


def read_log(path: Path, columns: LogColumns) -> Log:
    r"""The log of a file.

    Raises:
        ColumnNotFound, UnreadableSource, InputError: the file or a column can't be used.
        ConfigError: propensities are to be estimated, and no context is named.
        BadPropensity, NotFinite: rows can't be used, with the first of them; unless `drop_bad`.
        OneArm: every row has the same action.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "log.csv")
        ...     _ = file.write_text("item,click,p,age\nx,1,0.5,30\ny,0,0.25,40\n")
        ...     read = read_log(file, LogColumns(action="item", reward="click", propensity="p", context=("age",)))
        >>> read.feedback.n, read.feedback.context.ravel().tolist(), read.feedback.action_labels
        (2, [30.0, 40.0], ('x', 'y'))
    """
    if columns.propensity is None and not columns.context:
        raise ConfigError(
            "Propensities that were not written down are estimated from what the log looked at when it chose: name "
            "those columns by --context a,b,c."
        )
    table = read_table(path)
    propensity = columns.propensity or ESTIMATED
    if columns.propensity is None:
        table = table.append_column(ESTIMATED, pa.array(np.ones(table.num_rows)))
    _check_columns(table, columns, propensity, path)
    good = _usable(table, columns, propensity)
    if not good.any() or not (good.all() or columns.drop_bad):
        _refuse(table, columns, propensity, good)
    rows = np.flatnonzero(good)
    if columns.time is not None:
        order = pa.compute.sort_indices(table.column(columns.time).take(pa.array(rows)))
        rows = rows[order.to_numpy()]
    kept = table.take(pa.array(rows))
    feedback = _feedback(kept, columns, propensity)
    return Log(feedback, kept, columns.action, rows, table.num_rows)


def _feedback(kept: pa.Table, columns: LogColumns, propensity: str) -> LoggedFeedback:
    feedback, _ = LoggedFeedback.from_table(
        kept, action=columns.action, reward=columns.reward, propensity=propensity, cluster=columns.user
    )
    if feedback.n_actions < 2:
        raise OneArm(
            f"every one of {feedback.n:,} rows has the action {feedback.action_labels[0]!r}, so no other can be judged",
            remedy="log other actions with some probability",
        )
    if columns.context:
        study = Study.from_table(kept, outcome=columns.reward, treatment=columns.action, covariates=columns.context)
        feedback = replace(feedback, context=study.covariates, sample="")
    return feedback if columns.propensity is not None else _with_estimated(feedback)


def _with_estimated(feedback: LoggedFeedback) -> LoggedFeedback:
    made = estimate_propensities(
        context=feedback.context,
        action=feedback.action,
        reward=feedback.reward,
        n_actions=feedback.n_actions,
        cluster=feedback.cluster,
    )
    return replace(made, action_labels=feedback.action_labels)


def _check_columns(table: pa.Table, columns: LogColumns, propensity: str, path: Path) -> None:
    roles = [columns.action, columns.reward, propensity, *columns.context]
    for name in [*roles, *(n for n in (columns.user, columns.time) if n)]:
        if name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, path.name)
    twice = sorted({name for name in roles if roles.count(name) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)} stand in more than one role; give each column one role.")
    for name, what in ((columns.reward, "rewards"), (propensity, "propensities")):
        values = column(table, name)
        if not is_numeric(values):
            row, shown = next(((i, v) for i, v in enumerate(values.tolist()) if not _is_number(v)), (0, values[0]))
            raise InputError(f"Column {name!r} holds {shown!r} in row {row}, which is no number; {what} are numbers.")
        if np.nanmax(np.abs(values.astype(np.float64)), initial=0.0, where=np.isfinite(values)) > LARGEST:
            raise InputError(f"Column {name!r} holds numbers beyond {LARGEST:g}; give them in a larger unit.")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True


def _usable(table: pa.Table, columns: LogColumns, propensity: str) -> BoolArray:
    p, r = (column(table, name).astype(np.float64) for name in (propensity, columns.reward))
    good = (p > 0) & (p <= 1) & np.isfinite(r) & _filled(table, columns.action)
    for name in (*columns.context, *([columns.user] if columns.user else [])):
        good &= _filled(table, name)
    return np.asarray(good, dtype=bool)


def _filled(table: pa.Table, name: str) -> BoolArray:
    values = column(table, name)
    if is_numeric(values):
        return np.asarray(np.isfinite(values.astype(np.float64)))
    return ~np.asarray(table.column(name).combine_chunks().is_null())


def _refuse(table: pa.Table, columns: LogColumns, propensity: str, good: BoolArray) -> None:
    """The reason of the first bad row, and how many rows share it."""
    bad = np.flatnonzero(~good)
    names = (columns.reward, columns.action, *columns.context)
    p = column(table, propensity).astype(np.float64)
    wrong = np.flatnonzero(~((p > 0) & (p <= 1)))
    evidence = {"rows": bad[:10].tolist(), "rows_bad": len(bad), "rows_in_all": len(good)}
    remedy = "repair these rows; --drop-bad leaves them out, which is right only if they are bad by chance alone"
    if len(wrong):
        raise BadPropensity(
            f"{len(wrong):,} of {len(good):,} rows have a {propensity!r} outside (0, 1], the first in row "
            f"{wrong[0]}: {p[wrong[0]]:g}",
            remedy=remedy,
            evidence=evidence,
        )
    extra = [columns.user] if columns.user else []
    name = next(n for n in [*names, *extra] if not _filled(table, n)[bad[0]])
    count = int((~_filled(table, name)).sum())
    raise NotFinite(
        f"{count:,} of {len(good):,} rows have no finite {name!r}, the first in row {bad[0]}",
        remedy=remedy,
        evidence=evidence,
    )
