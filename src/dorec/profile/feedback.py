"""Impressions with propensities, and what users did with them -> a bandit log."""

from collections.abc import Sequence

import ibis
import numpy as np

from dorec.domain.errors import NoSupport
from dorec.domain.event_log import EventLog
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.domain.table import column

REACTIONS = ("click", "view", "cart", "purchase")


def to_feedback(
    log: EventLog, *, reactions: Sequence[str] = REACTIONS, minutes: int = 30, max_cells: int = 40_000_000
) -> tuple[LoggedFeedback, int]:
    """Each impression as a decision; its reward is 1 if the user reacted to that item within `minutes`, else 0.

    Args:
        log: events with time stamps, of which impressions carry a propensity.
        reactions: event types that count.
        minutes: how long after the impression a reaction still counts.
        max_cells: rows are sampled, evenly over time, so that a policy's (n, n_actions) matrix stays below this.

    Returns:
        The bandit log, clustered by user, and the number of impressions set aside for a missing or impossible propensity.

    Raises:
        NoSupport: no impression carries a propensity.

    Example:
        >>> rows = {"user_id": ["a", "a", "b"], "item_id": ["x", "x", "y"], "event": ["impression", "view", "impression"],
        ...         "timestamp": [0, 60_000_000, 0], "propensity": [0.5, None, 0.5], "event_id": ["1", "2", "3"]}
        >>> import pyarrow as pa
        >>> rows["timestamp"] = pa.array(rows["timestamp"], pa.timestamp("us", tz="UTC"))
        >>> feedback, aside = to_feedback(EventLog.from_table(rows))
        >>> feedback.reward.tolist(), feedback.action_labels, aside
        ([1.0, 0.0], ('x', 'y'), 0)
    """
    shown = log.table.filter(log.table.event == "impression", log.table.propensity.notnull(), log.table.item_id.notnull())
    done = log.table.filter(log.table.event.isin(list(reactions)))
    done = done.select(user_r=done.user_id, item_r=done.item_id, time_r=done.timestamp)
    near = [
        shown.user_id == done.user_r,
        shown.item_id == done.item_r,
        done.time_r >= shown.timestamp,
        done.time_r <= shown.timestamp + ibis.interval(minutes=minutes),
    ]
    reacted = shown.semi_join(done, near).select(hit=shown.event_id)
    rows = shown.left_join(reacted, shown.event_id == reacted.hit)
    rows = rows.select("event_id", "user_id", "item_id", "propensity", "position", "timestamp", reward=rows.hit.notnull())
    table = rows.order_by("timestamp", "event_id").to_pyarrow()
    if not table.num_rows:
        raise NoSupport(
            "no impression carries a propensity, so nothing is known of what the policy could have shown instead",
            remedy="log the probability with which each item was shown",
        )
    n_actions = len(np.unique(column(table, "item_id").astype(str)))
    keep = max(2, max_cells // n_actions)
    if table.num_rows > keep:
        table = table.take(np.linspace(0, table.num_rows - 1, keep).astype(np.int64))
    feedback, aside = LoggedFeedback.from_table(
        table, action="item_id", reward="reward", propensity="propensity", cluster="user_id"
    )
    return feedback, aside.num_rows
