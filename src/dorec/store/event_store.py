"""Events on disk: Parquet parts that the state database vouches for, each event once, quarantined rows beside them."""

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import sqlalchemy as sa

from dorec.domain.errors import DorecError, InputError, IntegrityError
from dorec.domain.event_log import EventLog
from dorec.numeric.arrays import BoolArray
from dorec.store.artefacts import read_arrays, read_json, write_artefacts
from dorec.store.commits import Commits, Row, check_chain
from dorec.store.durable import TEMPORARY, flush, sha256, write_durably
from dorec.store.key_index import KeyIndex, first_of_each
from dorec.store.locks import exclusive
from dorec.store.receipt import MAX_EXAMPLES, Receipt
from dorec.store.schema import COMMITS

EXAMPLE_COLUMNS = ("event_id", "user_id", "item_id", "event", "timestamp")
IDS = {"events": "event_id", "quarantine": "quarantine_id"}  # what a row of each kind of part is known by
PREFIX = {"events": "part", "quarantine": "quarantine"}
SNAPSHOT_EVERY = 64  # commits
COUNTS = ("received", "stored", "duplicates", "quarantined")


class EventBatch(Protocol):
    """What `append` takes: validated events and the rows that were set aside."""

    @property
    def events(self) -> pa.Table:
        """Rows in the event schema, each with an event_id."""
        ...

    @property
    def quarantined(self) -> pa.Table:
        """Rows set aside, each with a quarantine_id."""
        ...

    @property
    def received(self) -> int:
        """Rows of both."""
        ...

    @property
    def source(self) -> str:
        """The file or database they came from."""
        ...

    @property
    def index(self) -> int:
        """Which batch of the source it is."""
        ...

    @property
    def fields(self) -> Sequence[str]:
        """Columns that the source had."""
        ...


