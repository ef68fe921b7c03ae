"""A table of decisions -> a log that can judge policies, or a refusal that names the row and the remedy."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import BadPropensity, ColumnNotFound, InputError, NotFinite, OneArm
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.study import Study
from dorec.domain.table import column, is_numeric
from dorec.loop.policies import Log
from dorec.loop.tables import read_table
from dorec.numeric.arrays import BoolArray

ROW = "(row of the file)"


@dataclass(frozen=True, kw_only=True)
class LogColumns:
    """Which column of a log is what.

    Example:
        >>> LogColumns(action="item", reward="click", propensity="p").context
        ()
    """

    action: str
    reward: str
    propensity: str
    context: tuple[str, ...] = ()
    user: str | None = None  # rows of one user are not independent
    time: str | None = None  # by which rows are put in order
    drop_bad: bool = False  # leave out rows that can't be used, instead of refusing


def read_log(path: Path, columns: LogColumns) -> Log:
    r"""The log of a file.

    Raises:
        ColumnNotFound, UnreadableSource, InputError: the file or a column can't be used.
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
    table = read_table(path)
    _check_columns(table, columns, path)
    if columns.time is not None:
        table = table.take(pa.compute.sort_indices(table, sort_keys=[(columns.time, "ascending")]))
    total = table.num_rows
    good = _usable(table, columns)
    if not good.all() and not columns.drop_bad:
        _refuse(table, columns, good)
    if not good.any():
        _refuse(table, columns, good)
    kept = table.filter(pa.array(good))
    roles = {"action": columns.action, "reward": columns.reward, "propensity": columns.propensity}
    feedback, _ = LoggedFeedback.from_table(kept, cluster=columns.user, **roles)
    if feedback.n_actions < 2:
        raise OneArm(
            f"every one of {feedback.n:,} rows has the action {feedback.action_labels[0]!r}, so no other can be judged",
            remedy="log other actions with some probability",
        )
    if columns.context:
        study = Study.from_table(kept, outcome=columns.reward, treatment=columns.action, covariates=columns.context)
        feedback = replace(feedback, context=study.covariates, sample="")
    return Log(feedback, kept, columns.action, np.flatnonzero(good), total)


def _check_columns(table: pa.Table, columns: LogColumns, path: Path) -> None:
    roles = [columns.action, columns.reward, columns.propensity, *columns.context]
    for name in [*roles, *(n for n in (columns.user, columns.time) if n)]:
        if name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, path.name)
    twice = sorted({name for name in roles if roles.count(name) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)} stand in more than one role; give each column one role.")
    for name, what in ((columns.reward, "rewards"), (columns.propensity, "propensities")):
        values = column(table, name)
        if not is_numeric(values):
            row, shown = next(((i, v) for i, v in enumerate(values.tolist()) if not _is_number(v)), (0, values[0]))
            raise InputError(f"Column {name!r} holds {shown!r} in row {row}, which is no number; {what} are numbers.")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return value is None
    return True


def _usable(table: pa.Table, columns: LogColumns) -> BoolArray:
    p, r = (column(table, name).astype(np.float64) for name in (columns.propensity, columns.reward))
    good = (p > 0) & (p <= 1) & np.isfinite(r) & _filled(table, columns.action)
    for name in (*columns.context, *([columns.user] if columns.user else [])):
        good &= _filled(table, name)
    return np.asarray(good, dtype=bool)


def _filled(table: pa.Table, name: str) -> BoolArray:
    values = column(table, name)
    if is_numeric(values):
        return np.asarray(np.isfinite(values.astype(np.float64)))
    return ~np.asarray(table.column(name).combine_chunks().is_null())


def _refuse(table: pa.Table, columns: LogColumns, good: BoolArray) -> None:
    """The reason of the first bad row, and how many rows share it."""
    bad = np.flatnonzero(~good)
    names: Sequence[str] = (columns.propensity, columns.reward, columns.action, *columns.context)
    p = column(table, columns.propensity).astype(np.float64)
    wrong = np.flatnonzero(~((p > 0) & (p <= 1)))
    evidence = {"rows": bad[:10].tolist(), "rows_bad": len(bad), "rows_in_all": len(good)}
    remedy = "repair these rows; --drop-bad leaves them out, which is right only if they are bad by chance alone"
    if len(wrong):
        raise BadPropensity(
            f"{len(wrong):,} of {len(good):,} rows have a {columns.propensity!r} outside (0, 1], the first in row "
            f"{wrong[0]}: {p[wrong[0]]:g}",
            remedy=remedy,
            evidence=evidence,
        )
    extra = [columns.user] if columns.user else []
    name = next(n for n in [*names[1:], *extra] if not _filled(table, n)[bad[0]])
    count = int((~_filled(table, name)).sum())
    raise NotFinite(
        f"{count:,} of {len(good):,} rows have no finite {name!r}, the first in row {bad[0]}",
        remedy=remedy,
        evidence=evidence,
    )
