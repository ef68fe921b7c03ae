"""A study on disk: one folder with its events, its state and what its runs made."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import sqlalchemy as sa

from dorec.domain.errors import UnreadableSource
from dorec.store.decisions import Decisions
from dorec.store.event_store import EventStore
from dorec.store.ledger import Ledger
from dorec.store.state import open_state


@dataclass(frozen=True, eq=False)
class StudyFolder:
    """`events/` (Parquet), `state.sqlite` (ledger), `runs/<id>/` and `stages/` (artefacts).

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     study = StudyFolder.create(Path(folder) / "shop")
        ...     study.event_store.totals().stored, study.ledger.runs(), study.events_folder.name
        (0, [], 'events')
    """

    path: Path
    state_url: str  # any SQLAlchemy URL

    @classmethod
    def create(cls, path: str | Path, *, state_url: str | None = None) -> "StudyFolder":
        """A study in `path`, made with its parents; what is there already stays."""
        path = Path(path)
        try:
            path.mkdir(parents=True, exist_ok=True)
        except FileExistsError:
            raise UnreadableSource(f"{path} is a file. Give a folder for the study.") from None
        study = cls(path, state_url or f"sqlite:///{path.resolve() / 'state.sqlite'}")
        study.runs_folder.mkdir(exist_ok=True)
        study.events_folder.mkdir(exist_ok=True)
        return study

    @classmethod
    def open(cls, path: str | Path, *, state_url: str | None = None) -> "StudyFolder":
        """The study in a folder that exists.

        Raises:
            UnreadableSource: there is no such folder.
        """
        if not Path(path).is_dir():
            raise UnreadableSource(f"{path} is no folder. `dorec init {path} --events FILE` makes a study.")
        return cls.create(path, state_url=state_url)

    @property
    def events_folder(self) -> Path:
        """Where the Parquet parts are."""
        return self.path / "events"

    @property
    def runs_folder(self) -> Path:
        """Where each run keeps what it made."""
        return self.path / "runs"

    @cached_property
    def engine(self) -> sa.Engine:
        """The state database, brought to the newest shape."""
        return open_state(self.state_url)

    @cached_property
    def event_store(self) -> EventStore:
        """The events."""
        return EventStore(self.events_folder, self.engine)

    @cached_property
    def ledger(self) -> Ledger:
        """Runs, stages and estimates."""
        return Ledger(self.engine, self.path)

    @cached_property
    def decisions(self) -> Decisions:
        """Cards and what became of them."""
        return Decisions(self.engine, self.path)
