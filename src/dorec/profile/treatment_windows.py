"""Who got what, from when to when -> a table on which the effect on the value within that window can be estimated.

A row is a user and a window: a distinct start and end among the assignments of the arms that are asked about. Treated
are the users with an assignment to that window; every other user of the population gets the same window as arm `none`,
whether or not something else was sent to them. Who is in the population must not follow from what happened within the
window: it is the table about users where that holds everyone assigned, or else the assignments where they name
untreated users too, or else, for each window, the users with an event before it. A row for each pair, rather than one
for each user, compares the treated with others over the same days, so that season and trend cancel, and it uses every
campaign; since a user then has several rows, errors are clustered by user.

Covariates are known before the window starts: `features_as_of` its start (spend, frequency, recency, counts, ...),
other assignments begun earlier (`assigned_before`) or running then (`running_before`), the window itself where there
are several, and the columns of a table about users, whose missing text is the level `missing`. Constant and doubled
columns are left out. What is assumed, and each window that was left out, stands in `WindowStudy.notes`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import ibis
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import ColumnNotFound, InputError, TooFewUnits
from dorec.domain.event_log import EventLog
from dorec.domain.study import Study
from dorec.domain.table import to_arrow
from dorec.numeric.arrays import AnyArray, IntArray
from dorec.profile.assignments import (
    CONTROL,
    DAY_US,
    Assignments,
    arms_of,
    as_text,
    day,
    earlier_assignments,
    read_assignments,
)
from dorec.profile.features import DAYS
from dorec.profile.point_in_time import features_as_of
from dorec.profile.population import dropped_note, population_of, seen_before


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

    The module's text says what a row, a window, the arms and the covariates are, and why.

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
        users: a table about users (demographics); every column but the id becomes a covariate. Where it holds
            everyone assigned, it is also the population, those without events included.
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
    given = read_assignments(to_arrow(assignments), unit, arm, start, end, last)
    labels = given.labels(treated)
    windows, left_out = _inside(given.windows(labels), first, last)
    about = None if users is None else to_arrow(users)
    population = population_of(log, given, None if about is None else _ids(about, user or unit))
    people = population.people
    known_before = (
        seen_before(log, people, windows) if population.known_before else np.ones(people.size * len(windows), bool)
    )
    arms, twice = arms_of(given, labels, people, windows, among=known_before)
    table = _grid(people, windows, arms)
    table = table.append_column("value_in_window", pa.array(_outcome(log, people, windows, outcome_event)))
    table = table.filter(pa.array(known_before & ~twice))
    known = _known_before(log, table, given, before_days)
    if about is not None:
        known |= _about_users(table, about, user or unit)
    covariates = _informative(known)
    for name in covariates:
        table = table.append_column(name, known[name])
    notes = [*_notes(table, labels, first, before_days), population.rule, dropped_note(arms, known_before)]
    if twice.any():
        notes.append(f"{int(twice.sum()):,} rows were left out: the user was assigned to two arms in one window.")
    return WindowStudy(
        table=table,
        covariates=(*covariates, *(["window"] if len(windows) > 1 else [])),
        notes=(*(note for note in notes if note), *(w["left_out"] for w in left_out)),
        windows=(*_windows(table), *left_out),
    )


def _span(log: EventLog) -> tuple[int, int]:
    """First and last instant of the log, in microseconds."""
    time = log.table.timestamp
    span = log.table.agg(first=time.min(), last=time.max()).to_pyarrow()
    if span.column("first").null_count:
        raise InputError("The events have no time stamps, so no window can be cut from them. Name the time column.")
    first, last = (int(span.column(c).cast(pa.int64())[0].as_py()) for c in ("first", "last"))
    return first, last


def _inside(bounds: IntArray, first: int, last: int) -> tuple[IntArray, list[dict[str, Any]]]:
    """The windows that the log covers, with something before them; and the others with the reason."""
    keep, left_out = [], []
    last_day = last // DAY_US * DAY_US + DAY_US  # the last day counts as covered
    for begin, stop in bounds.tolist():
        reason = ""
        if begin <= first:
            reason = f"it starts before the log does ({day(first)}), so nothing is known from before it"
        elif stop > last_day:
            reason = f"it ends after the log does ({day(last)}), so its outcome is cut short"
        if reason:
            told = f"The window {day(begin)} to {day(stop - 1)} was left out: {reason}."
            left_out.append({"start": day(begin), "end": day(stop - 1), "left_out": told})
        else:
            keep.append((begin, stop))
    if not keep:
        raise TooFewUnits(
            f"none of {len(bounds)} window(s) lies within the log, {day(first)} to {day(last)}",
            remedy="give events from before and within the windows",
            evidence={"windows": left_out},
        )
    return np.asarray(keep, dtype=np.int64), left_out


def _ids(users: pa.Table, key: str) -> AnyArray:
    if key not in users.column_names:
        raise ColumnNotFound(key, users.column_names, where="the table of users")
    return np.asarray([str(u) for u in users.column(key).to_pylist() if u is not None], dtype=str)


def _grid(people: AnyArray, windows: IntArray, arms: AnyArray) -> pa.Table:
    n, w = len(people), len(windows)
    names = np.array([day(begin) for begin in windows[:, 0].tolist()])
    if len(np.unique(names)) < w:
        names = np.array([f"{day(b)} to {day(e - 1)}" for b, e in windows.tolist()])
    user = np.repeat(people, w)
    window = np.tile(names, n)
    return pa.table(
        {
            "row": pa.array([f"{u}|{v}" for u, v in zip(user.tolist(), window.tolist(), strict=True)]),
            "user_id": pa.array(user),
            "window": pa.array(window),
            "window_start": pa.array(np.tile(windows[:, 0], n)).cast(pa.timestamp("us", tz="UTC")),
            "window_end": pa.array(np.tile(windows[:, 1] - 1, n)).cast(pa.timestamp("us", tz="UTC")),
            "arm": pa.array(arms),
        }
    )


def _outcome(log: EventLog, people: AnyArray, windows: IntArray, event: str | None) -> AnyArray:
    """The summed value of each user's events in each window, windows within users."""
    stamps = [pa.array(windows[:, i]).cast(pa.timestamp("us", tz="UTC")) for i in (0, 1)]
    side = ibis.memtable(pa.table({"_window": np.arange(len(windows)), "_start": stamps[0], "_end": stamps[1]}))
    events = log.table if event is None else log.table.filter(log.table.event == event)
    joined = side.inner_join(events, [events.timestamp >= side["_start"], events.timestamp < side["_end"]])
    summed = (
        joined.group_by("_window", "user_id")
        .agg(total=joined.value.sum(where=~joined.value.isnan()).fill_null(0.0))
        .to_pyarrow()
    )
    out = np.zeros((len(people), len(windows)))
    summed = summed.filter(pc.is_in(summed["user_id"].cast(pa.string()), pa.array(people.tolist(), pa.string())))
    who = np.searchsorted(people, np.asarray(summed.column("user_id").to_pylist(), dtype=str))
    out[who, summed.column("_window").to_numpy()] = summed.column("total").to_numpy()
    return out.reshape(-1)


