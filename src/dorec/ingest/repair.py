"""Quarantined rows once more: mended by a function, or read in another encoding, and validated like any other."""

from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import InputError
from dorec.ingest.batch import Batch, Limits, RawRows, Rejected
from dorec.ingest.delimited import split_fields, transcoded
from dorec.ingest.json_lines import JsonRows
from dorec.ingest.records import split_records
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.validate import validate_rows
from dorec.numeric.arrays import IntArray

Fix = Callable[[bytes], bytes | None]


def read_quarantine(
    quarantined: pa.Table, roles: ColumnRoles, *, fix: Fix | str | None = None, limits: Limits | None = None
) -> Iterator[Batch]:
    """Rows that were set aside, as batches to append: replay after repair.

    A row that is sound now is an event with its old line; one that is not is set aside again, once.

    Args:
        quarantined: of `EventStore.quarantine()`, or some of its rows.
        roles: with the settings that mend them, as in `roles.with_options(time_unit="ms")`.
        fix: raw bytes -> mended bytes, or None to leave the row where it is; or the name of an encoding.
        limits: as for `read_events`.

    Raises:
        InputError: the rows are of delimited text and `roles` does not know the columns.

    Example:
        >>> from dorec.ingest.validate import validate
        >>> roles = ColumnRoles(columns={"user_id": "u", "value": "v"}, source_columns={"u": "text", "v": "number"})
        >>> bad = validate(pa.table({"u": ["ann"], "v": ["9,90"]}), roles).quarantined
        >>> mended = read_quarantine(bad, roles, fix=lambda raw: raw.replace(b'"9,90"', b"9.90"))
        >>> [batch.events.column("value").to_pylist() for batch in mended]
        [[9.9]]
    """
    limits = limits or Limits()
    if isinstance(fix, str):
        roles, fix = roles.with_options(encoding=fix), None
    for index, source in enumerate(pc.unique(quarantined.column("source")).to_pylist()):
        rows = quarantined.filter(pc.equal(quarantined.column("source"), source))
        chosen = _mended(rows, fix)
        text = [row for row in chosen if not row[2].lstrip().startswith(b"{")]
        objects = [row for row in chosen if row[2].lstrip().startswith(b"{")]
        if objects:
            yield validate_rows(_from_json(objects, roles, limits, source, index), roles)
        if text:
            yield validate_rows(_from_text(text, roles, limits, source, index), roles)


def _mended(rows: pa.Table, fix: Fix | None) -> list[tuple[int, int | None, bytes]]:
    """Line, offset and bytes of the rows that are to be read again."""
    places = zip(*(rows.column(c).to_pylist() for c in ("line", "byte_offset", "raw")), strict=True)
    if fix is None:
        return list(places)
    return [(line, offset, mended) for line, offset, raw in places if (mended := fix(raw)) is not None]


def _from_json(
    rows: list[tuple[int, int | None, bytes]], roles: ColumnRoles, limits: Limits, source: str, index: int
) -> RawRows:
    made = JsonRows(roles, limits, source)
    for line, offset, raw in rows:
        made.add(raw, line, offset)
    taken = made.take()
    offsets = None if any(offset is None for _, offset, _ in rows) else taken.offsets
    return RawRows(
        table=taken.table, lines=taken.lines, offsets=offsets, raw=taken.raw, source=source, index=index,
        rejected=taken.rejected, context=taken.context, fields=taken.fields,
    )  # fmt: skip


def _from_text(
    rows: list[tuple[int, int | None, bytes]], roles: ColumnRoles, limits: Limits, source: str, index: int
) -> RawRows:
    names = list(roles.source_columns)
    if not names:
        raise InputError("The roles don't know the columns of the file; use those of infer_roles(file).")
    rejected, kept, fields = Rejected(), [], []
    for line, offset, raw in rows:
        found = split_records(raw, roles.delimiter, last=True, row_bytes=limits.row_bytes)
        if len(found.starts) == 1 and found.columns[0] == len(names) and not found.returns[0]:
            kept.append((line, offset, raw))
            fields.append(split_fields(raw, roles.delimiter))
        else:
            rejected.add(line, offset, "column_count", raw, hint=f"{len(names)} fields are expected")
    columns = list(zip(*fields, strict=True)) or [()] * len(names)
    table = transcoded(pa.table([pa.array(c, pa.binary()) for c in columns], names=names), roles.encoding)

    def raw_of(chosen: IntArray) -> list[bytes]:
        return [kept[row][2] for row in chosen.tolist()]

    return RawRows(
        table=table, lines=np.array([k[0] for k in kept], dtype=np.int64),
        offsets=np.array([k[1] for k in kept], dtype=np.int64), raw=raw_of, source=source, index=index,
        rejected=rejected, fields=names,
    )  # fmt: skip
