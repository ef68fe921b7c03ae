"""Who was assigned to what, from when to when: read, checked and laid over users and windows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from dorec.domain.errors import ColumnNotFound, InputError, NotFinite, OneArm, TooFewUnits
from dorec.numeric.arrays import AnyArray, BoolArray, IntArray
from dorec.profile.point_in_time import to_utc

CONTROL = "none"
DAY_US = 86_400_000_000


@dataclass(frozen=True, eq=False)
class Assignments:
    """Checked assignments, one row each."""

    unit: AnyArray  # (a,) strings
    label: AnyArray  # (a,) strings
    start: IntArray  # (a,) microseconds since 1970
    end: IntArray  # (a,) the first instant after the window
    named: AnyArray = field(default_factory=lambda: np.empty(0, dtype=str))  # everyone in the table, treated or not

    def windows(self, labels: Sequence[str]) -> IntArray:
        """Distinct (start, end) among the assignments of some labels, (w, 2), in order."""
        asked = np.isin(self.label, list(labels))
        return np.unique(np.stack([self.start[asked], self.end[asked]], axis=1), axis=0)

    def labels(self, treated: Sequence[str] | None) -> list[str]:
        """The labels asked about, checked; all of them by default."""
        known = [str(label) for label in np.unique(self.label)]
        if treated is None:
            return known
        wanted = [str(t) for t in treated]
        strange = [t for t in wanted if t not in known]
        if strange or not wanted:
            what = ", ".join(strange) or "(none named)"
            raise InputError(f"No assignment is of the kind {what}. Kinds: {', '.join(known)}.")
        return wanted


def read_assignments(
    table: pa.Table, unit: str, arm: str | None, start: str, end: str | None, last: int
) -> Assignments:
    """The assignments of a table; ends that are dates include that day, and without an end windows run to `last`.

    Raises:
        ColumnNotFound: a column is not in the table.
        InputError: a time is no time, or an assignment ends before it starts.
        NotFinite, TooFewUnits: a value is missing; the table is empty.
    """
    wanted = [name for name in (unit, arm, start, end) if name is not None]
    for name in wanted:
        if name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, where="the assignments")
    if not table.num_rows:
        raise TooFewUnits("there are no assignments", remedy="give a row for each user and campaign")
    gaps = [f"{name} ({n:,})" for name in wanted if (n := table.column(name).null_count)]
    if gaps:
        raise NotFinite(f"the assignments have missing values in {', '.join(gaps)}", remedy="drop or repair these rows")
    begins = _microseconds(table, start)
    if end is None:
        ends = np.full(table.num_rows, last + 1, dtype=np.int64)
    else:
        ends = _microseconds(table, end)
        ends = ends + (DAY_US if (ends % DAY_US == 0).all() else 1)
    wrong = ends <= begins
    if wrong.any():
        n, row = int(wrong.sum()), int(wrong.argmax())
        raise InputError(f"{n:,} assignment(s) end before they start, the first in row {row}. Repair or drop them.")
    label = np.full(table.num_rows, "treated") if arm is None else as_text(table, arm)
    treated = label != CONTROL
    who = as_text(table, unit)
    return Assignments(who[treated], label[treated], begins[treated], ends[treated], np.unique(who))


def arms_of(
    given: Assignments,
    labels: Sequence[str],
    people: AnyArray,
    windows: IntArray,
    *,
    among: BoolArray | None = None,
) -> tuple[AnyArray, BoolArray]:
    """Each row's arm, (users x windows,), and whether the user was assigned to two arms of that window.

    Each arm must be there `among` the rows that are kept, (users x windows,); all by default.

    Raises:
        OneArm: nobody was treated in these windows, or everybody in each of them.
    """
    place = np.searchsorted(people, given.unit)
    code = np.zeros((len(people), len(windows)), dtype=np.int64)
    twice = np.zeros(code.shape, dtype=bool)
    for w, (begin, stop) in enumerate(windows.tolist()):
        in_window = (given.start == begin) & (given.end == stop)
        for k, label in enumerate(labels, start=1):
            who = place[(given.label == label) & in_window]
            twice[who, w] |= (code[who, w] > 0) & (code[who, w] != k)
            code[who, w] = k
    kept = ~twice if among is None else ~twice & among.reshape(twice.shape)
    present = np.bincount(code[kept], minlength=len(labels) + 1)
    if present[0] == 0 or not present[1:].any():
        what = "every user was treated in every window" if present[0] == 0 else "nobody was treated in these windows"
        raise OneArm(what, remedy="ask about another treatment", evidence={"rows": present.tolist()})
    return np.array([CONTROL, *labels])[code.reshape(-1)], twice.reshape(-1)


def earlier_assignments(given: Assignments, user: AnyArray, at: IntArray) -> dict[str, IntArray]:
    """For each row (user, microseconds): assignments of the user that had begun, and that were still running."""
    people, row_user = np.unique(user, return_inverse=True)
    known = np.isin(given.unit, people)
    owner, start, end = np.searchsorted(people, given.unit[known]), given.start[known], given.end[known]
    begun, running = np.zeros(len(at), dtype=np.int64), np.zeros(len(at), dtype=np.int64)
    for instant in np.unique(at).tolist():
        rows = at == instant
        before = start < instant
        begun[rows] = np.bincount(owner[before], minlength=len(people))[row_user[rows]]
        still = before & (end > instant)
        running[rows] = np.bincount(owner[still], minlength=len(people))[row_user[rows]]
    return {"assigned_before": begun, "running_before": running}


def as_text(table: pa.Table, name: str) -> AnyArray:
    """A column as numpy strings."""
    return np.asarray(table.column(name).cast(pa.string()).to_pylist(), dtype=str)


def day(microseconds: int) -> str:
    """The date, in UTC, as text."""
    return str(np.datetime64(microseconds, "us").astype("datetime64[D]"))


def _microseconds(table: pa.Table, name: str) -> IntArray:
    times: Any = table.column(name)
    if not pa.types.is_temporal(times.type):
        raise InputError(f"Column {name!r} of the assignments holds {times.type}, not times; cast it first.")
    return np.asarray(to_utc(times).cast(pa.int64()).to_numpy(), dtype=np.int64)
