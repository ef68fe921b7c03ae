"""A piece of a source: rows that became events, and rows that were set aside with the reason."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa

from dorec.ingest.content_hash import content_hash
from dorec.numeric.arrays import IntArray

QUARANTINE_SCHEMA = pa.schema(
    [
        ("quarantine_id", pa.string()),  # hash of source, place, reason and bytes: sent again, it is the same row
        ("source", pa.string()),
        ("batch", pa.int64()),
        ("line", pa.int64()),  # 1-based line of the file; row number for Parquet and databases
        ("byte_offset", pa.int64()),  # null where a source has no bytes of its own
        ("field", pa.string()),
        ("reason", pa.string()),
        ("hint", pa.string()),
        ("raw", pa.binary()),
    ]
)
MAX_RAW = 65_536  # bytes kept of a row that was set aside


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a source may ask of memory and time.

    Example:
        >>> Limits(row_bytes=10_000).depth
        64
    """

    row_bytes: int = 1_000_000  # longer rows are set aside unread
    depth: int = 64  # of nested JSON
    inflate_ratio: int = 300  # of a gzip file, once it has given 64 MB
    block_bytes: int = 8 << 20  # read at once from a text file


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Events and quarantined rows of one piece of a source: `received == events.num_rows + quarantined.num_rows`.

    Example:
        >>> from dorec.ingest import ColumnRoles, validate
        >>> batch = validate(pa.table({"u": ["ann", None]}), ColumnRoles(columns={"user_id": "u"}))
        >>> batch.received, batch.events.num_rows, batch.quarantined.column("reason").to_pylist()
        (2, 1, ['missing_field'])
    """

    events: pa.Table  # in the event schema
    quarantined: pa.Table  # in QUARANTINE_SCHEMA
    received: int
    source: str
    index: int
    fields: tuple[str, ...] = ()  # columns that the source had

    def __post_init__(self) -> None:
        if self.received != self.events.num_rows + self.quarantined.num_rows:
            raise AssertionError(
                f"{self.received} rows received, {self.events.num_rows} + {self.quarantined.num_rows} kept"
            )


@dataclass
class Rejected:
    """Rows that are set aside, collected as columns."""

    line: list[int] = field(default_factory=list)
    offset: list[int | None] = field(default_factory=list)
    field_name: list[str | None] = field(default_factory=list)
    reason: list[str] = field(default_factory=list)
    hint: list[str | None] = field(default_factory=list)
    raw: list[bytes] = field(default_factory=list)

    def add(
        self, line: int, offset: int | None, reason: str, raw: bytes, *, field_name: str | None = None, hint: str = ""
    ) -> None:
        """Set one row aside; of a long row the first 64 kB are kept and the hint says so."""
        if len(raw) > MAX_RAW:
            hint = f"{hint + '; ' if hint else ''}the first {MAX_RAW:,} of {len(raw):,} bytes are kept"
        self.line.append(int(line))
        self.offset.append(None if offset is None else int(offset))
        self.field_name.append(field_name)
        self.reason.append(reason)
        self.hint.append(hint or None)
        self.raw.append(raw[:MAX_RAW])

    def extend(self, other: "Rejected") -> None:
        """Add the rows of another."""
        for name in ("line", "offset", "field_name", "reason", "hint", "raw"):
            getattr(self, name).extend(getattr(other, name))

    def __len__(self) -> int:
        return len(self.line)

    def to_table(self, source: str, index: int) -> pa.Table:
        """The rows in the quarantine schema, in the order of the file."""
        n = len(self)
        table = pa.table(
            [pa.nulls(n, pa.string()), pa.array([source] * n, pa.string()), pa.array([index] * n, pa.int64()),
             pa.array(self.line, pa.int64()), pa.array(self.offset, pa.int64()),
             pa.array(self.field_name, pa.string()), pa.array(self.reason, pa.string()),
             pa.array(self.hint, pa.string()), pa.array(self.raw, pa.binary())],
            schema=QUARANTINE_SCHEMA,
        )  # fmt: skip
        if n:
            names = ("source", "line", "byte_offset", "reason", "raw")
            table = table.set_column(0, QUARANTINE_SCHEMA.field(0), content_hash([table.column(c) for c in names]))
            table = table.take(pa.array(np.argsort(np.array(self.line), kind="stable")))
        return table


@dataclass(frozen=True, kw_only=True)
class RawRows:
    """Rows as the source has them, before validation, and how to get back to their bytes."""

    table: pa.Table  # source columns, of text or of the source's own types
    lines: IntArray  # (n,) 1-based
    offsets: IntArray | None  # (n,) bytes
    raw: Callable[[IntArray], list[bytes]]  # the bytes of some rows
    source: str
    index: int
    rejected: Rejected = field(default_factory=Rejected)  # rows that never became columns
    context: pa.Array | None = None  # JSON of the other columns, where the reader has it already
    fields: Sequence[str] = ()
