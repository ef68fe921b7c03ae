"""CSV and its kin: Arrow parses what is sound, and each record that is not is set aside by itself."""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv

from dorec.domain.errors import UnreadableSource
from dorec.ingest.batch import Limits, RawRows, Rejected
from dorec.ingest.records import Records, split_records
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.streams import Block, LongLine, blocks
from dorec.numeric.arrays import BoolArray, IntArray


def read_delimited(path: Path, roles: ColumnRoles, limits: Limits, batch_rows: int) -> Iterator[RawRows]:
    """Rows of a delimited file as columns of bytes, in batches, with lines and offsets.

    Raises:
        UnreadableSource: the file can't be read or is empty.
    """
    reader = _Reader(roles, limits)
    for piece in blocks(path, limits):
        part = reader.feed(piece)
        if part is not None:
            yield from part.batches(str(path), reader.names, batch_rows)
    if not reader.names:
        raise UnreadableSource(f"{path} is empty. Give a file with rows.")


def unique_names(names: list[str]) -> list[str]:
    """Names of a header, with empty and repeated ones made different.

    >>> unique_names(["", "a", "a"])
    ['column_1', 'a', 'a_2']
    """
    seen: dict[str, int] = {}
    made = []
    for place, given in enumerate(names, start=1):
        name = given.strip() or f"column_{place}"
        seen[name] = seen.get(name, 0) + 1
        made.append(name if seen[name] == 1 else f"{name}_{seen[name]}")
    return made


def fields_of(record: bytes, delimiter: str, encoding: str) -> list[str]:
    """The fields of one record."""
    text = record.decode(encoding, errors="replace")
    return next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), [])


def split_fields(record: bytes, delimiter: str) -> list[bytes]:
    """The fields of one record as bytes: they pass through Latin-1 unchanged.

    >>> split_fields(b'a,"b,c"', ",")
    [b'a', b'b,c']
    """
    text = io.StringIO(record.decode("latin-1"), newline="")
    return [field.encode("latin-1") for field in next(csv.reader(text, delimiter=delimiter), [])]


@dataclass
class _Part:
    """Parsed rows of a block."""

    table: pa.Table
    records: Records  # of the rows in `table`
    data: bytes
    offset: int
    line: int
    rejected: Rejected

    def batches(self, source: str, names: list[str], batch_rows: int) -> Iterator[RawRows]:
        """The rows in pieces; those set aside go with the first."""
        for index, start in enumerate(range(0, max(self.table.num_rows, 1), batch_rows)):
            rows = self.records.take(slice(start, start + batch_rows))
            yield RawRows(
                table=self.table.slice(start, batch_rows), lines=rows.lines + self.line,
                offsets=rows.starts + self.offset, raw=self._raw_of(rows), source=source, index=0,
                rejected=self.rejected if not index else Rejected(), fields=names,
            )  # fmt: skip

    def _raw_of(self, rows: Records) -> "_Bytes":
        return _Bytes(self.data, rows.starts, rows.ends)


@dataclass(frozen=True)
class _Bytes:
    data: bytes
    starts: IntArray
    ends: IntArray

    def __call__(self, rows: IntArray) -> list[bytes]:
        return [self.data[a:b] for a, b in zip(self.starts[rows].tolist(), self.ends[rows].tolist(), strict=True)]


