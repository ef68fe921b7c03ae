"""How many get from each stage to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import ibis
import numpy as np
import pyarrow as pa

from dorec.domain.errors import InputError
from dorec.domain.estimate import Estimate, fingerprint
from dorec.domain.event_log import FUNNEL, EventLog
from dorec.domain.table import column, to_arrow
from dorec.numeric.arrays import AnyArray, BoolArray


@dataclass(frozen=True, kw_only=True)
class FunnelStage:
    """One stage: its events, its users, and the share of the previous stage's users who got here.

    Example:
        >>> FunnelStage(event="view", events=5, users=2).to_dict()["users"]
        2
    """

    event: str
    events: int
    users: int
    reach: Estimate | None = None  # share of all users
    conversion: Estimate | None = None  # share of the previous stage's users; None for the first stage

    def to_dict(self) -> dict[str, Any]:
        """The stage as plain data."""
        return {
            "event": self.event,
            "events": self.events,
            "users": self.users,
            "reach": None if self.reach is None else self.reach.to_dict(),
            "conversion": None if self.conversion is None else self.conversion.to_dict(),
        }


@dataclass(frozen=True, kw_only=True)
class Funnel:
    """Stages in causal order, event types that are no stage, and the same for each segment.

    Example:
        >>> log = EventLog.from_table({"user_id": ["a", "a", "b", "c"], "event": ["view", "purchase", "view", "view"]})
        >>> found = funnel(log)
        >>> [(s.event, s.users) for s in found.stages], round(found.conversions[0].value, 3)
        ([('view', 3), ('purchase', 1)], 0.333)
    """

    stages: tuple[FunnelStage, ...]
    n_users: int
    others: Mapping[str, int] = field(default_factory=dict)  # event type -> events
    segments: Mapping[str, "Funnel"] = field(default_factory=dict)

    @property
    def conversions(self) -> tuple[Estimate, ...]:
        """The rate of each step, named `view to purchase`; all rest on the same users, so they can be compared."""
        return tuple(s.conversion for s in self.stages if s.conversion is not None)

    def to_dict(self) -> dict[str, Any]:
        """The funnel as plain data."""
        return {
            "n_users": self.n_users,
            "stages": [s.to_dict() for s in self.stages],
            "others": dict(self.others),
            "segments": {name: f.to_dict() for name, f in self.segments.items()},
        }


def funnel(log: EventLog, *, segments: Any = None, user: str = "user_id", by_segment: str | None = None) -> Funnel:
    """The stages impression, view, click, favourite, cart, purchase that the log has, with rates over users.

    A conversion is the share of the users with the previous stage who also have this one, whenever that was: so it
    needs no times, and a log in which buyers were not seen viewing has rates of those who were. Its influence is over
    all users of the log (a ratio of two means), so steps and segments of one log can be subtracted.

    Args:
        log: the events.
        segments: a table with a user id and a segment, to split by.
        user: the column of `segments` with the user's id.
        by_segment: the column of `segments` to split by; users without a row are in `missing`.

    Raises:
        InputError: the log is empty, or only one of `segments` and `by_segment` is given.

    Example:
        >>> log = EventLog.from_table({"user_id": ["a", "a", "b"], "event": ["view", "cart", "view"]})
        >>> funnel(log).conversions[0].name, funnel(log).stages[1].reach.value
        ('view to cart', 0.5)
    """
    if (segments is None) != (by_segment is None):
        raise InputError("Give both segments (a table) and by_segment (its column), or neither.")
    present = log.event_counts
    stages = [e for e in FUNNEL if e in present]
    events = log.table
    flags = {f"n{i}": ibis.ifelse(events.event == e, 1, 0).cast("int64").sum() for i, e in enumerate(stages)}
    counted = events.group_by("user_id").agg(_all=events.count(), **flags).order_by("user_id").to_pyarrow()
    if not counted.num_rows:
        raise InputError("The log has no events; nothing can be said about its funnel.")
    users = column(counted, "user_id")
    counts = np.stack([column(counted, f"n{i}") for i in range(len(stages))] or [np.empty(len(users))], axis=1)
    sample = fingerprint(users)
    others = {e: n for e, n in present.items() if e not in FUNNEL}
    parts: dict[str, Funnel] = {}
    if by_segment is not None:
        levels = _segment_of(users, to_arrow(segments, [user, by_segment]), user, by_segment)
        parts = {str(name): _rates(stages, counts, levels == name, sample, {}, {}) for name in np.unique(levels)}
    return _rates(stages, counts, np.ones(len(users), dtype=bool), sample, others, parts)


def _rates(
    stages: list[str],
    counts: AnyArray,
    inside: BoolArray,
    sample: str,
    others: Mapping[str, int],
    segments: Mapping[str, Funnel],
) -> Funnel:
    did = (counts > 0) & inside[:, None]
    out = []
    for i, event in enumerate(stages):
        reach = _share(did[:, i], inside, f"{event} of all users", sample)
        step = None
        if i:
            step = _share(did[:, i] & did[:, i - 1], did[:, i - 1], f"{stages[i - 1]} to {event}", sample)
        out.append(
            FunnelStage(
                event=event,
                events=int(counts[inside, i].sum()),
                users=int(did[:, i].sum()),
                reach=reach,
                conversion=step,
            )
        )
    return Funnel(stages=tuple(out), n_users=int(inside.sum()), others=others, segments=segments)


def _share(hit: BoolArray, base: BoolArray, name: str, sample: str) -> Estimate | None:
    """The share of `base` that `hit`, with influence over all users; None without a base or with a single user."""
    if not base.any() or len(base) < 2:
        return None
    share = hit.sum() / base.sum()
    influence = (hit - share * base) / base.mean()
    return Estimate(share, influence, name=name, method="share of users", sample=sample)


def _segment_of(users: AnyArray, table: pa.Table, user: str, segment: str) -> AnyArray:
    ids = column(table, user).astype(str)
    names = column(table, segment)
    level_of = {u: "missing" if s is None or s != s else str(s) for u, s in zip(ids, names, strict=True)}
    return np.array([level_of.get(u, "missing") for u in users.astype(str)])
