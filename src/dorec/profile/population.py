"""Who could have been treated: a population that does not depend on what happened in the windows.

Users who are in a log only because they bought within a window are no fair controls for treated users who are there
because they were treated: that selects on the outcome. So the population is a list that was there before, or else those
whom the log knew before the window.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.event_log import EventLog
from dorec.numeric.arrays import AnyArray, BoolArray, IntArray
from dorec.profile.assignments import Assignments


@dataclass(frozen=True, eq=False, kw_only=True)
class Population:
    """The users of a study of windows, sorted, and by which rule they are in it."""

    people: AnyArray  # (n,) strings
    known_before: bool  # a row is kept only where the user has an event before the window
    rule: str  # in words


def population_of(log: EventLog, given: Assignments, listed: AnyArray | None) -> Population:
    """The table about users where it holds everyone assigned, else the assignments where they name untreated users too.

    Where neither does, it is everyone in the log or the assignments, of whom each window keeps those known before it.

    Args:
        log: the events.
        given: the assignments.
        listed: ids of the table about users, strings, where there is one.
    """
    assigned = np.unique(given.unit)
    held = 0 if listed is None else int(np.isin(assigned, listed).sum())
    if listed is not None and held == len(assigned):
        people = np.unique(np.concatenate([listed.astype(str), given.named]))
        rule = f"The population is the table about users and everyone named in the assignments: {len(people):,} users"
        return Population(people=people, known_before=False, rule=f"{rule}; it holds everyone who was assigned.")
    short = ""
    if listed is not None:
        share = f"{held:,} of {len(assigned):,} assigned users ({held / len(assigned):.0%})"
        short = f" The table about users does not define it: it holds {share}."
    if len(given.named) > len(assigned):
        rule = f"The population is everyone named in the assignments, treated or not: {len(given.named):,} users."
        return Population(people=given.named, known_before=False, rule=rule + short)
    seen = log.table.select("user_id").distinct().to_pyarrow().column("user_id").to_pylist()
    people = np.unique(np.concatenate([np.asarray([u for u in seen if u is not None], dtype=str), given.named]))
    rule = "The population of each window is the users with an event before it, since no list says who else there was."
    return Population(people=people, known_before=True, rule=rule + short)


def seen_before(log: EventLog, people: AnyArray, windows: IntArray) -> BoolArray:
    """Whether each user has an event before each window starts, (users x windows,), windows within users."""
    firsts = log.table.group_by("user_id").agg(first=log.table.timestamp.min()).to_pyarrow()
    firsts = firsts.filter(pc.and_(firsts["user_id"].is_valid(), firsts["first"].is_valid()))
    users = np.asarray(firsts.column("user_id").to_pylist(), dtype=str)
    held = np.isin(users, people)
    first = np.full(len(people), np.iinfo(np.int64).max)
    first[np.searchsorted(people, users[held])] = firsts.column("first").cast(pa.int64()).to_numpy()[held]
    return np.asarray((first[:, None] < windows[None, :, 0]).reshape(-1))


def dropped_note(arms: AnyArray, known: BoolArray) -> str:
    """How many rows (n,) of each arm had no event before their window, in words; empty where none."""
    names, counts = np.unique(arms[~known], return_counts=True)
    told = ", ".join(f"{count:,} of arm {name}" for name, count in zip(names.tolist(), counts.tolist(), strict=True))
    return (
        f"{int((~known).sum()):,} rows were left out: no event of the user before the window ({told})." if told else ""
    )
