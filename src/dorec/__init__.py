"""dorec: do(recommend). What to show or offer to whom, what that causes, and how sure that is.

Importing `dorec` loads neither numpy nor pandas nor torch: the names below are looked up on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dorec import errors as errors
    from dorec.domain.continuous_feedback import ContinuousFeedback as ContinuousFeedback
    from dorec.domain.dataset import Dataset as Dataset
    from dorec.domain.estimand import Estimand as Estimand
    from dorec.domain.estimate import Estimate as Estimate
    from dorec.domain.event_log import EventLog as EventLog
    from dorec.domain.explanation import Explanation as Explanation
    from dorec.domain.graph import CausalGraph as CausalGraph
    from dorec.domain.intervention import Intervention as Intervention
    from dorec.domain.item_list import ItemList as ItemList
    from dorec.domain.knowledge import Knowledge as Knowledge
    from dorec.domain.logged_feedback import LoggedFeedback as LoggedFeedback
    from dorec.domain.panel import Panel as Panel
    from dorec.domain.query import CausalQuery as CausalQuery
    from dorec.domain.run import Run as Run
    from dorec.domain.run import RunContext as RunContext
    from dorec.domain.slate_feedback import SlateFeedback as SlateFeedback
    from dorec.domain.study import Study as Study
    from dorec.domain.trajectory_feedback import TrajectoryFeedback as TrajectoryFeedback
    from dorec.domain.verdict import Verdict as Verdict
    from dorec.domain.world import World as World

__version__ = "0.1.0"

_HOME = {
    "CausalGraph": "graph",
    "CausalQuery": "query",
    "ContinuousFeedback": "continuous_feedback",
    "Dataset": "dataset",
    "Estimand": "estimand",
    "Estimate": "estimate",
    "EventLog": "event_log",
    "Explanation": "explanation",
    "Intervention": "intervention",
    "ItemList": "item_list",
    "Knowledge": "knowledge",
    "LoggedFeedback": "logged_feedback",
    "Panel": "panel",
    "Run": "run",
    "RunContext": "run",
    "SlateFeedback": "slate_feedback",
    "Study": "study",
    "TrajectoryFeedback": "trajectory_feedback",
    "Verdict": "verdict",
    "World": "world",
}

__all__ = ["__version__", "errors", *sorted(_HOME)]


def __getattr__(name: str) -> Any:
    if name == "errors":
        return import_module("dorec.errors")
    if name in _HOME:
        return getattr(import_module(f"dorec.domain.{_HOME[name]}"), name)
    raise AttributeError(f"module 'dorec' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
