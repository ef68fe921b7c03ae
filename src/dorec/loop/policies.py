"""Policies to judge, by name, from a column of the log, from a file, or learned from a part of the log."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import BadPropensity, ConfigError, InputError, UnknownAction, did_you_mean
from dorec.domain.logged_feedback import LoggedFeedback, no_distribution
from dorec.domain.run import RunContext
from dorec.domain.table import column, is_numeric
from dorec.evaluate import popularity_policy, uniform_policy
from dorec.intervene import REGISTRY as LEARNERS
from dorec.intervene import make
from dorec.loop.tables import read_table
from dorec.numeric.arrays import AnyArray, FloatArray

FIXED = ("uniform",)
FROM_REWARDS = ("best", "popularity")  # learned without a context


@dataclass(frozen=True, eq=False)
class Log:
    """A log as read: its decisions, and the columns of the table on the same rows.

    Example:
        >>> table = pa.table({"a": ["x", "y"], "r": [1.0, 0.0], "p": [0.5, 0.5]})
        >>> log, _ = LoggedFeedback.from_table(table, action="a", reward="r", propensity="p")
        >>> Log(log, table, "a", np.arange(2), 2).feedback.n
        2
    """

    feedback: LoggedFeedback
    table: pa.Table
    action: str  # the column with the action
    rows: AnyArray  # (n,) of the file, from 0
    total: int  # rows of the file

    def take(self, rows: AnyArray) -> "Log":
        """The log of some rows, by position."""
        return Log(self.feedback.take(rows), self.table.take(pa.array(rows)), self.action, self.rows[rows], self.total)


def is_learned(name: str, log: Log) -> bool:
    """Whether a policy is made from the rewards of the log, so that it must be judged on rows of its own.

    Example:
        >>> table = pa.table({"a": ["x", "y"], "r": [1.0, 0.0], "p": [0.5, 0.5]})
        >>> log, _ = LoggedFeedback.from_table(table, action="a", reward="r", propensity="p")
        >>> read = Log(log, table, "a", np.arange(2), 2)
        >>> is_learned("best", read), is_learned("uniform", read)
        (True, False)
    """
    return name not in log.table.column_names and (name in FROM_REWARDS or name in LEARNERS)


def propensities_of(name: str, judged: Log, learning: Log | None, context: RunContext) -> FloatArray:
    """What a policy would have done on the judged rows, (n, n_actions).

    Args:
        name: uniform; best or popularity or a policy learner, which learn from `learning`; a column of the log that
            says what the policy would have done; or a file.
        judged: the log on which it is judged.
        learning: other rows of the same log.
        context: seed and progress.

    Raises:
        ConfigError: nothing has that name.
        UnknownAction, BadPropensity, InputError: with the row or the column.

    Example:
        >>> table = pa.table({"a": ["x", "y"], "r": [1.0, 0.0], "p": [0.5, 0.5], "new": ["x", "x"]})
        >>> log, _ = LoggedFeedback.from_table(table, action="a", reward="r", propensity="p")
        >>> propensities_of("new", Log(log, table, "a", np.arange(2), 2), None, RunContext()).tolist()
        [[1.0, 0.0], [1.0, 0.0]]
    """
    feedback = judged.feedback
    if name in judged.table.column_names:
        return _chosen(column(judged.table, name), feedback, f"column {name!r}", judged.rows)
    if name == "uniform":
        return uniform_policy(feedback)
    if Path(name).is_file():
        return _from_file(Path(name), judged)
    if name in FROM_REWARDS or name in LEARNERS:
        taught = (judged if learning is None else learning).feedback
        if name in LEARNERS:
            if not taught.context.shape[1]:
                raise ConfigError(f"{name} learns what to do in which context: give --context a,b,c, or take best.")
            made: FloatArray = make(name).fit(taught, context=context).propensities(feedback.context)
            return made
        if name == "best":
            return _every(np.eye(taught.n_actions)[best_action(taught)], feedback.n)
        counts = np.bincount(taught.action, weights=taught.reward, minlength=taught.n_actions)
        return popularity_policy(feedback, counts)
    known = [*FIXED, *FROM_REWARDS, *LEARNERS]
    raise ConfigError(
        f"--policy {name!r} is no file, no column of the log and no policy by name. Names: {', '.join(known)}."
        f"{did_you_mean(name, [*known, *judged.table.column_names])}"
    )


def best_action(feedback: LoggedFeedback) -> int:
    """The action whose mean reward, over all contexts alike, is highest for sure: its mean less one standard error.

    Example:
        >>> log = LoggedFeedback(action=np.array([0, 0, 0, 1, 1, 1, 2]), reward=np.array([1.0, 0, 1, 1, 1, 0.9, 2]),
        ...                      propensity=np.full(7, 0.3), n_actions=3)
        >>> best_action(log)
        1
    """
    k, weight = feedback.n_actions, 1 / feedback.propensity

    def sums(values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(feedback.action, weights=values, minlength=k))

    total = sums(weight)
    mean = np.divide(sums(weight * feedback.reward), total, out=np.zeros(k), where=total > 0)
    spread = sums((weight * (feedback.reward - mean[feedback.action])) ** 2)
    error = np.divide(np.sqrt(spread), total, out=np.full(k, np.inf), where=total > 0)
    few = np.bincount(feedback.action, minlength=k) < 2  # one row alone has no error to be known
    return int(np.where(few, -np.inf, mean - error).argmax()) if not few.all() else int(mean.argmax())


def _from_file(path: Path, judged: Log) -> FloatArray:
    """A table with a probability for each action or with a choice, for each row, for each key, or for all rows."""
    table = read_table(path)
    feedback = judged.feedback
    labels = [str(label) for label in feedback.action_labels]
    names = set(table.column_names)
    choice = judged.action if judged.action in names else "action" if "action" in names else ""
    shown = sorted(names & set(labels))
    if not shown and not choice:
        raise InputError(
            f"{path} holds no policy: give a column for each action ({', '.join(labels[:10])}"
            f"{', ...' if len(labels) > 10 else ''}) with its probability, or a column {judged.action!r} with the "
            f"choice. Columns: {', '.join(table.column_names[:20])}."
        )
    keys = [n for n in table.column_names if n in judged.table.column_names and n not in labels and n != choice]
    place = _places(path, table, keys, judged)
    if not shown:
        return _chosen(column(table, choice), feedback, f"{path} column {choice!r}", np.arange(table.num_rows))[place]
    made = np.zeros((table.num_rows, feedback.n_actions))
    for label in shown:
        values = column(table, label)
        if not is_numeric(values):
            raise InputError(f"Column {label!r} of {path} holds {values.dtype}, not probabilities.")
        made[:, labels.index(label)] = values
    bad = no_distribution(made)
    if len(bad):
        row = int(bad[0])
        raise BadPropensity(
            f"{len(bad):,} row(s) of {path} are no probability distribution over the log's actions, the first row "
            f"{row}, which sums to {np.nansum(made[row]):.6g}",
            remedy="divide each row by its sum, with no entry missing or below 0; actions that the log never took "
            "can't be judged",
            evidence={"rows": bad[:10].tolist()},
        )
    return made[place]


def _places(path: Path, table: pa.Table, keys: Sequence[str], judged: Log) -> AnyArray:
    """The row of the policy's table for each judged row."""
    if keys:
        own = {key: i for i, key in enumerate(_tuples(table, keys))}
        if len(own) < table.num_rows:
            raise InputError(f"{path} has two rows for one value of {', '.join(keys)}; give one each.")
        asked = _tuples(judged.table, keys)
        lost = next((key for key in asked if key not in own), None)
        if lost is not None:
            raise InputError(f"{path} has no row for {dict(zip(keys, lost, strict=True))}, which is in the log.")
        return np.array([own[key] for key in asked])
    if table.num_rows == 1:
        return np.zeros(judged.feedback.n, dtype=np.int64)
    if table.num_rows == judged.total:
        return judged.rows
    raise InputError(
        f"{path} has {table.num_rows:,} rows, the log {judged.total:,}: give one row for each of the log's, in its "
        "order, or one for all, or columns of the log by which they are joined."
    )


