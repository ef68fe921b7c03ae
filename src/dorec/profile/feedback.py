"""Events with propensities -> decisions with rewards, for off-policy evaluation."""

from typing import TYPE_CHECKING

import ibis
import numpy as np

from dorec.domain.errors import InputError, NoSupport
from dorec.domain.event_log import EventLog
from dorec.domain.logged_feedback import LoggedFeedback

if TYPE_CHECKING:
    import ibis.expr.types as ir
    import pyarrow as pa

RESPONSES = ("click", "view", "cart", "purchase")  # the first that the log has is what a decision is rewarded by


def to_feedback(
    log: EventLog, *, response: str | None = None, within_hours: float = 24, max_cells: int = 40_000_000
) -> tuple[LoggedFeedback, int]:
    """The log's decisions (events with an item and a propensity) with rewards, and how many were set aside.

    The reward of a decision is its own value where every decision has one; else 1 if the user responded to that item
    within `within_hours` and before the item was shown to them again, and 0 if not (a response counts once, for the
    last decision before it). Set aside: decisions without an item or with a propensity outside (0, 1]; and the
    earliest ones, where decisions x items would exceed `max_cells`. Decisions of one user form a cluster.

    Args:
        log: the events.
        response: the event type that is a success; by default the first of click, view, cart, purchase in the log.
        within_hours: how long after a decision a response still counts.
        max_cells: the most cells of a policy's (decisions, items) matrix.

    Raises:
        NoSupport: no event has a usable propensity.
        InputError: decisions have no values, and there is no response or no time to find it by.

    Example:
        >>> from datetime import datetime
        >>> log = EventLog.from_table({"user_id": ["ann", "ann", "bob"], "item_id": ["x", "x", "y"],
        ...     "event": ["impression", "click", "impression"], "propensity": [0.5, None, 0.25],
        ...     "timestamp": [datetime(2024, 1, 1, 10), datetime(2024, 1, 1, 11), datetime(2024, 1, 1)]})
        >>> feedback, aside = to_feedback(log)
        >>> feedback.reward.tolist(), feedback.propensity.tolist(), aside
        ([0.0, 1.0], [0.25, 0.5], 0)
    """
    events = log.table
    decided = events.propensity.notnull() & (events.event != (response or ""))
    fair = (events.propensity > 0) & (events.propensity <= 1) & events.item_id.notnull()
    usable = (decided & fair).fill_null(False)
    seen = events.agg(decided=decided.sum(), usable=usable.sum(), valued=(usable & events.value.notnull()).sum())
    counts = {k: int(v or 0) for k, v in seen.to_pyarrow().to_pylist()[0].items()}
    if not counts["usable"]:
        raise NoSupport("no event has an item and a propensity in (0, 1]", remedy="log the probability of each choice")
    if counts["valued"] == counts["usable"]:
        chosen = events.filter(usable)
        rows = chosen.mutate(reward=chosen.value)
    else:
        rows = _rewarded(log, events.mutate(_decision=usable), response, within_hours)
    keep = ("user_id", "item_id", "propensity", "reward", "position")
    table = rows.order_by("timestamp", "user_id", "item_id", "event_id").select(*keep).to_pyarrow()
    feedback = _feedback(table, max_cells)
    return feedback, counts["decided"] - feedback.n


def _rewarded(log: EventLog, events: "ir.Table", response: str | None, within_hours: float) -> "ir.Table":
    """Decisions with reward 1 where a response followed in time and before the next decision on that item."""
    success = response or next((e for e in RESPONSES if e in log.event_counts), None)
    if success is None or success not in log.event_counts:
        raise InputError(
            f"Decisions have no value of their own, and no event is a response ({response or ', '.join(RESPONSES)}). "
            f"Events: {', '.join(log.event_counts)}. Name the response."
        )
    if not log.has_time:
        raise InputError("Events have no time stamps, so it is unknown which decision a response followed. Give them.")
    placed = events.filter(events["_decision"] | (events.event == success))
    # a decision at the very instant of a response comes first
    order = [placed.timestamp, placed["_decision"].desc(), placed.event_id]
    along = ibis.window(group_by=[placed.user_id, placed.item_id], order_by=order)
    ranked = placed.mutate(_rank=ibis.row_number().over(along))
    so_far = ibis.window(group_by=[ranked.user_id, ranked.item_id], order_by=ranked["_rank"], rows=(None, 0))
    counted = ranked.mutate(_turn=ibis.ifelse(ranked["_decision"], 1, 0).sum().over(so_far))
    turn = ibis.window(group_by=[counted.user_id, counted.item_id, counted["_turn"]])
    decided_at = ibis.ifelse(counted["_decision"], counted.timestamp, None).max().over(turn)
    timed = counted.mutate(_at=decided_at)
    limit = timed["_at"] + ibis.interval(milliseconds=round(within_hours * 3_600_000))
    hit = ibis.ifelse(~timed["_decision"] & (timed.timestamp <= limit), 1.0, 0.0)
    turn = ibis.window(group_by=[timed.user_id, timed.item_id, timed["_turn"]])
    scored = timed.mutate(reward=hit.max().over(turn))
    return scored.filter(scored["_decision"])


def _feedback(table: "pa.Table", max_cells: int) -> LoggedFeedback:
    items, action = np.unique(table.column("item_id").to_numpy().astype(str), return_inverse=True)
    most = max(2, max_cells // max(1, len(items)))
    if table.num_rows > most:
        table = table.slice(table.num_rows - most)
        action = action[-most:]
    position = table.column("position")
    return LoggedFeedback(
        action=action.astype(np.int64),
        reward=table.column("reward").to_numpy(),
        propensity=table.column("propensity").to_numpy(),
        n_actions=len(items),
        position=None if position.null_count else position.to_numpy().astype(np.int64),
        cluster=table.column("user_id").to_numpy(),
        action_labels=tuple(items.tolist()),
    )
