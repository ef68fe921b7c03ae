"""The one DuckDB that reads Parquet for a process: ibis tables of several studies can be joined in it."""

import hashlib
import itertools
import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from dorec.domain.errors import IntegrityError, UnreadableSource
from dorec.domain.event_log import EventLog, event_schema
from dorec.store.durable import sha256, write_bytes, write_durably

if TYPE_CHECKING:
    import ibis

EVENTS_FILE, MANIFEST = "events.parquet", "manifest.json"
_names = itertools.count()


@cache
def connection() -> Any:
    """The ibis backend of this process, in memory, spilling to a temporary folder when memory is short."""
    import ibis  # takes half a second, which a writer of events need not wait for

    return ibis.duckdb.connect(":memory:", preserve_insertion_order=True)


def configure(*, threads: int | None = None, memory_limit: str | None = None) -> None:
    """Set DuckDB's threads and memory (`"2GB"`) for this process.

    >>> configure(threads=2, memory_limit="2GB")
    """
    if threads is not None:
        connection().raw_sql(f"SET threads = {int(threads)}")
    if memory_limit is not None:
        quoted = memory_limit.replace("'", "")
        connection().raw_sql(f"SET memory_limit = '{quoted}'")


def memory_table(table: pa.Table) -> "ibis.Table":
    """An Arrow table as an ibis table of the same DuckDB as the event logs.

    >>> memory_table(pa.table({"x": [1, 2]})).x.sum().to_pyarrow().as_py()
    3
    """
    name = f"memory_{next(_names)}"
    connection().con.register(name, table)
    return connection().table(name)


def parquet_table(paths: Sequence[Path]) -> "ibis.Table":
    """Parquet files with the event schema as one ibis table; no files make an empty one."""
    if not paths:
        return memory_table(event_schema().empty_table())
    return connection().read_parquet([str(p) for p in paths], table_name=f"events_{next(_names)}")


def materialise(log: EventLog, folder: Path) -> EventLog:
    """The log written to Parquet in `folder`, batch by batch, and opened from there.

    Args:
        log: any log; its expression is computed once.
        folder: made if it does not exist. It holds `events.parquet` and `manifest.json` afterwards.

    Example:
        >>> import tempfile
        >>> log = EventLog.from_table({"user_id": ["ann", "bob"]})
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     materialise(log, Path(folder)).n_events
        2
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    schema = event_schema()

    def write(path: Path) -> None:
        with pq.ParquetWriter(path, schema, compression="zstd", compression_level=1) as writer:
            for batch in log.table.select(*schema.names).to_pyarrow_batches(chunk_size=131_072):
                writer.write_table(pa.Table.from_batches([batch]).cast(schema))

    write_durably(folder / EVENTS_FILE, write)
    manifest = {EVENTS_FILE: {"sha256": sha256(folder / EVENTS_FILE), "bytes": (folder / EVENTS_FILE).stat().st_size}}
    write_bytes(folder / MANIFEST, json.dumps(manifest, indent=1).encode())
    return open_events(folder)


def open_events(folder: Path) -> EventLog:
    """The log that `materialise` wrote to `folder`; its bytes are verified first.

    Raises:
        UnreadableSource: there is no finished log in the folder.
        IntegrityError: the bytes have changed.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = materialise(EventLog.from_table({"user_id": ["ann"]}), Path(folder))
        ...     open_events(Path(folder)).event_counts
        {'interaction': 1}
    """
    try:
        digest = json.loads((folder / MANIFEST).read_bytes())[EVENTS_FILE]["sha256"]
    except FileNotFoundError:
        raise UnreadableSource(f"{folder} holds no finished event log. Run the study again to make it.") from None
    except (ValueError, KeyError, TypeError):
        raise IntegrityError(f"{folder / MANIFEST} is damaged. Run the study again to write it anew.") from None
    if sha256(folder / EVENTS_FILE) != digest:
        raise IntegrityError(f"{folder / EVENTS_FILE} is not what was written (SHA-256 differs). Run the study again.")
    fingerprint = hashlib.sha256(digest.encode()).hexdigest()
    return EventLog(parquet_table([folder / EVENTS_FILE]), fingerprint)