class _Reader:
    """Carries a record that a block leaves open to the next block."""

    def __init__(self, roles: ColumnRoles, limits: Limits) -> None:
        self.roles, self.limits = roles, limits
        self.names: list[str] = []  # of the columns, once the first record is read
        self.pending, self.offset, self.line = b"", 0, 1

    def feed(self, piece: Block | LongLine) -> _Part | None:
        rejected = Rejected()
        if isinstance(piece, LongLine):
            part = self._parse(b"", rejected, last=True) if self.pending else None
            rejected.add(
                piece.line, piece.offset, "row_too_large", piece.head, hint=piece.told(self.limits.row_bytes),
            )  # fmt: skip
            self.pending = b""
            return part or _Part(self._empty(), _no_records(), b"", 0, 1, rejected)
        if not self.pending:
            self.offset, self.line = piece.offset, piece.line
        part = self._parse(piece.data, rejected, last=piece.last)
        return part if part.table.num_rows or len(rejected) else None

    def _parse(self, data: bytes, rejected: Rejected, *, last: bool) -> _Part:
        data = self.pending + data
        offset, line = self.offset, self.line
        found = split_records(data, self.roles.delimiter, last=last, row_bytes=self.limits.row_bytes)
        self.pending = data[found.consumed :]
        self.offset += found.consumed
        self.line += data.count(b"\n", 0, found.consumed)
        if not self.names and len(found.starts):
            first = fields_of(data[found.starts[0] : found.ends[0]], self.roles.delimiter, self.roles.encoding)
            if self.roles.header:
                self.names, found = unique_names(first), found.take(slice(1, None))
            else:
                self.names = [f"column_{i + 1}" for i in range(len(first))]
        good = self._sound(data, found, offset, line, rejected)
        records = found.take(good)
        table = self._to_table(data, records) if len(records.starts) else self._empty()
        return _Part(table, records, data, offset, line, rejected)

    def _sound(self, data: bytes, found: Records, offset: int, line: int, rejected: Rejected) -> BoolArray:
        width, most = len(self.names), self.limits.row_bytes
        faults = (
            (found.broken, "malformed_quote", "a quote is not closed, or text follows a closing quote"),
            (found.ends - found.starts > most, "row_too_large", f"{most:,} bytes are allowed"),
            (found.returns, "control_character", "a carriage return within the line"),
            (found.columns != width, "column_count", ""),
        )  # fmt: skip
        good = np.ones(len(found.starts), dtype=bool)
        for mask, reason, hint in faults:
            for row in np.flatnonzero(mask & good).tolist():
                told = hint or f"{found.columns[row]} fields, {width} expected"
                raw = data[found.starts[row] : found.ends[row]]
                rejected.add(found.lines[row] + line, found.starts[row] + offset, reason, raw, hint=told)
            good &= ~mask
        return good

    def _to_table(self, data: bytes, records: Records) -> pa.Table:
        breaks = np.flatnonzero(records.starts[1:] != records.stops[:-1])
        firsts, lasts = np.append(0, breaks + 1), np.append(breaks, len(records.starts) - 1)
        spans = zip(records.starts[firsts].tolist(), records.stops[lasts].tolist(), strict=True)
        text = b"".join([data[a:b] for a, b in spans])
        table = self._by_arrow(text)
        if table is None or table.num_rows != len(records.starts):
            table = self._by_record(data, records)
        return transcoded(table, self.roles.encoding)

    def _by_arrow(self, text: bytes) -> pa.Table | None:
        try:
            return pa_csv.read_csv(
                pa.py_buffer(text),
                read_options=pa_csv.ReadOptions(
                    column_names=self.names, use_threads=False, block_size=min(len(text) + 1, 2**31 - 1)
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.roles.delimiter, newlines_in_values=b'"' in text, ignore_empty_lines=True
                ),
                convert_options=pa_csv.ConvertOptions(
                    column_types=dict.fromkeys(self.names, pa.binary()), strings_can_be_null=False
                ),
            )
        except pa.ArrowInvalid:
            return None

    def _by_record(self, data: bytes, records: Records) -> pa.Table:
        """What Arrow can't split as we do, record by record."""
        bounds = zip(records.starts.tolist(), records.ends.tolist(), strict=True)
        rows = [split_fields(data[a:b], self.roles.delimiter) for a, b in bounds]
        return pa.table([pa.array(column, pa.binary()) for column in zip(*rows, strict=True)], names=self.names)

    def _empty(self) -> pa.Table:
        return pa.table({name: pa.array([], pa.binary()) for name in self.names})


def transcoded(table: pa.Table, encoding: str) -> pa.Table:
    """Columns of bytes in another encoding as UTF-8; what can't be decoded stays, for the validator to find."""
    if encoding.lower().replace("_", "-") in {"utf-8", "utf8", "utf-8-sig", "ascii"}:
        return table
    made = []
    for column in table.columns:
        encoded = column.combine_chunks().dictionary_encode()
        values = [_decoded(v, encoding) for v in encoded.dictionary.to_pylist()]
        made.append(pa.array(values, pa.binary()).take(encoded.indices))
    return pa.table(made, names=table.column_names)


def _decoded(octets: bytes, encoding: str) -> bytes:
    try:
        return octets.decode(encoding).encode("utf-8")
    except UnicodeDecodeError:
        return octets


def _no_records() -> Records:
    none = np.empty(0, dtype=np.int64)
    return Records(none, none, none, none, none, none.astype(bool), none.astype(bool), 0)
