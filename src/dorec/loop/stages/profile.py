"""Cleaned events -> funnel, counts and features of users and items."""

import numpy as np

from dorec.domain.estimate import Estimate
from dorec.loop.results import StageResult
from dorec.loop.workspace import Workspace
from dorec.profile import FunnelStage, funnel, item_features, session_table, user_features


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
        "stages": [_stage(stage) for stage in steps.stages],
        "others": dict(steps.others),
    }
    if log.has_time:
        span = (
            log.table.agg(first=log.table.timestamp.min(), last=log.table.timestamp.max()).to_pyarrow().to_pylist()[0]
        )
        sessions = session_table(log.table).count().to_pyarrow().as_py()
        facts |= {"first": span["first"], "last": span["last"], "sessions": sessions}
    estimates: dict[str, Estimate] = {str(e.name): e for e in steps.conversions}
    return StageResult(facts=facts, estimates=estimates, tables={"user_features": users, "item_features": items})


def _stage(stage: FunnelStage) -> dict[str, object]:
    """The stage for the report's funnel; the rate's interval is that of a share, so it stays within 0 and 1."""
    row: dict[str, object] = {"stage": stage.event, "count": stage.events, "users": stage.users}
    if stage.conversion is not None:
        row["conversion"] = stage.conversion.value
        if not stage.conversion.no_interval:
            lower, upper = stage.conversion.interval()
            row |= {"lower": max(lower, 0.0), "upper": min(upper, 1.0)}
    return row


def _quantiles(values: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> dict[str, float]:
    finite = values[np.isfinite(values.astype(float))]
    if not len(finite):
        return {}
    return {f"p{q}": float(np.quantile(finite, q / 100)) for q in (10, 50, 90, 99)}
