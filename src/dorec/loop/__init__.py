"""The loop: `dorec.toml`, the stations in order, the ledger, the report. The one room that knows every station.

Names load on use, so that a command that needs one station does not wait for all of them.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dorec.loop.demo import DemoResult, run_demo
    from dorec.loop.designing import Designed, DesignRequest, estimate_by_design
    from dorec.loop.discovering import Discovered, DiscoverRequest, discover_file
    from dorec.loop.doctor import examine
    from dorec.loop.effect_question import EstimateRequest
    from dorec.loop.estimating import Estimated, estimate_file
    from dorec.loop.identifying import Identified, identify_in
    from dorec.loop.ingesting import IngestResult, ingest_study
    from dorec.loop.init import Sources, init_study
    from dorec.loop.report import newest_report
    from dorec.loop.run import RunSummary, run_study
    from dorec.loop.study_file import StudyFile
    from dorec.loop.successive_halving import Leaderboard, grid, search

__all__ = [
    "DemoResult",
    "DesignRequest",
    "Designed",
    "DiscoverRequest",
    "Discovered",
    "EstimateRequest",
    "Estimated",
    "Identified",
    "IngestResult",
    "Leaderboard",
    "RunSummary",
    "Sources",
    "StudyFile",
    "discover_file",
    "estimate_by_design",
    "estimate_file",
    "examine",
    "grid",
    "identify_in",
    "ingest_study",
    "init_study",
    "newest_report",
    "run_demo",
    "run_study",
    "search",
]

_HOME = {
    "demo": ("DemoResult", "run_demo"),
    "designing": ("Designed", "DesignRequest", "estimate_by_design"),
    "discovering": ("Discovered", "DiscoverRequest", "discover_file"),
    "doctor": ("examine",),
    "effect_question": ("EstimateRequest",),
    "estimating": ("Estimated", "estimate_file"),
    "identifying": ("Identified", "identify_in"),
    "ingesting": ("IngestResult", "ingest_study"),
    "init": ("Sources", "init_study"),
    "report": ("newest_report",),
    "run": ("RunSummary", "run_study"),
    "study_file": ("StudyFile",),
    "successive_halving": ("Leaderboard", "grid", "search"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOME.items():
        if name in names:
            return getattr(import_module(f"{__name__}.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
