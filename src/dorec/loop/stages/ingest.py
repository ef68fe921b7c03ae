"""Sources -> event store."""

from dorec.loop.ingesting import ingest_sources
from dorec.loop.results import StageResult
from dorec.loop.study_file import listed
from dorec.loop.tables import resolve
from dorec.loop.workspace import Workspace

EXAMPLES = 20


def applies(workspace: Workspace) -> str:
    """Why there is nothing to read, if so."""
    return "" if workspace.settings.data.events else "no events are named in dorec.toml"


def run(workspace: Workspace, key: str) -> StageResult:
    """Read every source into the store."""
    del key
    sources = listed(workspace.settings.data.events)
    paths = [resolve(workspace.path, source) for source in sources]
    result = ingest_sources(workspace.folder, paths, workspace.settings, workspace.context)
    store = workspace.folder.event_store
    facts = {
        **result.to_dict(),
        "fingerprint": store.fingerprint,
        "sources": sources,
        "in_store": store.totals().stored,
    }
    quarantined = store.quarantine()
    tables = {"quarantined": quarantined.slice(0, EXAMPLES)} if quarantined.num_rows else {}
    return StageResult(facts=facts, tables=tables)
