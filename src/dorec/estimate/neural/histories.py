"""What each unit did before the treatment, in order; no torch here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from dorec.domain.errors import InputError, MeasuredAfterTreatment, NotFinite
from dorec.domain.study import Study
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, IntArray


@dataclass(frozen=True, eq=False, kw_only=True)
class Histories:
    """Events of units as tokens, oldest first: token 1 is the first of `vocabulary`, 0 stands for no event.

    Example:
        >>> table = {"user": ["a", "b", "a"], "event": ["view", "view", "cart"], "at": [1, 5, 3]}
        >>> histories = Histories.from_events(table, unit="user", token="event", time="at")
        >>> histories.vocabulary, histories.padded(np.array(["a", "b", "c"]), 3).tolist()
        (('cart', 'view'), [[0, 2, 1], [0, 0, 2], [0, 0, 0]])
    """

    units: AnyArray  # (m,) ids, sorted
    starts: IntArray  # (m + 1,) where each unit's tokens begin
    tokens: IntArray  # (number of events,)
    vocabulary: tuple[Any, ...]
    last: AnyArray | None = None  # (m,) when each unit's latest event was

    @classmethod
    def from_events(cls, table: Any, *, unit: str, token: str, time: str) -> "Histories":
        """Histories from a table of events, one row an event, in the order of their times.

        Args:
            table: any frame.
            unit: whose event it was.
            token: what happened: an event type, an item.
            time: when; of two at the same time the one that stands first in the table came first.
        """
        arrow = to_arrow(table, [unit, token, time])
        ids, what, when = (_plain(column(arrow, name), name) for name in (unit, token, time))
        order = np.lexsort((np.arange(len(ids)), when, ids))
        levels, codes = np.unique(what, return_inverse=True)
        units, starts = np.unique(ids[order], return_index=True)
        starts = np.append(starts, len(ids)).astype(np.int64)
        return cls(
            units=units,
            starts=starts,
            tokens=codes[order].astype(np.int64) + 1,
            vocabulary=tuple(levels.tolist()),
            last=when[order][starts[1:] - 1],
        )

    @classmethod
    def from_sequences(cls, sequences: Mapping[Any, Sequence[Any]]) -> "Histories":
        """Histories from each unit's events, oldest first.

        >>> Histories.from_sequences({7: ["view", "cart"], 3: []}).padded(np.array([7, 3]), 2).tolist()
        [[2, 1], [0, 0]]
        """
        rows = [(unit, what, place) for unit, events in sequences.items() for place, what in enumerate(events)]
        if not rows:
            raise InputError("No unit has an event; give at least one history with an event.")
        ids, what, place = zip(*rows, strict=True)
        return cls.from_events({"unit": ids, "token": what, "time": place}, unit="unit", token="token", time="time")

    def padded(self, units: AnyArray, length: int) -> IntArray:
        """The latest tokens of units (n,), padded with 0 on the left, (n, length); units without events have none."""
        ids = _plain(np.asarray(units), "unit")
        if (ids.dtype.kind in "US") != (self.units.dtype.kind in "US"):
            raise InputError(
                f"The ids of the units are {ids.dtype}, those of the histories {self.units.dtype}; cast one."
            )
        at = np.minimum(np.searchsorted(self.units, ids), len(self.units) - 1)
        known = self.units[at] == ids
        places = self.starts[at + 1][:, None] - np.arange(length, 0, -1)
        inside = known[:, None] & (places >= self.starts[at][:, None])
        return np.where(inside, self.tokens[np.where(inside, places, 0)], 0)

    def of(self, study: Study, length: int) -> IntArray:
        """The histories (n, length) of a study's units.

        Raises:
            InputError: the study does not say which unit each row is, or none of its units has a history.
            MeasuredAfterTreatment: an event is later than the treatment of its unit.
        """
        if study.unit is None:
            raise InputError("The study does not name its units. Give unit=... to Study.from_table.")
        tokens = self.padded(study.unit, length)
        if not tokens.any():
            raise InputError("No unit of the study has a history; are the ids the same in both tables?")
        if study.time is not None and self.last is not None:
            self._refuse_later(study)
        return tokens

    def _refuse_later(self, study: Study) -> None:
        assert self.last is not None
        ids = _plain(np.asarray(study.unit), "unit")
        at = np.minimum(np.searchsorted(self.units, ids), len(self.units) - 1)
        late = np.flatnonzero((self.units[at] == ids) & (self.last[at] > np.asarray(study.time)))
        if len(late):
            raise MeasuredAfterTreatment(
                f"{len(late):,} unit(s) have events after their treatment, the first in row {late[0]}",
                remedy="leave out the events after each unit's treatment",
                evidence={"rows": late[:10].tolist()},
            )


def _plain(values: AnyArray, name: str) -> AnyArray:
    """Values that can be sorted; a missing one is refused."""
    missing = np.array([v is None or v != v for v in values], dtype=bool) if values.dtype.kind in "Of" else None
    if missing is not None and missing.any():
        raise NotFinite(f"{name!r} is missing in row {int(missing.argmax())}", remedy="drop these rows")
    return values.astype(str) if values.dtype == object else values
