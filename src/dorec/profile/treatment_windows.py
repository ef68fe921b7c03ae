"""Who got what, from when to when -> a table on which the effect on the value within that window can be estimated."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import ColumnNotFound, InputError, NotFinite, OneArm, TooFewUnits
from dorec.domain.event_log import EventLog
from dorec.domain.study import Study
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray, IntArray
from dorec.profile.point_in_time import features_as_of, to_utc

CONTROL = "none"
DAY_US = 86_400_000_000
SKIPPED = ("user_id", "at")  # of the features: keys


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowStudy:
    """One row for each user and window, with the roles of the columns and what was assumed and left out.

    Example:
        >>> WindowStudy(table=pa.table({"value_in_window": [1.0]}), covariates=("spend",)).outcome
        'value_in_window'
    """

    table: pa.Table
    covariates: tuple[str, ...]
    outcome: str = "value_in_window"
    treatment: str = "arm"
    control: str = CONTROL
    unit: str = "row"
    cluster: str = "user_id"
    time: str = "window_start"
    notes: tuple[str, ...] = ()  # decisions, assumptions and what was left out, in words
    windows: tuple[dict[str, Any], ...] = field(default=())  # each with its users by arm, or why it was left out

    def to_study(self, missing: Any = "indicator") -> Study:
        """The study of this table: missing covariates are filled and marked by default."""
        return Study.from_table(
            self.table,
            outcome=self.outcome,
            treatment=self.treatment,
            covariates=list(self.covariates),
            control=self.control,
            unit=self.unit,
            cluster=self.cluster,
            missing=missing,
        )


@dataclass(frozen=True, eq=False)
class _Assignments:
    """Checked assignments, one row each."""

    unit: AnyArray  # (a,) strings
    label: AnyArray  # (a,) strings
    start: IntArray  # (a,) microseconds since 1970
    end: IntArray  # (a,) the first instant after the window


def treatment_window_study(
    log: EventLog,
    assignments: Any,
    *,
    unit: str = "user_id",
    arm: str | None = None,
    treated: Sequence[str] | None = None,
    start: str = "start",
    end: str | None = "end",
    outcome_event: str | None = "purchase",
    before_days: float | None = None,
    users: Any = None,
    user: str | None = None,
) -> WindowStudy:
    """The value of each user's events within each window, by whether they were assigned to it, with their past.

    A row is a user and a window (a distinct start and end among the assignments of the arms asked about); the treated
    are the users with an assignment to that window, and all other users get the same window as arm `none`. A row for
    each pair, rather than one for each user, compares the treated with others over the same days (season and trend
    cancel) and uses each campaign; since a user then has several rows, errors are clustered by user. Users are those
    of the log and of the assignments.

    Covariates are known before the window starts: `features_as_of` its start (spend, frequency, recency, counts, ...),
    other assignments begun earlier (`assigned_before`) or running then (`running_before`), the window itself (where
    there are several), and the columns of `users`, whose missing text is the level `missing`. Constant and doubled
    columns are left out. What is assumed, and each window that was left out, stands in `notes`.

    Args:
        log: the events.
        assignments: one row for each user and campaign.
        unit: the column with the user's id.
        arm: the column with the kind of treatment; without it there is one arm, `treated`.
        treated: the kinds asked about, each an arm; all of them by default. Others count as `none`.
        start: the column with the start.
        end: the column with the end, inclusive where it is a date; None ends windows with the log.
        outcome_event: the event type whose value is summed; None for every event.
        before_days: the past that covariates look back on; all of it by default.
        users: a table about users (demographics); every column but the id becomes a covariate.
        user: the column of `users` with the id; `unit` by default.

    Raises:
        ColumnNotFound: a column is not there. InputError: an unknown arm or event, or a log without times.
        OneArm, TooFewUnits: nobody was treated, everyone was, or no window lies within the log.

    Example:
        >>> from datetime import datetime
        >>> days = [datetime(2024, 1, d) for d in (1, 2, 5, 6, 9)]
        >>> log = EventLog.from_table({"user_id": list("ababb"), "event": ["purchase"] * 5,
        ...                            "value": [1.0, 2.0, 4.0, 8.0, 16.0], "timestamp": days})
        >>> sent = {"user_id": ["a"], "start": [datetime(2024, 1, 4)], "end": [datetime(2024, 1, 7)]}
        >>> built = treatment_window_study(log, sent)
        >>> built.table.select(["user_id", "arm", "value_in_window", "monetary"]).to_pylist()[1]
        {'user_id': 'b', 'arm': 'none', 'value_in_window': 8.0, 'monetary': 2.0}
    """
    if outcome_event is not None and outcome_event not in log.event_counts:
        raise InputError(f"No event is {outcome_event!r}. Events of the log: {', '.join(log.event_counts)}.")
    first, last = _span(log)
    given = _read(to_arrow(assignments), (unit, arm, start, end), last)
    labels = _labels(given, treated)
    asked = np.isin(given.label, labels)
    bounds = np.unique(np.stack([given.start[asked], given.end[asked]], axis=1), axis=0)
    inside, left_out = _inside(bounds, first, last)
    people = _people(log, given)
    arms, twice = _arms(given, labels, people, inside)
    table = _grid(people, inside, arms)
    table = table.append_column("value_in_window", pa.array(_outcome(log, people, inside, outcome_event)))
    extra, covariates = _covariates(log, table, given, users, user or unit, before_days)
    for name in covariates:
        table = table.append_column(name, extra[name])
    if len(inside) > 1:
        covariates.append("window")
    table = table.filter(pa.array(~twice))
    notes = _notes(table, inside, first, before_days, int(twice.sum()), len(people), labels)
    return WindowStudy(
        table=table,
        covariates=tuple(covariates),
        notes=(*notes, *(w["left_out"] for w in left_out)),
        windows=(*_windows(table, inside), *left_out),
    )


def _read(table: pa.Table, names: tuple[str, str | None, str, str | None], last: int) -> _Assignments:
    unit, arm, start, end = names
    for name in (unit, arm, start, end):
        if name is not None and name not in table.column_names:
            raise ColumnNotFound(name, table.column_names, where="the assignments")
    wanted = [name for name in (unit, arm, start, end) if name is not None]
    gaps = [name for name in wanted if table.column(name).null_count]
    if gaps or not table.num_rows:
        what = f"{', '.join(gaps)} of the assignments has missing values" if gaps else "there are no assignments"
        raise NotFinite(what, remedy="drop or repair these rows") if gaps else TooFewUnits(what, remedy="give some")
    begins = _microseconds(table, start)
    ends = np.full(table.num_rows, last + 1) if end is None else _microseconds(table, end)
    if end is not None:
        # a date, or midnight throughout, means the whole of that day
        ends = ends + (DAY_US if (ends % DAY_US == 0).all() else 1)
    wrong = ends <= begins
    if wrong.any():
        raise InputError(
            f"{int(wrong.sum()):,} assignment(s) end before they start, the first in row {wrong.argmax()}."
        )
    label = np.full(table.num_rows, "treated") if arm is None else _text(table, arm)
    if CONTROL in label:
        keep = label != CONTROL
        return _Assignments(_text(table, unit)[keep], label[keep], begins[keep], ends[keep])
    return _Assignments(_text(table, unit), label, begins, ends)


def _text(table: pa.Table, name: str) -> AnyArray:
    return np.asarray(table.column(name).cast(pa.string()).to_pylist(), dtype=str)


def _microseconds(table: pa.Table, name: str) -> IntArray:
    times = table.column(name)
    if not pa.types.is_temporal(times.type):
        raise InputError(f"Column {name!r} of the assignments holds {times.type}, not times; cast it first.")
    return np.asarray(to_utc(times).cast(pa.int64()).to_numpy(), dtype=np.int64)


def _span(log: EventLog) -> tuple[int, int]:
    """First and last instant of the log, in microseconds."""
    time = log.table.timestamp
    span = log.table.agg(first=time.min(), last=time.max()).to_pyarrow()
    if span.column("first").null_count:
        raise InputError("The events have no time stamps, so no window can be cut from them. Name the time column.")
    first, last = (int(span.column(c).cast(pa.int64())[0].as_py()) for c in ("first", "last"))
    return first, last


def _labels(given: _Assignments, treated: Sequence[str] | None) -> list[str]:
    known = np.unique(given.label).tolist()
    if treated is None:
        return known
    wanted = [str(t) for t in treated]
    strange = [t for t in wanted if t not in known]
    if strange or not wanted:
        raise InputError(
            f"No assignment is of the kind {', '.join(strange) or '(none named)'}. Kinds: {', '.join(known)}."
        )
    return wanted


def _inside(bounds: IntArray, first: int, last: int) -> tuple[IntArray, list[dict[str, Any]]]:
    """The windows that the log covers, with something before them; and the others with the reason."""
    keep, left_out = [], []
    last_day = last // DAY_US * DAY_US + DAY_US  # the last day counts as covered
    for begin, stop in bounds.tolist():
        reason = ""
        if begin <= first:
            reason = f"it starts before the log does ({_day(first)}), so nothing is known from before it"
        elif stop > last_day:
            reason = f"it ends after the log does ({_day(last)}), so its outcome is cut short"
        if reason:
            told = f"The window {_day(begin)} to {_day(stop - 1)} was left out: {reason}."
            left_out.append({"start": _day(begin), "end": _day(stop - 1), "left_out": told})
        else:
            keep.append((begin, stop))
    if not keep:
        raise TooFewUnits(
            f"none of {len(bounds)} window(s) lies within the log, {_day(first)} to {_day(last)}",
            remedy="give events from before and within the windows",
            evidence={"windows": left_out},
        )
    return np.asarray(keep, dtype=np.int64), left_out


def _people(log: EventLog, given: _Assignments) -> AnyArray:
    seen = log.table.select("user_id").distinct().to_pyarrow().column("user_id").to_pylist()
    return np.unique(np.concatenate([np.asarray([u for u in seen if u is not None], dtype=str), given.unit]))


def _arms(given: _Assignments, labels: list[str], people: AnyArray, windows: IntArray) -> tuple[AnyArray, BoolArray]:
    """Each row's arm, windows within users, and whether a user was assigned to two arms of one window."""
    place = np.searchsorted(people, given.unit)
    code = np.zeros((len(people), len(windows)), dtype=np.int64)
    twice = np.zeros(code.shape, dtype=bool)
    for w, (begin, stop) in enumerate(windows.tolist()):
        for k, label in enumerate(labels, start=1):
            who = place[(given.label == label) & (given.start == begin) & (given.end == stop)]
            twice[who, w] |= code[who, w] > 0
            code[who, w] = k
    present = np.bincount(code[~twice], minlength=len(labels) + 1)
    if present[0] == 0 or not present[1:].any():
        what = "every user was treated in every window" if present[0] == 0 else "nobody was treated in these windows"
        raise OneArm(what, remedy="ask about another treatment", evidence={"rows": present.tolist()})
    return np.array([CONTROL, *labels])[code.reshape(-1)], twice.reshape(-1)


