"""What happened: one row an event, with the columns every station knows by the same names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from dorec.domain.errors import ColumnNotFound, did_you_mean
from dorec.domain.table import to_arrow

if TYPE_CHECKING:
    import ibis
    import pyarrow as pa

# name -> Arrow type; only user_id and event are never null
EVENT_COLUMNS: Mapping[str, str] = {
    "event_id": "string",
    "user_id": "string",
    "item_id": "string",
    "event": "string",
    "timestamp": "timestamp[us, tz=UTC]",
    "value": "double",
    "session_id": "string",
    "position": "int32",
    "propensity": "double",
    "policy_id": "string",
    "context": "string",  # JSON of whatever else the source had
}
FUNNEL = ("impression", "view", "click", "favourite", "cart", "purchase")  # in causal order


def event_schema() -> "pa.Schema":
    """The Arrow schema of events."""
    import pyarrow as pa

    kinds = {"string": pa.string(), "double": pa.float64(), "int32": pa.int32()}
    time = pa.timestamp("us", tz="UTC")
    return pa.schema([pa.field(name, kinds.get(kind, time)) for name, kind in EVENT_COLUMNS.items()])


@dataclass(frozen=True, eq=False)
class EventLog:
    """Events as an ibis table, read only when asked: bound to DuckDB over Parquet by the store, or held in memory.

    Example:
        >>> log = EventLog.from_table({"who": ["ann", "ann"], "what": ["tea", "tea"], "did": ["view", "purchase"]},
        ...                           user_id="who", item_id="what", event="did")
        >>> log.n_events, log.event_counts
        (2, {'purchase': 1, 'view': 1})
    """

    table: "ibis.Table"  # the columns of EVENT_COLUMNS
    fingerprint: str = ""  # names the content, for the ledger

    @classmethod
    def from_table(cls, table: Any, **columns: str) -> "EventLog":
        """A log in memory from any frame; `columns` maps dorec's names to the frame's, others are taken by name.

        Missing columns become null; an `event` that is missing becomes `interaction`.
        """
        import ibis

        return cls(ibis.memtable(as_events(to_arrow(table), columns)))

    @cached_property
    def n_events(self) -> int:
        """Number of events."""
        return int(self.table.count().to_pyarrow().as_py())

    @cached_property
    def event_counts(self) -> dict[str, int]:
        """Events of each type, by name."""
        counts = self.table.group_by("event").agg(n=self.table.count()).order_by("event").to_pyarrow()
        return dict(zip(counts["event"].to_pylist(), counts["n"].to_pylist(), strict=True))

    @cached_property
    def has_time(self) -> bool:
        """Whether every event has a time stamp."""
        return self.n_events > 0 and bool(self.table.timestamp.isnull().sum().to_pyarrow().as_py() == 0)

    def to_arrow(self, columns: Sequence[str] | None = None) -> "pa.Table":
        """The events (or some columns) in memory."""
        return (self.table if columns is None else self.table.select(*columns)).to_pyarrow()

    def batches(self, columns: Sequence[str] | None = None, size: int = 1_000_000) -> "Iterator[pa.RecordBatch]":
        """The events in batches of at most `size` rows."""
        table = self.table if columns is None else self.table.select(*columns)
        yield from table.to_pyarrow_batches(chunk_size=size)


def as_events(arrow: "pa.Table", columns: Mapping[str, str]) -> "pa.Table":
    """The frame with exactly the event columns, cast and in order."""
    import pyarrow as pa

    for role, name in columns.items():
        if role not in EVENT_COLUMNS:
            raise ColumnNotFound(role, EVENT_COLUMNS, where=f"the event schema{did_you_mean(role, EVENT_COLUMNS)}")
        if name not in arrow.column_names:
            raise ColumnNotFound(name, arrow.column_names)
    schema = event_schema()
    arrays = []
    for field in schema:
        name = columns.get(field.name, field.name)
        if name in arrow.column_names:
            arrays.append(arrow.column(name).cast(field.type))
        elif field.name == "event":
            arrays.append(pa.array(["interaction"] * arrow.num_rows, type=field.type))
        else:
            arrays.append(pa.nulls(arrow.num_rows, type=field.type))
    return pa.table(arrays, schema=schema)
