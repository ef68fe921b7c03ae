"""Sources into the study's store: read, validate, append, and say what became of every row."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dorec.domain.errors import ConfigError
from dorec.domain.run import RunContext
from dorec.ingest import ColumnRoles
from dorec.loop.event_source import EventSource, without_secrets
from dorec.loop.study_file import StudyFile, listed
from dorec.loop.tables import resolve
from dorec.store import Receipt, StudyFolder


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """Counts that add up, reasons of quarantine, and how the columns were read.

    Example:
        >>> receipt = Receipt(received=3, stored=2, duplicates=1, quarantined=0)
        >>> IngestResult(receipt=receipt, reasons={}, roles=(), quarantine=Path("events")).to_dict()["stored"]
        2
    """

    receipt: Receipt  # received = stored + duplicates + quarantined
    reasons: dict[str, int]
    roles: tuple[ColumnRoles, ...]
    quarantine: Path

    def to_dict(self) -> dict[str, Any]:
        """The result as plain data."""
        return {
            "received": self.receipt.received,
            "stored": self.receipt.stored,
            "duplicates": self.receipt.duplicates,
            "quarantined": self.receipt.quarantined,
            "reasons": self.reasons,
            "columns": [dict(roles.columns) for roles in self.roles],
            "evidence": [dict(roles.evidence) for roles in self.roles],
        }


def ingest_study(folder: Path, *, source: str | None = None, context: RunContext | None = None) -> IngestResult:
    r"""Read the study's events, or another source, into its store. Doing it twice stores nothing twice.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as name:
        ...     _ = Path(name, "e.csv").write_text("user,item,event\nann,tea,view\nbob,tea,purchase\n")
        ...     _ = Path(name, "dorec.toml").write_text('[data]\nevents = "e.csv"')
        ...     [ingest_study(Path(name)).receipt.stored for _ in range(2)]
        [2, 0]
    """
    settings = StudyFile.read(folder)
    sources = source or settings.data.events
    if not sources:
        raise ConfigError("[data] events is not set in dorec.toml. Name a file there, or give --events FILE.")
    paths = listed(sources)
    resolved = [path if source else resolve(folder, path) for path in paths]
    return ingest_sources(StudyFolder.open(folder), resolved, settings, context or RunContext())


def ingest_sources(
    study: StudyFolder, sources: Sequence[str], settings: StudyFile, context: RunContext
) -> IngestResult:
    """Append every batch of every source; each append is durable before the next batch is read."""
    store = study.event_store
    total = Receipt(received=0, stored=0, duplicates=0, quarantined=0)
    reasons: Counter[str] = Counter()
    used = []
    for source in sources:
        opened = EventSource.look(source, settings.data.table, settings.columns, settings.source)
        used.append(opened.roles)
        for batch in context.track(opened.batches(context), f"reading {Path(without_secrets(source)).name}"):
            total += store.append(batch)
            reasons.update(batch.quarantined.column("reason").to_pylist())
    return IngestResult(receipt=total, reasons=dict(reasons), roles=tuple(used), quarantine=study.events_folder)