def _grid(people: AnyArray, windows: IntArray, arms: AnyArray) -> pa.Table:
    n, w = len(people), len(windows)
    names = np.array([_day(begin) for begin in windows[:, 0].tolist()])
    if len(np.unique(names)) < w:
        names = np.array([f"{_day(b)} to {_day(e - 1)}" for b, e in windows.tolist()])
    user = np.repeat(people, w)
    window = np.tile(names, n)
    return pa.table(
        {
            "row": pa.array([f"{u}|{v}" for u, v in zip(user.tolist(), window.tolist(), strict=True)]),
            "user_id": pa.array(user),
            "window": pa.array(window),
            "window_start": pa.array(np.tile(windows[:, 0], n)).cast(pa.timestamp("us", tz="UTC")),
            "arm": pa.array(arms),
        }
    )


def _outcome(log: EventLog, people: AnyArray, windows: IntArray, event: str | None) -> AnyArray:
    """The summed value of each user's events in each window, windows within users."""
    stamps = [pa.array(windows[:, i]).cast(pa.timestamp("us", tz="UTC")) for i in (0, 1)]
    side = ibis.memtable(pa.table({"_window": np.arange(len(windows)), "_start": stamps[0], "_end": stamps[1]}))
    events = log.table if event is None else log.table.filter(log.table.event == event)
    joined = side.inner_join(events, [events.timestamp >= side["_start"], events.timestamp < side["_end"]])
    summed = joined.group_by("_window", "user_id").agg(total=joined.value.sum().fill_null(0.0)).to_pyarrow()
    out = np.zeros((len(people), len(windows)))
    who = np.searchsorted(people, np.asarray(summed.column("user_id").to_pylist(), dtype=str))
    out[who, summed.column("_window").to_numpy()] = summed.column("total").to_numpy()
    return out.reshape(-1)


