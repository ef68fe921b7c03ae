"""Instants from unix numbers, ISO 8601 and local times: what is not an instant is told, never guessed."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from dorec.domain.errors import InputError
from dorec.ingest.findings import Findings
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.scalars import one_chunk, to_numbers, to_text, truth
from dorec.numeric.arrays import BoolArray

PER_SECOND = {"s": 1.0, "ms": 1e3, "us": 1e6}
EARLIEST = 0.0
LATEST = datetime(2200, 1, 1, tzinfo=UTC).timestamp()
LIKELY = (datetime(1990, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp())
ISO = r"^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])([T ]([01]\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?)?"
ZONE = r"\s*(Z|z|UTC|[+-]\d{2}(:?\d{2})?)$"
SYSTEMATIC = 0.99  # of a batch: then the contract is wrong, not the rows
FEW = 20  # below so many rows of one fault, each is set aside by itself, unless the batch holds nothing else


def to_instants(column: pa.ChunkedArray, roles: ColumnRoles, findings: Findings) -> pa.Array:
    """The column as timestamp[us, UTC]; faults are entered under `timestamp`.

    Args:
        column: numbers, text or timestamps, (n,).
        roles: `time_unit` (s, ms, us or iso), `time_zone` of times that name none, `time_format` of strptime.
        findings: of the n rows.

    Raises:
        InputError: nearly all rows show that the unit or the missing zone is wrong; the message says what to set.
    """
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        return _typed(column, roles, findings)
    if roles.time_unit in PER_SECOND:
        return _unix(column, roles.time_unit, findings)
    return _text(column, roles, findings)


def _typed(column: pa.ChunkedArray, roles: ColumnRoles, findings: Findings) -> pa.Array:
    zone = column.type.tz if pa.types.is_timestamp(column.type) else None
    unit = pa.timestamp("us", zone)
    values = one_chunk(pc.cast(column, unit, safe=False) if pa.types.is_timestamp(column.type) else column.cast(unit))
    if zone is not None:
        return _in_range(values.cast(pa.timestamp("us", "UTC")), findings)
    return _in_range(_localised(values, roles, findings), findings)


def _unix(column: pa.ChunkedArray, unit: str, findings: Findings) -> pa.Array:
    numbers = to_numbers(column, "timestamp", findings)
    seconds = numbers / PER_SECOND[unit]
    given = np.isfinite(seconds)
    outside = given & ((seconds < EARLIEST) | (seconds >= LATEST))
    for other, scale in PER_SECOND.items():
        likely = outside & (numbers / scale >= LIKELY[0]) & (numbers / scale < LIKELY[1])
        _refuse_systematic(
            likely, given,
            f"time stamps are not in the unit {unit!r} but look like unit={other}: "
            f"set time_unit to {other!r} (hint unit={other})",
        )  # fmt: skip
        findings.add(likely, "timestamp", "timestamp_out_of_range", f"unit={other}")
    findings.add(outside, "timestamp", "timestamp_out_of_range")
    micros = np.zeros(len(seconds), dtype=np.int64)
    fine = given & ~outside
    whole = np.floor(numbers[fine])
    scale = int(1e6 / PER_SECOND[unit])
    micros[fine] = whole.astype(np.int64) * scale + np.round((numbers[fine] - whole) * scale).astype(np.int64)
    return pa.array(micros, pa.timestamp("us", "UTC"), mask=~fine)


def _text(column: pa.ChunkedArray, roles: ColumnRoles, findings: Findings) -> pa.Array:
    text = one_chunk(pc.utf8_trim_whitespace(to_text(column, "timestamp", findings)))
    text = pc.if_else(pc.equal(text, ""), pa.scalar(None, pa.string()), text)
    given = truth(pc.is_valid(text))
    if roles.time_format:
        parsed = pc.strptime(text, format=roles.time_format, unit="us", error_is_null=True)
        findings.add(given & truth(pc.is_null(parsed)), "timestamp", "wrong_type", f"not as in {roles.time_format}")
        return _in_range(_localised(parsed, roles, findings), findings)
    zoned = truth(pc.match_substring_regex(text, ISO + ZONE))
    naive = truth(pc.match_substring_regex(text, ISO + "$"))
    findings.add(given & ~zoned & ~naive, "timestamp", "wrong_type", "not a time in ISO 8601")
    known = pc.replace_substring_regex(text, r"\s*(z|UTC)$", "Z")
    known = pc.replace_substring_regex(known, r"\s+([+-]\d{2}:?\d{2})$", r"\1")
    known = pc.replace_substring_regex(known, r"(:\d{2})[.,](\d{1,6})\d*", r"\1.\2")
    instants = _cast(known, zoned, pa.timestamp("us", "UTC"), findings)
    if not naive.any():
        return _in_range(instants, findings)
    local = _localised(_cast(known, naive, pa.timestamp("us"), findings), roles, findings)
    return _in_range(pc.coalesce(instants, local), findings)


def _cast(text: pa.Array, rows: BoolArray, kind: pa.DataType, findings: Findings) -> pa.Array:
    """The rows of the mask as times, the others null; 30 February is a fault of its row alone."""
    chosen = pc.if_else(pa.array(rows), text, pa.scalar(None, pa.string()))
    try:
        return pc.cast(chosen, kind)
    except pa.ArrowInvalid:
        encoded = chosen.dictionary_encode()
        fine = pa.array([_castable(v, kind) for v in encoded.dictionary.to_pylist()], pa.bool_())
        good = truth(fine.take(encoded.indices))
        findings.add(rows & ~good, "timestamp", "wrong_type", "no such day")
        return pc.cast(pc.if_else(pa.array(good), chosen, pa.scalar(None, pa.string())), kind)


def _castable(value: str, kind: pa.DataType) -> bool:
    try:
        pa.scalar(value).cast(kind)
    except pa.ArrowInvalid:
        return False
    return True


def _localised(local: pa.Array, roles: ColumnRoles, findings: Findings) -> pa.Array:
    """Wall-clock times as instants; those that happened twice or never are faults."""
    given = truth(pc.is_valid(local))
    if roles.time_zone is None:
        _refuse_systematic(
            given, given | ~findings.bad,
            "time stamps name no zone and none is declared: set time_zone, as in time_zone='Europe/Berlin' or 'UTC'",
        )  # fmt: skip
        findings.add(given, "timestamp", "missing_time_zone", "declare time_zone")
        return pa.nulls(len(local), pa.timestamp("us", "UTC"))
    _check_zone(roles.time_zone)
    assume: Callable[..., pa.Array] = pc.assume_timezone
    early = assume(local, roles.time_zone, ambiguous="earliest", nonexistent="earliest")
    late = assume(local, roles.time_zone, ambiguous="latest", nonexistent="latest")
    gap = truth(pc.greater(pc.subtract(late.cast(pa.int64()), early.cast(pa.int64())), 1)) & given
    never = given & truth(pc.equal(pc.subtract(late.cast(pa.int64()), early.cast(pa.int64())), 1))
    findings.add(gap, "timestamp", "ambiguous_local_time", "the clock showed it twice: give an offset")
    findings.add(never, "timestamp", "ambiguous_local_time", "the clock never showed it: give an offset")
    return early.cast(pa.timestamp("us", "UTC"))


def _in_range(instants: pa.Array, findings: Findings) -> pa.Array:
    seconds = instants.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False) / 1e6
    outside = (seconds < EARLIEST) | (seconds >= LATEST)
    findings.add(outside, "timestamp", "timestamp_out_of_range", "before 1970 or after 2200")
    return instants


def _refuse_systematic(fault: BoolArray, given: BoolArray, message: str) -> None:
    count, of = int(fault.sum()), int(given.sum())
    if of and count > SYSTEMATIC * of and (of >= FEW or count == of):
        raise InputError(f"{count:,} of {of:,} {message}. Nothing of this batch was stored.")


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):
        raise InputError(f"{name!r} is no time zone. Give a name like 'Europe/Berlin' or 'UTC'.") from None
