"""JSON lines, strictly: what two parsers would read differently is set aside."""

import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pyarrow as pa

from dorec.ingest.batch import Limits, RawRows, Rejected
from dorec.ingest.roles import ColumnRoles
from dorec.ingest.streams import LongLine, blocks
from dorec.numeric.arrays import IntArray

TEXT = {"user_id", "item_id", "event", "session_id", "policy_id", "event_id"}
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class Fault(ValueError):
    """Why a line is set aside."""

    def __init__(self, reason: str, field_name: str | None = None, hint: str = "") -> None:
        super().__init__(reason)
        self.reason, self.field_name, self.hint = reason, field_name, hint


def parse_line(line: bytes, depth: int = 64) -> dict[str, Any]:
    """One JSON object, or the fault that a lenient parser would hide.

    Raises:
        Fault: with the reason: invalid_utf8, too_deep, bad_json, duplicate_key, non_finite_number, invalid_unicode.

    Example:
        >>> parse_line(b'{"user": "ann", "n": 2}')
        {'user': 'ann', 'n': 2}
        >>> parse_line(b'{"user": "ann", "user": "bob"}')
        Traceback (most recent call last):
        dorec.ingest.json_lines.Fault: duplicate_key
    """
    if line.count(b"[") + line.count(b"{") > depth and _depth(line) > depth:
        raise Fault("too_deep", hint=f"nested deeper than {depth}")
    try:
        text = line.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Fault("invalid_utf8", hint=f"byte {error.start} of the line") from None
    try:
        value = json.loads(text, object_pairs_hook=_unique, parse_constant=_not_finite)
    except json.JSONDecodeError as error:
        reason = "control_character" if error.msg.startswith("Invalid control character") else "bad_json"
        raise Fault(reason, hint=f"{error.msg} at character {error.pos + 1}") from None
    except Fault as fault:
        raise fault if fault.field_name else _name_constant(text, fault) from None
    except (ValueError, RecursionError) as error:
        raise Fault("bad_json", hint=str(error).split(";")[0]) from None
    if not isinstance(value, dict):
        raise Fault("bad_json", hint="not an object")
    if b"\\u" in line:
        _check_unicode(value)
    return value


def read_json_lines(path: Path, roles: ColumnRoles, limits: Limits, batch_rows: int) -> Iterator[RawRows]:
    """Rows of a JSON-lines file in batches, with lines and offsets."""
    rows = JsonRows(roles, limits, str(path))
    for piece in blocks(path, limits):
        if isinstance(piece, LongLine):
            rows.rejected.add(
                piece.line, piece.offset, "row_too_large", piece.head, hint=piece.told(limits.row_bytes),
            )  # fmt: skip
            continue
        at = piece.offset
        for number, line in enumerate(piece.data.split(b"\n"), start=piece.line):
            rows.add(line.rstrip(b"\r"), number, at)
            at += len(line) + 1
            if len(rows) >= batch_rows:
                yield rows.take()
    if len(rows):
        yield rows.take()


