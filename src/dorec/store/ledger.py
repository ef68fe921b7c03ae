"""Who ran what, on which inputs, with which result: the record that makes a run resumable and a figure traceable."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from dorec.domain.errors import InputError
from dorec.domain.run import Run
from dorec.store.schema import ESTIMATES, RUNS, STAGES


@dataclass(frozen=True, eq=False)
class Ledger:
    """Runs, the stages they finished, and their estimates, in the study's state database.

    Example:
        >>> import tempfile
        >>> from dorec.store import StudyFolder
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     ledger = StudyFolder.create(Path(folder) / "shop").ledger
        ...     run = Run(run_id="r1", command="dorec run shop", seed=0)
        ...     ledger.start(run)
        ...     ledger.finish(run.finish("done", ate=2.0))
        ...     [(r.run_id, r.status, r.results) for r in ledger.runs()]
        [('r1', 'done', {'ate': 2.0})]
    """

    engine: sa.Engine
    study: Path

    def start(self, run: Run) -> None:
        """Enter a run that begins.

        Raises:
            InputError: a run of this id is entered already.
        """
        try:
            self._write(RUNS.insert().values(**_row(run)))
        except sa.exc.IntegrityError:
            raise InputError(
                f"A run {run.run_id!r} is in the ledger already. Give each run an id of its own."
            ) from None

    def finish(self, run: Run) -> None:
        """Enter the end of a run that was started."""
        self._write(RUNS.update().where(RUNS.c.run_id == run.run_id).values(**_row(run)))

    def runs(self) -> list[Run]:
        """Every run, oldest first."""
        return [_run(row) for row in self._read(sa.select(RUNS).order_by(RUNS.c.started, RUNS.c.run_id))]

    def stage(self, run_id: str, name: str, key: str, folder: Path | None = None) -> None:
        """Enter that a stage was finished for the inputs that `key` names; its artefacts are in `folder`.

        By default that is `stages/<name>-<key>` in the study.
        """
        place = folder or self.study / "stages" / f"{name}-{key}"
        relative = str(place.relative_to(self.study)) if place.is_relative_to(self.study) else str(place)
        same = (STAGES.c.name == name) & (STAGES.c.key == key)
        row = {"name": name, "key": key, "run_id": run_id, "folder": relative, "finished": datetime.now(UTC)}
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.execute(STAGES.delete().where(same))
            connection.execute(STAGES.insert().values(**row))

    def finished_stage(self, name: str, key: str) -> Path | None:
        """Where the artefacts of a stage are that was finished for this key before, else None."""
        rows = self._read(sa.select(STAGES.c.folder).where((STAGES.c.name == name) & (STAGES.c.key == key)))
        place = self.study / rows[0]["folder"] if rows else None
        return place if place is not None and place.is_dir() else None

    def record_estimates(self, run_id: str, estimates: Sequence[Mapping[str, Any]]) -> None:
        """Enter the estimates of a run as plain data; NaN and infinities become null."""
        rows = [{"run_id": run_id, "name": str(e.get("name", "")), "record": _plain(e)} for e in estimates]
        if rows:
            self._write(ESTIMATES.insert(), rows)

    def estimates(self, run_id: str) -> list[dict[str, Any]]:
        """The estimates of a run, in the order they were entered."""
        query = sa.select(ESTIMATES.c.record).where(ESTIMATES.c.run_id == run_id).order_by(ESTIMATES.c.id)
        return [row["record"] for row in self._read(query)]

    def _write(self, statement: Any, rows: Sequence[Mapping[str, Any]] | None = None) -> None:
        with self.engine.connect().execution_options(writes=True) as connection, connection.begin():
            connection.execute(statement, rows) if rows is not None else connection.execute(statement)

    def _read(self, query: Any) -> list[Mapping[str, Any]]:
        with self.engine.connect() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]


def _row(run: Run) -> dict[str, Any]:
    names = ("run_id", "command", "seed", "started", "finished", "status", "version", "config_hash")
    return {**{n: getattr(run, n) for n in names}, "inputs": _plain(run.inputs), "results": _plain(run.results)}


def _run(row: Mapping[str, Any]) -> Run:
    fields = dict(row)
    for name in ("started", "finished"):  # SQLite forgets the zone
        if fields[name] is not None and fields[name].tzinfo is None:
            fields[name] = fields[name].replace(tzinfo=UTC)
    return Run(**fields)


def _plain(value: Any) -> Any:
    return json.loads(json.dumps(value, default=_default), parse_constant=lambda _: None)


def _default(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value)
