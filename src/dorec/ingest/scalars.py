"""Text and numbers out of columns of any type, with the faults of each row."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.ingest.findings import Findings
from dorec.numeric.arrays import BoolArray, FloatArray

NUMBER = r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$"
NOT_FINITE = r"(?i)^[+-]?(nan|inf|infinity)$"
GAPS = pa.array(["", "NA", "N/A", "NULL", "null", "None", "\\N", "-"])
CONTROL = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"  # tab, line feed and carriage return may stand in a quoted field


def to_text(column: pa.ChunkedArray, role: str, findings: Findings) -> pa.Array:
    """The column as strings, empty ones as null; bytes that are no UTF-8 and control characters are faults."""
    column = decoded(column)
    kind = column.type
    if pa.types.is_floating(kind):
        column = _float_text(column)
    elif pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_string(kind):
        column = _utf8(column, role, findings)
    else:
        column = column.cast(pa.string())
    text = one_chunk(column)
    findings.add(truth(pc.match_substring_regex(text, CONTROL)), role, "control_character")
    return pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)


def to_numbers(column: pa.ChunkedArray, role: str, findings: Findings) -> FloatArray:
    """The column as floats, NaN where it is missing or at fault."""
    column = decoded(column)
    kind = column.type
    if (
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_boolean(kind)
    ):
        numbers = one_chunk(
            pc.cast(column.cast(pa.int8()) if pa.types.is_boolean(kind) else column, pa.float64(), safe=False)
        )
        values: FloatArray = numbers.to_numpy(zero_copy_only=False).astype(np.float64)
        findings.add(~np.isfinite(values) & truth(pc.is_valid(numbers)), role, "non_finite_number")
        return np.where(np.isfinite(values), values, np.nan)
    if pa.types.is_temporal(kind):
        findings.add(truth(pc.is_valid(one_chunk(column))), role, "wrong_type", f"a {kind}, not a number")
        return np.full(len(column), np.nan)
    return _parsed(one_chunk(pc.utf8_trim_whitespace(_utf8(column, role, findings))), role, findings)


def truth(mask: pa.Array | pa.ChunkedArray) -> BoolArray:
    """A boolean column as numpy, nulls as False.

    >>> truth(pa.array([True, None])).tolist()
    [True, False]
    """
    return np.asarray(one_chunk(mask.fill_null(False)).to_numpy(zero_copy_only=False), dtype=bool)


def decoded(column: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """The column without dictionaries and large offsets."""
    column = column if isinstance(column, pa.ChunkedArray) else pa.chunked_array([column])
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    if pa.types.is_null(column.type):
        column = column.cast(pa.string())
    return column


def _parsed(text: pa.Array, role: str, findings: Findings) -> FloatArray:
    gap = truth(pc.is_in(text, value_set=GAPS)) | truth(pc.is_null(text))
    number = truth(pc.match_substring_regex(text, NUMBER))
    endless = truth(pc.match_substring_regex(text, NOT_FINITE))
    findings.add(endless, role, "non_finite_number")
    findings.add(~(gap | number | endless), role, "wrong_type", "not a number")
    plain = pc.if_else(pa.array(number), pc.replace_substring_regex(text, r"^\+", ""), pa.scalar(None, pa.string()))
    try:
        values = plain.cast(pa.float64()).to_numpy(zero_copy_only=False).astype(np.float64)
    except pa.ArrowInvalid:
        values = np.array([np.nan if v is None else float(v) for v in plain.to_pylist()])
    findings.add(np.isinf(values), role, "non_finite_number")
    return np.where(np.isinf(values), np.nan, values)


def _float_text(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """17850.0 is the id "17850"; NaN is no id."""
    column = column.cast(pa.float64())
    values = one_chunk(column)
    number = values.to_numpy(zero_copy_only=False)
    whole = np.isfinite(number) & (np.abs(number) < 2**53) & (np.floor(number) == number)
    if whole.all() or np.isnan(number[~whole]).all():
        integers = pa.array(np.where(whole, number, 0).astype(np.int64), mask=~whole)
        return pa.chunked_array([integers.cast(pa.string())])
    text = pc.if_else(pa.array(np.isfinite(number)), values.cast(pa.string()), pa.scalar(None, pa.string()))
    return pa.chunked_array([text])


def _utf8(column: pa.ChunkedArray, role: str, findings: Findings) -> pa.ChunkedArray:
    try:
        text = column.cast(pa.string())
        text.validate(full=True)
    except (pa.ArrowInvalid, UnicodeDecodeError):
        octets = column.cast(pa.binary()).to_pylist()
        bad = np.array([v is not None and not _is_utf8(v) for v in octets])
        findings.add(bad, role, "invalid_utf8", "set encoding to that of the source")
        return pa.chunked_array(
            [pa.array([None if b else v for v, b in zip(octets, bad, strict=True)], pa.binary())]
        ).cast(pa.string())
    return text


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def one_chunk(values: pa.Array | pa.ChunkedArray) -> pa.Array:
    """The column in one piece."""
    if isinstance(values, pa.ChunkedArray):
        return values.chunk(0) if values.num_chunks == 1 else values.combine_chunks()
    return values
