"""Sources -> batches of events and of rows that were set aside."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

import pyarrow as pa

from dorec.domain.run import RunContext
from dorec.ingest.batch import Batch, Limits
from dorec.ingest.delimited import read_delimited
from dorec.ingest.json_lines import read_json_lines
from dorec.ingest.parquet import read_parquet
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.sources import files_of, text_format
from dorec.ingest.validate import validate, validate_rows


def read_events(
    source: str | Path | pa.Table | Iterable[pa.Table],
    roles: ColumnRoles,
    *,
    batch_rows: int = 100_000,
    limits: Limits | None = None,
    context: RunContext | None = None,
    name: str = "table",
) -> Iterator[Batch]:
    """Read and validate a source, batch by batch; nothing is written.

    Args:
        source: a file, folder or glob; or a table, or batches of raw rows as a database gives them.
        roles: from `infer_roles`, corrected where it guessed wrong.
        batch_rows: rows of a batch, at most.
        limits: of row length, JSON depth and inflation.
        context: its progress shows the files.
        name: of a source that is no file, told with each row that is set aside.

    Yields:
        Batches whose rows add up: `received == events.num_rows + quarantined.num_rows`.

    Raises:
        UnreadableSource: a file is missing, empty, damaged, or of a kind that is not read.
        InputError: nearly all times of a batch show a wrong unit or a missing zone.

    Example:
        >>> roles = ColumnRoles(columns={"user_id": "u", "item_id": "i"})
        >>> [b.received for b in read_events(pa.table({"u": ["ann"], "i": ["tea"]}), roles)]
        [1]
    """
    limits, context = limits or Limits(), context or RunContext()
    if isinstance(source, pa.Table):
        yield from _of_tables(_slices(source, batch_rows), roles, name)
        return
    if not isinstance(source, str | Path):
        yield from _of_tables(source, roles, name)
        return
    files = files_of(source)
    index = 0
    for path in context.track(files, "files", len(files)) if len(files) > 1 else files:
        for batch in _of_file(path, roles, limits, batch_rows, index):
            yield batch
            index += 1


def _of_file(path: Path, roles: ColumnRoles, limits: Limits, batch_rows: int, index: int) -> Iterator[Batch]:
    kind = text_format(path, roles.format)
    if kind == "parquet":
        yield from _of_tables(read_parquet(path, batch_rows), roles, str(path), index)
        return
    reader = read_json_lines if kind == "jsonl" else read_delimited
    for raw in reader(path, roles, limits, batch_rows):
        if raw.table.num_rows or len(raw.rejected):
            yield validate_rows(replace(raw, index=index), roles)
            index += 1


def _of_tables(tables: Iterable[pa.Table], roles: ColumnRoles, source: str, first: int = 0) -> Iterator[Batch]:
    row = 1
    for index, table in enumerate(tables, start=first):
        yield validate(table, roles, source=source, index=index, first_row=row)
        row += table.num_rows


def _slices(table: pa.Table, rows: int) -> Iterator[pa.Table]:
    for at in range(0, table.num_rows, rows):
        yield table.slice(at, rows)
