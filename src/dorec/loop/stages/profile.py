"""Cleaned events -> funnel, counts and features of users and items."""

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.loop.results import StageResult
from dorec.loop.workspace import Workspace
from dorec.profile import funnel, item_features, session_table, user_features


def applies(workspace: Workspace) -> str:
    """Why there is nothing to profile, if so."""
    return "" if workspace.events is not None else "there are no events"


def run(workspace: Workspace, key: str) -> StageResult:
    """The funnel with its rates as estimates over users; features; what the log spans."""
    del key
    log = workspace.events
    assert log is not None
    steps = funnel(log)
    users, items = user_features(log), item_features(log)
    facts = {
        "events": log.n_events,
        "event_counts": log.event_counts,
        "users": users.num_rows,
        "items": items.num_rows,
        "events_per_user": _quantiles(users.column("events").to_numpy()) if "events" in users.column_names else {},
        "stages": steps.to_dict()["stages"],
    }
    if log.has_time:
        span = (
            log.table.agg(first=log.table.timestamp.min(), last=log.table.timestamp.max()).to_pyarrow().to_pylist()[0]
        )
        sessions = session_table(log.table).count().to_pyarrow().as_py()
        facts |= {"first": span["first"], "last": span["last"], "sessions": sessions}
    estimates: dict[str, Estimate] = {e.name: e for e in steps.conversions if isinstance(e.name, str)}
    return StageResult(facts=facts, estimates=estimates, tables={"user_features": users, "item_features": items})


def _quantiles(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, float]:
    finite = values[np.isfinite(values.astype(float))]
    if not len(finite):
        return {}
    return {f"p{q}": float(np.quantile(finite, q / 100)) for q in (10, 50, 90, 99)}