def _covariates(
    log: EventLog, table: pa.Table, given: _Assignments, users: Any, user: str, before_days: float | None
) -> tuple[dict[str, Any], list[str]]:
    """Columns known before each row's window, without constant and doubled ones."""
    past = features_as_of(log, table, user="user_id", at="window_start", before_days=before_days)
    profile = [n for n in past.column_names if n.startswith("hour_") or n.endswith("day")]
    found: dict[str, Any] = {n: past.column(n) for n in past.column_names if n not in (*SKIPPED, *profile)}
    found |= _earlier_assignments(table, given)
    if users is not None:
        found |= _about_users(table, to_arrow(users), user)
    kept: list[str] = []
    for name, values in found.items():
        constant = pc.count_distinct(values, mode="all").as_py() <= 1
        if not constant and not any(found[other].equals(values) for other in kept):
            kept.append(name)
    return found, kept


def _earlier_assignments(table: pa.Table, given: _Assignments) -> dict[str, Any]:
    """How many assignments of the user had begun, and were running, when the window started."""
    people, row_user = np.unique(_text(table, "user_id"), return_inverse=True)
    owner = np.searchsorted(people, given.unit)
    at = table.column("window_start").cast(pa.int64()).to_numpy()
    begun, running = np.zeros(table.num_rows, dtype=np.int64), np.zeros(table.num_rows, dtype=np.int64)
    for instant in np.unique(at).tolist():
        rows = at == instant
        before = given.start < instant
        begun[rows] = np.bincount(owner[before], minlength=len(people))[row_user[rows]]
        still = before & (given.end > instant)
        running[rows] = np.bincount(owner[still], minlength=len(people))[row_user[rows]]
    return {"assigned_before": pa.chunked_array([begun]), "running_before": pa.chunked_array([running])}


