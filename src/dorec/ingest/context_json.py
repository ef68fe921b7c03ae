"""Columns that have no role, as one JSON object a row: written with Arrow's kernels, not row by row."""

import json
from collections.abc import Mapping

import pyarrow as pa
import pyarrow.compute as pc

from dorec.ingest.scalars import decoded, one_chunk, truth

NEEDS_ESCAPE = r'["\\\x00-\x1f\x7f]'
JSON_NUMBER = r"^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$"


def to_json(table: pa.Table, kinds: Mapping[str, str]) -> pa.Array:
    r"""Each row as a JSON object; missing values are left out, a row without any is null.

    Args:
        table: n rows of valid UTF-8.
        kinds: name -> what the column holds; text that holds numbers in every row is written as numbers.

    Returns:
        (n,) strings.

    Example:
        >>> to_json(pa.table({"a": ["x", None], "b": [1, 2], "c": ['say "hi"', None]}), {}).to_pylist()
        ['{"a":"x","b":1,"c":"say \\"hi\\""}', '{"b":2}']
    """
    if not table.num_columns:
        return pa.nulls(table.num_rows, pa.string())
    members = []
    for name in table.column_names:
        values = _value(decoded(table.column(name)), kinds.get(name, ""))
        members.append(pc.binary_join_element_wise(json.dumps(name, ensure_ascii=False) + ":", values, ""))
    body = members[0]
    if len(members) > 1:
        body = pc.binary_join_element_wise(*members, ",", null_handling="skip")
    body = one_chunk(body)
    empty = pc.or_kleene(pc.is_null(body), pc.equal(body, ""))
    whole = pc.binary_join_element_wise("{", body, "}", "")
    return pc.if_else(pc.fill_null(empty, True), pa.scalar(None, pa.string()), whole)


def _value(column: pa.ChunkedArray, kind: str) -> pa.Array:
    values = one_chunk(column)
    if pa.types.is_boolean(values.type) or pa.types.is_integer(values.type):
        return values.cast(pa.string())
    if pa.types.is_floating(values.type):
        finite = pc.if_else(pc.is_finite(values), values, pa.scalar(None, values.type))
        return finite.cast(pa.string())
    if pa.types.is_binary(values.type):
        values = values.cast(pa.string())
    if not pa.types.is_string(values.type):
        return _quoted(_as_text(values))
    values = pc.if_else(pc.equal(values, ""), pa.scalar(None, pa.string()), values)
    if kind in {"number", "integer", "unix_s", "unix_ms"}:
        number = truth(pc.match_substring_regex(values, JSON_NUMBER))
        if number.all():
            return values
        return pc.if_else(pa.array(number), values, _quoted(values))
    return _quoted(values)


def _as_text(values: pa.Array) -> pa.Array:
    try:
        return values.cast(pa.string())
    except (pa.ArrowNotImplementedError, pa.ArrowInvalid):  # lists, structs
        return pa.array([None if v is None else json.dumps(v, default=str) for v in values.to_pylist()], pa.string())


def _quoted(text: pa.Array) -> pa.Array:
    if not truth(pc.match_substring_regex(text, NEEDS_ESCAPE)).any():
        return pc.binary_join_element_wise('"', text, '"', "")
    encoded = text.dictionary_encode()
    escaped = [json.dumps(v, ensure_ascii=False) for v in encoded.dictionary.to_pylist()]
    return pa.array(escaped, pa.string()).take(encoded.indices)
