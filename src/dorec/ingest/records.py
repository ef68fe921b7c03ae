"""Where records of delimited text begin and end: quotes may hold line ends, broken quotes harm one line only."""

from dataclasses import dataclass, replace

import numpy as np

from dorec.numeric.arrays import AnyArray, BoolArray, IntArray

NEWLINE, RETURN, QUOTE = 10, 13, 34
PER_RECORD = ("starts", "ends", "stops", "lines", "columns", "broken", "returns")


@dataclass(frozen=True, eq=False)
class Records:
    """Records of a piece of text that starts at a record's start."""

    starts: IntArray  # (n,) positions of the first byte
    ends: IntArray  # (n,) positions after the last byte, without the line end
    stops: IntArray  # (n,) positions after the line end
    lines: IntArray  # (n,) line ends before the record
    columns: IntArray  # (n,) fields, 0 where the quotes are broken
    broken: BoolArray  # (n,) quotes don't match
    returns: BoolArray  # (n,) a carriage return stands alone outside quotes
    consumed: int  # bytes up to the end of the last whole record

    def take(self, rows: "AnyArray | slice") -> "Records":
        """Some of the records."""
        return replace(self, **{n: getattr(self, n)[rows] for n in PER_RECORD})


def split_records(data: bytes, delimiter: str, *, last: bool, row_bytes: int) -> Records:
    r"""The whole records of `data`, blank lines left out.

    Args:
        data: begins where a record begins.
        delimiter: one ASCII character.
        last: nothing follows `data`, so what remains is a record too.
        row_bytes: a quote that stays open for longer is broken.

    Example:
        >>> found = split_records(b'a,b\n"x\ny",2\n', ",", last=True, row_bytes=100)
        >>> found.lines.tolist(), found.columns.tolist()
        ([0, 1], [2, 2])
    """
    octets = np.frombuffer(data, dtype=np.uint8)
    newlines = np.flatnonzero(octets == NEWLINE)
    quotes = np.flatnonzero(octets == QUOTE)
    mark = ord(delimiter)
    if len(quotes) and not _well_formed(octets, quotes, mark):
        return _scan(data, delimiter.encode(), newlines, last, row_bytes)
    ends = newlines if not len(quotes) else newlines[np.searchsorted(quotes, newlines) % 2 == 0]
    stops = ends + 1
    if last and len(data) > (stops[-1] if len(stops) else 0):
        ends, stops = np.append(ends, len(data)), np.append(stops, len(data))
    if len(quotes) % 2 and (last or (len(data) - (stops[-1] if len(stops) else 0)) > row_bytes):
        return _scan(data, delimiter.encode(), newlines, last, row_bytes)
    starts = np.concatenate([[0], stops[:-1]]).astype(np.int64) if len(stops) else np.empty(0, dtype=np.int64)
    marks = np.flatnonzero(octets == mark)
    alone = _lone_returns(octets)
    if len(quotes):
        marks = marks[np.searchsorted(quotes, marks) % 2 == 0]
        alone = alone[np.searchsorted(quotes, alone) % 2 == 0]
    columns = np.searchsorted(marks, stops) - np.searchsorted(marks, starts) + 1
    lines = np.searchsorted(newlines, starts)
    none = np.zeros(len(starts), dtype=bool)
    consumed = int(stops[-1]) if len(stops) else 0
    return _tidy(Records(starts, ends, stops, lines, columns, none, none, consumed), octets, alone)


def _well_formed(octets: AnyArray, quotes: IntArray, mark: int) -> bool:
    """Whether every quote opens a field, closes one, or is doubled within one."""
    opening, closing = quotes[0::2], quotes[1::2]
    before = np.where(opening > 0, octets[opening - 1], NEWLINE)
    opens = (before == mark) | (before == NEWLINE) | (before == QUOTE)
    after = octets[np.minimum(closing + 1, len(octets) - 1)]
    closes = (after == mark) | (after == NEWLINE) | (after == RETURN) | (after == QUOTE) | (closing + 1 == len(octets))
    doubled = before == QUOTE
    if len(opening) > 1:
        doubled[1:] &= opening[1:] - 1 == closing[: len(opening) - 1]
    return bool(opens.all() and closes.all() and not (doubled[:1].any()))


def _lone_returns(octets: AnyArray) -> IntArray:
    found = np.flatnonzero(octets == RETURN)
    return found[octets[np.minimum(found + 1, len(octets) - 1)] != NEWLINE]


def _tidy(records: Records, octets: AnyArray, alone: IntArray) -> Records:
    """Without blank lines, and without the carriage return of CRLF."""
    ends, starts = records.ends, records.starts
    crlf = (ends > starts) & (octets[np.maximum(ends - 1, 0)] == RETURN) if len(ends) else np.zeros(0, dtype=bool)
    ends = ends - crlf
    returns = (np.searchsorted(alone, ends) - np.searchsorted(alone, starts)) > 0
    tidy = Records(
        starts, ends, records.stops, records.lines, records.columns, records.broken, returns, records.consumed
    )
    return tidy.take(ends > starts)


def _scan(data: bytes, mark: bytes, newlines: IntArray, last: bool, row_bytes: int) -> Records:
    """Record by record: a line whose quotes don't match is a broken record of its own."""
    starts, ends, stops, columns, broken = [], [], [], [], []
    at = 0
    while at < len(data):
        end, fields = _record_end(data, at, mark)
        first = data.find(b"\n", at)
        whole_line = len(data) if first < 0 else first
        if end is None and not last and len(data) - at <= row_bytes:
            break
        if end is None or end - at > row_bytes or fields == 0:
            end, fields = whole_line, 0
        if end == len(data) and not last and not data.endswith(b"\n", 0, end):
            break
        starts.append(at)
        ends.append(end)
        at = min(end + 1, len(data))
        stops.append(at)
        columns.append(fields)
        broken.append(fields == 0)
    arrays = [np.array(v, dtype=np.int64) for v in (starts, ends, stops)]
    lines = np.searchsorted(newlines, arrays[0])
    octets = np.frombuffer(data, dtype=np.uint8)
    found = Records(
        arrays[0], arrays[1], arrays[2], lines, np.array(columns, dtype=np.int64), np.array(broken, dtype=bool),
        np.zeros(len(starts), dtype=bool), at,
    )  # fmt: skip
    return _tidy(found, octets, np.empty(0, dtype=np.int64))


def _record_end(data: bytes, at: int, mark: bytes) -> tuple[int | None, int]:
    """Position of the line end that closes the record and its number of fields; None where a quote stays open, 0 fields
    where a closing quote is followed by text.
    """
    fields = 1
    newline = -2
    while True:
        if data[at : at + 1] == b'"':
            closing = _closing_quote(data, at + 1)
            if closing < 0:
                return None, 0
            at = closing + 1
            following = data[at : at + 1]
            if following == b"\r":
                following = data[at + 1 : at + 2]
                at += 1
            if following in (b"\n", b""):
                return min(at, len(data)), fields
            if following != mark:
                return at, 0
            at += 1
            fields += 1
            continue
        if newline < at:
            newline = data.find(b"\n", at)
            newline = len(data) if newline < 0 else newline
        following_mark = data.find(mark, at, newline)
        if following_mark < 0:
            return newline, fields
        at = following_mark + 1
        fields += 1


def _closing_quote(data: bytes, at: int) -> int:
    while True:
        closing = data.find(b'"', at)
        if closing < 0 or data[closing + 1 : closing + 2] != b'"':
            return closing
        at = closing + 2
