"""The one validator: raw rows of any source become events, or are set aside with field, reason and bytes."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.event_log import event_schema
from dorec.ingest.batch import Batch, RawRows, Rejected
from dorec.ingest.content_hash import content_hash
from dorec.ingest.context_json import to_json
from dorec.ingest.event_names import event_of_file, funnel_name
from dorec.ingest.findings import Findings
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.scalars import decoded, to_numbers, to_text, truth
from dorec.ingest.times import to_instants
from dorec.numeric.arrays import FloatArray, IntArray

TEXT_ROLES = ("event_id", "user_id", "item_id", "session_id", "policy_id")
HASHED = ("user_id", "item_id", "event", "timestamp", "value", "session_id", "position", "propensity", "policy_id")


def validate(
    batch: pa.Table, roles: ColumnRoles, *, source: str = "table", index: int = 0, first_row: int = 1
) -> Batch:
    """Raw rows in the source's own columns and types as a Batch.

    Args:
        batch: n rows, as a database or a Parquet file gives them.
        roles: which column is what.
        source: told with each row that is set aside.
        index: which batch of the source it is.
        first_row: the 1-based place of the first row in the source.

    Raises:
        ColumnNotFound: a column with a role is missing altogether.
        InputError: no column is the user; or nearly all times show a wrong unit or a missing zone.

    Example:
        >>> roles = ColumnRoles(columns={"user_id": "u", "value": "paid"}, constant_event="purchase")
        >>> made = validate(pa.table({"u": ["ann", None], "paid": [2.5, 1.0]}), roles)
        >>> made.events.num_rows, made.quarantined.select(["line", "field", "reason"]).to_pylist()
        (1, [{'line': 2, 'field': 'u', 'reason': 'missing_field'}])
    """
    lines = np.arange(first_row, first_row + batch.num_rows, dtype=np.int64)

    def raw(rows: IntArray) -> list[bytes]:
        return row_bytes(batch, rows)

    return validate_rows(
        RawRows(table=batch, lines=lines, offsets=None, raw=raw, source=source, index=index, fields=batch.column_names),
        roles,
    )


def validate_rows(raw: RawRows, roles: ColumnRoles) -> Batch:
    """What `validate` does, for readers that know lines, offsets and bytes."""
    findings = Findings(raw.table.num_rows)
    if raw.table.num_rows:
        _check_columns(raw.table, roles)
    events = _events(raw, roles, findings) if raw.table.num_rows else event_schema().empty_table()
    kept = pa.array(~findings.bad)
    rejected = raw.rejected
    _set_aside(raw, findings, roles, rejected)
    quarantined = rejected.to_table(raw.source, raw.index)
    events = events.filter(kept)
    return Batch(
        events=events, quarantined=quarantined, received=events.num_rows + quarantined.num_rows,
        source=raw.source, index=raw.index, fields=tuple(raw.fields),
    )  # fmt: skip


def row_bytes(table: pa.Table, rows: IntArray) -> list[bytes]:
    """Rows of a source without bytes of its own, as JSON."""
    taken = table.take(pa.array(rows))
    columns = {
        name: _printable(taken.column(name))
        if pa.types.is_binary(taken.schema.field(name).type)
        else taken.column(name)
        for name in taken.column_names
    }
    found = to_json(pa.table(columns), {})
    return [(text or "{}").encode("utf-8", "surrogatepass") for text in found.to_pylist()]


def _printable(column: pa.ChunkedArray) -> pa.Array:
    return pa.array(
        [None if v is None else v.decode("utf-8", "backslashreplace") for v in column.to_pylist()], pa.string()
    )


def _check_columns(table: pa.Table, roles: ColumnRoles) -> None:
    if "user_id" not in roles.columns:
        raise InputError(
            f"No column is the user. Columns: {', '.join(table.column_names[:20])}. "
            "Name it: user_id under [columns] in dorec.toml, or roles.with_columns(user_id=...)."
        )
    for column in roles.columns.values():
        if column not in table.column_names:
            raise ColumnNotFound(column, table.column_names, where="the source")


def _events(raw: RawRows, roles: ColumnRoles, findings: Findings) -> pa.Table:
    table, columns = raw.table, roles.columns
    made: dict[str, pa.Array] = {}
    for role in TEXT_ROLES:
        if role in columns:
            made[role] = to_text(table.column(columns[role]), role, findings)
    made["event"] = _event(raw, roles, findings)
    if "timestamp" in columns:
        made["timestamp"] = to_instants(table.column(columns["timestamp"]), roles, findings)
    value = _value(table, columns, findings)
    if value is not None:
        made["value"] = _nullable(value)
    if "position" in columns:
        made["position"] = _position(table, columns["position"], findings)
    if "propensity" in columns:
        propensity = to_numbers(table.column(columns["propensity"]), "propensity", findings)
        findings.add((propensity <= 0) | (propensity > 1), "propensity", "bad_propensity", "not in (0, 1]")
        made["propensity"] = _nullable(propensity)
    for role in roles.required:
        if role in made:
            findings.add(truth(pc.is_null(made[role])), role, "missing_field")
    context = raw.context if raw.context is not None else _context(table, roles, findings)
    made["event_id"] = _event_id(made, context, findings)
    made["context"] = context if roles.keep_context else pa.nulls(len(context), pa.string())
    schema = event_schema()
    n = table.num_rows
    return pa.table(
        [made[f.name].cast(f.type) if f.name in made else pa.nulls(n, f.type) for f in schema], schema=schema
    )


def _event(raw: RawRows, roles: ColumnRoles, findings: Findings) -> pa.Array:
    if "event" not in roles.columns:
        name = (event_of_file(Path(raw.source).name) if roles.event_from_file else None) or roles.constant_event
        return pa.array([name] * raw.table.num_rows, pa.string())
    text = to_text(raw.table.column(roles.columns["event"]), "event", findings)
    findings.add(truth(pc.is_null(text)), "event", "missing_field")
    encoded = text.dictionary_encode()
    names = [roles.event_names.get(v) or funnel_name(v) for v in encoded.dictionary.to_pylist()]
    return pa.array(names, pa.string()).take(encoded.indices)


def _value(table: pa.Table, columns: Mapping[str, str], findings: Findings) -> FloatArray | None:
    if "value" in columns:
        return to_numbers(table.column(columns["value"]), "value", findings)
    if "quantity" in columns and "price" in columns:
        product = to_numbers(table.column(columns["quantity"]), "quantity", findings) * to_numbers(
            table.column(columns["price"]), "price", findings
        )
        findings.add(np.isinf(product), "value", "non_finite_number")
        return product
    return None


def _position(table: pa.Table, column: str, findings: Findings) -> pa.Array:
    values = to_numbers(table.column(column), "position", findings)
    given = np.isfinite(values)
    odd = given & ((values != np.floor(values)) | (np.abs(values) >= 2**31))
    findings.add(odd, "position", "wrong_type", "not a whole number")
    return pa.array(np.where(given & ~odd, values, 0).astype(np.int32), mask=~given | odd)


def _nullable(values: FloatArray) -> pa.Array:
    return pa.array(values, mask=~np.isfinite(values))


def _context(table: pa.Table, roles: ColumnRoles, findings: Findings) -> pa.Array:
    rest: dict[str, pa.Array | pa.ChunkedArray] = {}
    for name in table.column_names:
        if name in roles.used:
            continue
        column = decoded(table.column(name))
        if pa.types.is_binary(column.type) or pa.types.is_string(column.type):
            rest[name] = _clean_text(column, name, findings)
        else:
            rest[name] = column
    return to_json(pa.table(rest), roles.source_columns) if rest else pa.nulls(table.num_rows, pa.string())


def _clean_text(column: pa.ChunkedArray, name: str, findings: Findings) -> pa.Array:
    own = Findings(len(column))
    text = to_text(column, name, own)
    severe = own.bad & (own.reason == "invalid_utf8")
    nul = truth(pc.match_substring(text, "\x00"))
    findings.add(severe, name, "invalid_utf8", "set encoding to that of the source")
    findings.add(nul, name, "control_character")
    return text


def _event_id(made: dict[str, pa.Array], context: pa.Array, findings: Findings) -> pa.Array:
    given = made.get("event_id")
    if given is not None and not truth(pc.is_null(given)).any():
        return given
    del findings
    hashed = content_hash([*(made[name] for name in HASHED if name in made), context])
    return hashed if given is None else pc.coalesce(given, hashed)


def _set_aside(raw: RawRows, findings: Findings, roles: ColumnRoles, rejected: Rejected) -> None:
    rows = np.flatnonzero(findings.bad).astype(np.int64)
    if not len(rows):
        return
    for row, octets in zip(rows.tolist(), raw.raw(rows), strict=True):
        name, offset = findings.field_name[row], None if raw.offsets is None else raw.offsets[row]
        rejected.add(
            raw.lines[row], offset, findings.reason[row], octets,
            field_name=roles.columns.get(name, name), hint=findings.hint[row],
        )  # fmt: skip