def _about_users(table: pa.Table, users: pa.Table, key: str) -> dict[str, Any]:
    """The columns of the table of users, in the order of the rows; missing text is a level of its own."""
    if key not in users.column_names:
        raise ColumnNotFound(key, users.column_names, where="the table of users")
    row_of = {str(u): i for i, u in reversed(list(enumerate(users.column(key).to_pylist())))}
    rows = pa.array([row_of.get(u) for u in table.column("user_id").to_pylist()], type=pa.int64())
    out: dict[str, Any] = {}
    for name in users.column_names:
        values = users.column(name)
        if name == key or name in table.column_names or pa.types.is_temporal(values.type):
            continue
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        taken = values.take(rows)
        is_text = pa.types.is_string(taken.type) or pa.types.is_large_string(taken.type)
        out[name] = pc.fill_null(taken, "missing") if is_text else taken
    return out


def _windows(table: pa.Table, windows: IntArray) -> tuple[dict[str, Any], ...]:
    start = table.column("window_start").cast(pa.int64()).to_numpy()
    name, arm = _text(table, "window"), _text(table, "arm")
    out = []
    for label in np.unique(name).tolist():
        rows = name == label
        begin = int(start[rows][0])
        levels, counts = np.unique(arm[rows], return_counts=True)
        stop = next(
            int(e) for b, e in windows.tolist() if b == begin and (_day(b) == label or label.endswith(_day(e - 1)))
        )
        out.append({"start": _day(begin), "end": _day(stop - 1), "arms": dict(zip(levels.tolist(), counts.tolist(), strict=True))})  # fmt: skip
    return tuple(out)


def _notes(
    table: pa.Table,
    windows: IntArray,
    first: int,
    before_days: float | None,
    twice: int,
    people: int,
    labels: list[str],
) -> tuple[str, ...]:
    n, w = table.num_rows, len(windows)
    notes = [
        f"{n:,} rows: {people:,} users in {w} window(s); a user has a row for each window, so errors are clustered by "
        "user.",
        f"Assumed: given the covariates from before a window, who was sent {' or '.join(labels)} does not depend on what "
        "they would have spent. Campaigns were not drawn by lot, and this can't be tested with these data.",
        "Assumed: other campaigns that start within a window are not set off by this one and are left as they were; "
        "those that started before it are covariates.",
    ]
    if twice:
        notes.append(f"{twice:,} rows were left out: the user was assigned to two arms in one window.")
    short = [b for b in windows[:, 0].tolist() if before_days and b - before_days * DAY_US < first]
    if short:
        notes.append(f"The log starts less than {before_days:g} days before {len(short)} window(s) "
                     f"({', '.join(_day(b) for b in short)}): less is known there.")  # fmt: skip
    return tuple(notes)


def _day(microseconds: int) -> str:
    return str(np.datetime64(microseconds, "us").astype("datetime64[D]"))