def _known_before(log: EventLog, table: pa.Table, given: Assignments, before_days: float | None) -> dict[str, Any]:
    """Features and assignments from before each row's window; hours and weekdays add 31 columns and little else."""
    past = features_as_of(log, table, user="user_id", at="window_start", before_days=before_days)
    profile = [n for n in past.column_names if n.startswith("hour_") or n in DAYS]
    known: dict[str, Any] = {n: past.column(n) for n in past.column_names if n not in ("user_id", "at", *profile)}
    starts = table.column("window_start").cast(pa.int64()).to_numpy()
    earlier = earlier_assignments(given, as_text(table, "user_id"), starts)
    return known | {name: pa.chunked_array([counts]) for name, counts in earlier.items()}


def _informative(known: dict[str, Any]) -> list[str]:
    """Names of columns that vary and don't repeat another."""
    kept: list[str] = []
    for name, values in known.items():
        constant = pc.count_distinct(values, mode="all").as_py() <= 1
        if not constant and not any(known[other].equals(values) for other in kept):
            kept.append(name)
    return kept


def _about_users(table: pa.Table, users: pa.Table, key: str) -> dict[str, Any]:
    """The columns of the table of users, in the order of the rows; missing text is a level of its own."""
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


def _windows(table: pa.Table) -> tuple[dict[str, Any], ...]:
    """Each window with its users by arm."""
    keys = ["window_start", "window_end", "arm"]
    counted = table.select(keys).group_by(keys).aggregate([([], "count_all")]).sort_by([(k, "ascending") for k in keys])
    out: dict[tuple[str, str], dict[str, int]] = {}
    for row in counted.to_pylist():
        out.setdefault((str(row["window_start"].date()), str(row["window_end"].date())), {})[row["arm"]] = row[
            "count_all"
        ]
    return tuple({"start": start, "end": end, "arms": arms} for (start, end), arms in out.items())


def _notes(table: pa.Table, labels: list[str], first: int, before_days: float | None) -> list[str]:
    starts = sorted(set(table.column("window_start").cast(pa.int64()).to_pylist()))
    people = pc.count_distinct(table.column("user_id")).as_py()
    windows = len(_windows(table))
    notes = [
        f"{table.num_rows:,} rows: {people:,} users in {windows} window(s); a user has a row for each window, so "
        "errors are clustered by user.",
        f"Assumed: given the covariates from before a window, who got {' or '.join(labels)} does not depend on what "
        "they would have done without it. Only an experiment could show that; these data can't.",
        "Assumed: other treatments that start within a window are not set off by this one and are left as they were; "
        "those that started before it are covariates.",
    ]
    short = [day(b) for b in starts if before_days and b - before_days * DAY_US < first]
    if short:
        notes.append(
            f"The log starts less than {before_days:g} days before {len(short)} window(s) "
            f"({', '.join(short)}): less is known there."
        )
    return notes