def _tuples(table: pa.Table, keys: Sequence[str]) -> list[tuple[str, ...]]:
    columns = [table.column(key).cast(pa.string()).to_pylist() for key in keys]
    return list(zip(*columns, strict=True))


def _chosen(values: AnyArray, feedback: LoggedFeedback, where: str, rows: AnyArray) -> FloatArray:
    """A policy that does what a column says, (len(values), n_actions)."""
    place = {_as_text(label): i for i, label in enumerate(feedback.action_labels)}
    codes = np.array([place.get(_as_text(v), -1) for v in values.tolist()])
    bad = np.flatnonzero(codes < 0)
    if len(bad):
        known = ", ".join(list(place)[:10])
        raise UnknownAction(
            f"{where} has {len(bad):,} of {len(codes):,} values that are no action of the log, the first "
            f"{values[bad[0]]!r} in row {rows[bad[0]]}",
            remedy=f"choose among what was logged: {known}{', ...' if len(place) > 10 else ''}",
            evidence={"rows": np.asarray(rows)[bad[:10]].tolist()},
        )
    return np.eye(feedback.n_actions)[codes]


def _as_text(value: Any) -> str:
    """The value as text; 3.0 is 3, because a column with a gap turns into floats."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _every(share: FloatArray, n: int) -> FloatArray:
    return np.broadcast_to(share, (n, len(share))).copy()
