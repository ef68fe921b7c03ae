"""What the stages of one run share: the folder, the settings, and the nouns made so far."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from dorec.domain.dataset import Dataset
from dorec.domain.decision import Decision
from dorec.domain.event_log import EventLog
from dorec.domain.run import RunContext
from dorec.loop.results import StageResult
from dorec.loop.study_file import StudyFile
from dorec.loop.tables import read_tables
from dorec.profile import to_dataset
from dorec.store import StudyFolder, open_events


@dataclass(eq=False)
class Workspace:
    """The study's folder and settings, the results of the stages so far, and nouns read from them on demand."""

    folder: StudyFolder
    settings: StudyFile
    context: RunContext
    results: dict[str, StageResult] = field(default_factory=dict)
    keys: dict[str, str] = field(default_factory=dict)
    decision: Decision | None = None  # whom to treat

    @property
    def path(self) -> Path:
        """The study's folder."""
        return self.folder.path

    def stage_folder(self, name: str, key: str) -> Path:
        """Where the result of a stage is kept."""
        return self.path / "stages" / f"{name}-{key}"

    @cached_property
    def events(self) -> EventLog | None:
        """The cleaned events, or None for a study without events."""
        if "clean" not in self.results or not self.results["clean"].facts.get("events"):
            return None
        return open_events(self.stage_folder("clean", self.keys["clean"]) / "events")

    @cached_property
    def items(self) -> pa.Table | None:
        """The items table."""
        return read_tables(self.path, self.settings.data.items) if self.settings.data.items else None

    @cached_property
    def users(self) -> pa.Table | None:
        """The users table."""
        return read_tables(self.path, self.settings.data.users) if self.settings.data.users else None

    @cached_property
    def dataset(self) -> Dataset | None:
        """Interactions for recommenders, with items, titles and users where there are tables of them."""
        if self.events is None:
            return None
        keys = self.settings.keys
        sides: dict[str, Any] = {}
        if self.items is not None and keys.item:
            sides |= {"items": self.items, "item": keys.item, "text": keys.text}
        if self.users is not None and keys.user:
            sides |= {"users": self.users, "user": keys.user}
        return to_dataset(self.events, **sides)


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One station of the loop: what it does in words, which settings and stages it depends on, and its function."""

    name: str
    label: str
    run: Callable[[Workspace, str], StageResult]  # the workspace and the stage's own key
    applies: Callable[[Workspace], str]  # empty, or the reason why it is left out
    settings: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    reads: tuple[str, ...] = ()  # keys of [data] whose bytes it reads itself
    version: int = 1  # raised when the stage's results change meaning, so that old ones are not reused