@dataclass
class JsonRows:
    """Accepted rows as columns, until a batch is full."""

    roles: ColumnRoles
    limits: Limits
    source: str
    columns: dict[str, list[Any]] = field(default_factory=dict)
    lines: list[int] = field(default_factory=list)
    offsets: list[int] = field(default_factory=list)
    octets: list[bytes] = field(default_factory=list)
    context: list[str | None] = field(default_factory=list)
    fields: dict[str, None] = field(default_factory=dict)
    rejected: Rejected = field(default_factory=Rejected)

    def __post_init__(self) -> None:
        self.readers = {column: (role, self._reader(role)) for role, column in self.roles.columns.items()}
        self.columns = {column: [] for column in self.readers}

    def __len__(self) -> int:
        return len(self.lines) + len(self.rejected)

    def add(self, line: bytes, number: int, offset: int | None) -> None:
        """Take a line in, or set it aside; a blank one is no row."""
        if not line.strip():
            return
        try:
            row = parse_line(line, self.limits.depth)
            values = {c: read(row.get(c), c) for c, (_, read) in self.readers.items()}
            rest = {k: v for k, v in row.items() if k not in self.roles.used and v is not None}
            context = _dump(rest) if rest else None
        except Fault as fault:
            self.rejected.add(number, offset, fault.reason, line, field_name=fault.field_name, hint=fault.hint)
            return
        for column, value in values.items():
            self.columns[column].append(value)
        self.lines.append(number)
        self.offsets.append(-1 if offset is None else offset)
        self.octets.append(line)
        self.context.append(context)
        self.fields.update(dict.fromkeys(row))

    def take(self) -> RawRows:
        """The rows so far; the next ones start afresh."""
        octets = self.octets

        def raw(rows: IntArray) -> list[bytes]:
            return [octets[row] for row in rows.tolist()]

        kinds = {
            c: pa.string() if role in TEXT or self._iso(role) else pa.float64() for c, (role, _) in self.readers.items()
        }
        taken = RawRows(
            table=pa.table({c: pa.array(v, kinds[c]) for c, v in self.columns.items()}),
            lines=np.array(self.lines, dtype=np.int64), offsets=np.array(self.offsets, dtype=np.int64),
            raw=raw, source=self.source, index=0, rejected=self.rejected,
            context=pa.array(self.context, pa.string()), fields=list(self.fields),
        )  # fmt: skip
        self.columns = {column: [] for column in self.readers}
        self.lines, self.offsets, self.octets, self.context = [], [], [], []
        self.rejected = Rejected()
        return taken

    def _iso(self, role: str) -> bool:
        return role == "timestamp" and self.roles.time_unit not in {"s", "ms", "us", None}

    def _reader(self, role: str) -> Callable[[Any, str], Any]:
        if role in TEXT:
            return _as_text
        return _as_time_text if self._iso(role) else _as_number


def _as_text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool) or not isinstance(value, int):
        raise Fault("wrong_type", name, f"{type(value).__name__}, not text or a whole number")
    return str(value)


def _as_time_text(value: Any, name: str) -> str | None:
    if value is None or isinstance(value, str):
        return value
    raise Fault("wrong_type", name, f"{type(value).__name__}, not a time in ISO 8601")


def _as_number(value: Any, name: str) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Fault("wrong_type", name, f"{'text' if isinstance(value, str) else type(value).__name__}, not a number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise Fault("non_finite_number", name)
    return number


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        seen: set[str] = set()
        repeated = next(k for k, _ in pairs if k in seen or seen.add(k))  # type: ignore[func-returns-value]
        raise Fault("duplicate_key", repeated)
    return made


def _not_finite(constant: str) -> NoReturn:
    raise Fault("non_finite_number", hint=constant)


def _name_constant(text: str, fault: Fault) -> Fault:
    """The fault with the key whose value is NaN or Infinity, found by reading once more."""
    found = json.loads(text, parse_constant=lambda _: math.nan)
    key = (
        next((k for k, v in found.items() if isinstance(v, float) and math.isnan(v)), None)
        if isinstance(found, dict)
        else None
    )
    return Fault(fault.reason, key, fault.hint)


def _check_unicode(row: dict[str, Any]) -> None:
    for name, value in row.items():
        try:
            json.dumps([name, value], ensure_ascii=False).encode("utf-8")
        except UnicodeEncodeError:
            raise Fault(
                "invalid_unicode", name if name.isprintable() else None, "a surrogate without its pair"
            ) from None
        if "\x00" in name or (isinstance(value, str) and "\x00" in value):
            raise Fault("control_character", name.replace("\x00", ""), "NUL")


def _dump(rest: dict[str, Any]) -> str:
    try:
        return json.dumps(rest, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except ValueError:
        bad = next((k for k, v in rest.items() if isinstance(v, float) and not math.isfinite(v)), None)
        raise Fault("non_finite_number", bad) from None


def _depth(line: bytes) -> int:
    octets = np.frombuffer(STRING.sub(b"", line), dtype=np.uint8)
    opens = ((octets == ord("[")) | (octets == ord("{"))).astype(np.int64)
    closes = ((octets == ord("]")) | (octets == ord("}"))).astype(np.int64)
    return int(np.cumsum(opens - closes).max(initial=0))
