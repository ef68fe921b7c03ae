"""Stored events -> cleaned events, with a count for each step."""

from dorec.ingest.cleaning import STEPS
from dorec.ingest.cleaning import clean as clean_events
from dorec.loop.results import StageResult
from dorec.loop.workspace import Workspace
from dorec.store import materialise


def applies(workspace: Workspace) -> str:
    """Why there is nothing to clean, if so."""
    return "" if "ingest" in workspace.results else "there are no events"


def run(workspace: Workspace, key: str) -> StageResult:
    """Apply the steps that are switched on and keep the result as Parquet."""
    wanted = workspace.settings.cleaning.steps
    log, report = clean_events(workspace.folder.event_store.log(), [STEPS[name] for name in wanted])
    kept = materialise(log, workspace.stage_folder("clean", key) / "events")
    return StageResult(facts={"events": kept.n_events, "steps": report.to_dict()["steps"]})