@dataclass(eq=False)
class EventStore:
    """The events of one study. `append` returns when the batch is safe; sending it again stores nothing twice.

    A batch becomes part of the store by one transaction in the state database, after its Parquet files are on the disk;
    files that no transaction names are swept when a store is opened. A small file beside the parts holds the last
    acknowledged commit, so a database that lost commits is noticed. Memory: about 40 bytes a stored event while
    appending.

    Example:
        >>> import tempfile
        >>> from dorec.store import StudyFolder
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     store = StudyFolder.create(Path(folder) / "shop").event_store
        ...     store.totals().received
        0
    """

    folder: Path
    engine: sa.Engine
    _index: dict[str, KeyIndex] = field(default_factory=lambda: {kind: KeyIndex() for kind in IDS}, repr=False)
    _indexed: int = field(default=0, repr=False)  # the last commit that the indexes know
    _verified: set[str] = field(default_factory=set, repr=False)
    _guard: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._sweep()

    @cached_property
    def commits(self) -> Commits:
        """What was stored, batch by batch."""
        return Commits(self.engine, self.folder)

    def append(self, batch: EventBatch) -> Receipt:
        """Store what is new in the batch and say what became of each row; it is durable when this returns.

        Raises:
            InputError: the batch's counts don't add up.
            IntegrityError: the state database lost commits that were acknowledged, or a part is missing.
            OSError: the disk is full or read-only; nothing of the batch is stored then.
        """
        if batch.received != batch.events.num_rows + batch.quarantined.num_rows:
            raise InputError(
                f"Batch {batch.index} of {batch.source} received {batch.received} rows but holds "
                f"{batch.events.num_rows} events and {batch.quarantined.num_rows} quarantined rows."
            )
        with self._guard, exclusive(self.folder / ".lock"):
            with self.commits.writing() as connection:
                last = self.commits.last(connection)
                self._catch_up(connection)
                new = self._unknown(connection, batch.events, "events")
                fresh = self._unknown(connection, batch.quarantined, "quarantine")
                receipt = _receipt(batch, new)
                parts = {"events": batch.events.filter(new), "quarantine": batch.quarantined.filter(fresh)}
                row = self._write_parts(last["sequence"] + 1, parts) | _record(batch, receipt)
                row = dict(self.commits.add(connection, row, last))
            self.commits.acknowledge(row)
            for kind, table in parts.items():
                self._index[kind].add(table.column(IDS[kind]), row["sequence"])
            self._indexed = row["sequence"]
            if self._indexed % SNAPSHOT_EVERY == 0:
                self._keep_index(row)
        return receipt

    def log(self) -> EventLog:
        """Every stored event, read by DuckDB when asked. Each part's bytes are checked once before it is read.

        Raises:
            IntegrityError: a part is missing or its bytes have changed.
        """
        from dorec.store.duckdb_engine import parquet_table

        rows = self._rows("events")
        self._verify_parts(rows)
        return EventLog(parquet_table([self.folder / r["events_file"] for r in rows]), self.fingerprint)

    def quarantine(self) -> pa.Table:
        """Rows that were set aside, each once, with their source, line, field, reason and bytes."""
        rows = self._rows("quarantine")
        self._verify_parts(rows)
        tables = [pq.read_table(self.folder / r["quarantine_file"], partitioning=None) for r in rows]
        if not tables:
            return pa.table({"reason": pa.array([], pa.string())})
        return pa.concat_tables(tables, promote_options="default")

    def totals(self) -> Receipt:
        """Counts over every batch ever appended."""
        sums = [sa.func.coalesce(sa.func.sum(COMMITS.c[name]), 0) for name in COUNTS]
        with self.commits.reading() as connection:
            counts = connection.execute(sa.select(*sums)).one()
        received, stored, duplicates, quarantined = map(int, counts)
        return Receipt(received=received, stored=stored, duplicates=duplicates, quarantined=quarantined)

    @property
    def fingerprint(self) -> str:
        """Names the stored events: a hash over the hashes of the parts, in order."""
        return hashlib.sha256("".join(r["events_sha256"] for r in self._rows("events")).encode()).hexdigest()

    def schemas(self) -> list[tuple[str, tuple[str, ...]]]:
        """Source and its columns, once for every change: `[("a.csv", ("user", "item")), ...]`."""
        with self.commits.reading() as connection:
            rows = self.commits.rows(connection)
        return list(dict.fromkeys((row["source"], tuple(row["fields"] or ())) for row in rows))

    def verify(self) -> int:
        """Compare every part with its SHA-256 and the chain of commits with itself; returns the number of parts.

        Raises:
            IntegrityError: with the file that differs, or what was lost.
        """
        with self.commits.reading() as connection:
            self.commits.last(connection)
            rows = self.commits.rows(connection)
        check_chain(rows)
        self._verified.clear()
        return self._verify_parts(rows)

    def _unknown(self, connection: sa.Connection, table: pa.Table, kind: str) -> BoolArray:
        """Which rows are neither stored nor repeats within the table."""
        new = np.zeros(table.num_rows, dtype=bool)
        if not table.num_rows:
            return new
        ids = table.column(IDS[kind])
        new[first_of_each(ids)] = True
        suspects = self._index[kind].find(ids)
        rows_of = self.commits.some(connection, list(suspects))
        for part, rows in suspects.items():
            stored = self._ids(rows_of[part], kind)
            known = pc.is_in(ids.take(pa.array(rows)), value_set=stored)
            new[rows[known.to_numpy()]] = False
        return new

    def _write_parts(self, sequence: int, parts: Mapping[str, pa.Table]) -> dict[str, Any]:
        row: dict[str, Any] = {}
        for kind, table in parts.items():
            name = f"{PREFIX[kind]}-{sequence:08d}.parquet" if table.num_rows else None
            if name:
                write_durably(self.folder / name, partial(_write_parquet, table), settle=False)
            row |= {f"{kind}_file": name, f"{kind}_sha256": sha256(self.folder / name) if name else None}
        flush(self.folder)
        return row

    def _keep_index(self, row: Row) -> None:
        """Keep the indexes, so that the next process need not read every part."""
        arrays = {f"{kind}/{name}": a for kind in IDS for name, a in self._index[kind].to_arrays().items()}
        upto = {"sequence": row["sequence"], "chain": row["chain"]}
        write_artefacts(self.folder / "index", {"keys.safetensors": arrays, "upto.json": upto})

    def _read_index(self, connection: sa.Connection) -> None:
        """The indexes as they were kept, if they are sound and of this very history."""
        try:
            upto = read_json(self.folder / "index", "upto.json")
            arrays = read_arrays(self.folder / "index", "keys.safetensors")
        except (DorecError, OSError):
            return  # read the parts instead
        row = self.commits.some(connection, [upto["sequence"]]).get(upto["sequence"])
        if row is None or row["chain"] != upto["chain"]:
            return
        for kind in IDS:
            kept = {name: arrays[f"{kind}/{name}"] for name in ("keys", "parts")}
            self._index[kind] = KeyIndex.from_arrays(kept)
        self._indexed = upto["sequence"]

    def _catch_up(self, connection: sa.Connection) -> None:
        """Bring the indexes up to what was stored before, or by other processes."""
        if not self._indexed:
            self._read_index(connection)
        for row in self.commits.rows(connection, after=self._indexed):
            for kind in IDS:
                if row[f"{kind}_file"]:
                    self._index[kind].add(self._ids(row, kind), row["sequence"])
            self._indexed = row["sequence"]

    def _ids(self, row: Row, kind: str) -> pa.ChunkedArray:
        path = self.folder / row[f"{kind}_file"]
        try:
            return pq.read_table(path, columns=[IDS[kind]], partitioning=None, use_threads=False).column(0)
        except (OSError, pa.ArrowException):
            raise IntegrityError(f"{path} is missing or damaged. Restore it from a backup.") from None

    def _rows(self, kind: str) -> list[Row]:
        with self.commits.reading() as connection:
            return [row for row in self.commits.rows(connection) if row[f"{kind}_file"]]

    def _verify_parts(self, rows: Sequence[Row]) -> int:
        named = {row[f"{kind}_file"]: row[f"{kind}_sha256"] for row in rows for kind in IDS if row[f"{kind}_file"]}
        for name, digest in named.items():
            if name in self._verified:
                continue
            path = self.folder / name
            if not path.exists():
                raise IntegrityError(f"{path} is missing. Restore it from a backup.")
            if sha256(path) != digest:
                raise IntegrityError(f"{path} is not what was written (SHA-256 differs). Restore it from a backup.")
            self._verified.add(name)
        return len(named)

    def _sweep(self) -> None:
        """Remove what a crash left: files that no commit names."""
        with exclusive(self.folder / ".lock", wait=False) as mine:
            if not mine:
                return  # another process is writing, and its newest part is not committed yet
            with self.commits.reading() as connection:
                named = {row[f"{kind}_file"] for row in self.commits.rows(connection) for kind in IDS}
            for path in self.folder.iterdir():
                if path.name.endswith(TEMPORARY) or (path.suffix == ".parquet" and path.name not in named):
                    path.unlink(missing_ok=True)


def _write_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path, compression="zstd", compression_level=1, row_group_size=131_072)


def _receipt(batch: EventBatch, new: BoolArray) -> Receipt:
    repeats = batch.events.filter(~new)
    return Receipt(
        received=batch.received,
        stored=int(new.sum()),
        duplicates=repeats.num_rows,
        quarantined=batch.quarantined.num_rows,
        examples=tuple(repeats.slice(0, MAX_EXAMPLES).select(list(EXAMPLE_COLUMNS)).to_pylist()),
    )


def _record(batch: EventBatch, receipt: Receipt) -> dict[str, Any]:
    examples = [{k: None if v is None else str(v) for k, v in e.items()} for e in receipt.examples]
    counts = {name: getattr(receipt, name) for name in COUNTS}
    return {"source": batch.source, "batch": batch.index, "fields": list(batch.fields), "examples": examples, **counts}
