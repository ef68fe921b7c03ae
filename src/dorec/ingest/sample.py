"""The first rows of a source as raw columns, and how its bytes are laid out."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from dorec.domain.errors import UnreadableSource
from dorec.ingest.delimited import fields_of, unique_names
from dorec.ingest.json_lines import Fault, parse_line
from dorec.ingest.parquet import read_parquet
from dorec.ingest.records import split_records
from dorec.ingest.roles import Format
from dorec.ingest.sources import format_of
from dorec.ingest.streams import BOM, read_head

HEAD_BYTES = 2 << 20
DELIMITERS = ",\t;| "
MANY_LINES = 10  # that are no UTF-8, before the whole file is taken for another encoding


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Raw rows of one file."""

    path: Path | None
    format: Format
    rows: list[list[str]] | None  # of delimited text, the first row included
    table: pa.Table | None  # of the other formats
    delimiter: str = ","
    encoding: str = "utf-8"
    why: dict[str, str]


def sample_of(path: Path, rows: int) -> Sample:
    """The first rows of a file.

    Raises:
        UnreadableSource: it is empty or of a kind that is not read.
    """
    kind = format_of(path)
    if kind == "parquet":
        table = next(read_parquet(path, rows), None)
        if table is None:
            raise UnreadableSource(f"{path} holds no rows.")
        return Sample(path=path, format=kind, rows=None, table=table, why={"format": "the file begins with PAR1"})
    head = read_head(path, HEAD_BYTES)
    whole = len(head) < HEAD_BYTES
    head = head.removeprefix(BOM)
    if kind == "jsonl":
        return Sample(path=path, format=kind, rows=None, table=_json_table(path, head, rows, whole),
                      why={"format": "lines begin with {"})  # fmt: skip
    encoding, told = _encoding(head, whole)
    delimiter, why = _delimiter(head)
    found = split_records(head, delimiter, last=whole, row_bytes=HEAD_BYTES).take(slice(rows + 1))
    pieces = zip(found.starts.tolist(), found.ends.tolist(), strict=True)
    fields = [fields_of(head[a:b], delimiter, encoding) for a, b in pieces]
    reasons = {"format": "lines of delimited text", "delimiter": why, "encoding": told}
    return Sample(path=path, format=kind, rows=fields, table=None, delimiter=delimiter, encoding=encoding, why=reasons)


def to_table(rows: list[list[str]], header: bool) -> pa.Table:
    """Rows of text as columns; rows of another width are left out."""
    width = Counter(len(r) for r in rows[:200]).most_common(1)[0][0] if not header else len(rows[0])
    names = unique_names(rows[0]) if header else [f"column_{i + 1}" for i in range(width)]
    body = [r for r in rows[1 if header else 0 :] if len(r) == width]
    columns = list(zip(*body, strict=True)) if body else [()] * width
    return pa.table([pa.array(c, pa.string()) for c in columns], names=names)


def _json_table(path: Path, head: bytes, rows: int, whole: bool) -> pa.Table:
    lines = head.split(b"\n")
    parsed = []
    for line in (lines if whole else lines[:-1])[:rows]:
        try:
            parsed.append(parse_line(line.strip()) if line.strip() else None)
        except Fault:
            continue
    found = [p for p in parsed if p is not None]
    if not found:
        raise UnreadableSource(f"{path} begins with {{ but none of its first lines is a JSON object; give one a line.")
    names = list(dict.fromkeys(name for row in found for name in row))
    return pa.table({name: _column([row.get(name) for row in found]) for name in names})


def _column(values: list[object]) -> pa.Array:
    kinds = {type(v) for v in values if v is not None}
    if kinds <= {int, float} or kinds == {bool}:
        try:
            return pa.array(values)
        except (pa.ArrowInvalid, OverflowError):
            pass
    return pa.array([None if v is None else v if isinstance(v, str) else json.dumps(v) for v in values], pa.string())


def _encoding(head: bytes, whole: bool) -> tuple[str, str]:
    lines = head.split(b"\n")[: None if whole else -1] or [head]
    bad = sum(not _is_utf8(line) for line in lines)
    if not bad:
        return "utf-8", "every line of the sample is UTF-8"
    if bad < MANY_LINES or bad < sum(not line.isascii() for line in lines):
        return (
            "utf-8",
            f"{bad:,} of {len(lines):,} lines are no UTF-8 and will be set aside; set encoding if they all are",
        )
    for name in ("gb18030", "cp1252"):
        try:
            head[: head.rfind(b"\n") + 1 or None].decode(name)
        except UnicodeDecodeError:
            continue
        return name, f"{bad:,} of {len(lines):,} lines are no UTF-8 but all are {name}; check a few names"
    return "latin-1", "the bytes are no UTF-8; any byte is a character of Latin-1, so check a few names"


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _delimiter(head: bytes) -> tuple[str, str]:
    best, score = ",", (0.0, 0)
    for mark in DELIMITERS:
        counts = split_records(head[:65_536], mark, last=len(head) < 65_536, row_bytes=HEAD_BYTES).columns[:100]
        if not len(counts) or counts.max() < 2:
            continue
        width, times = Counter(counts.tolist()).most_common(1)[0]
        if width > 1:
            found = (round(times / len(counts), 2) * (0.5 if mark == " " else 1.0), int(width))
            best, score = max(((best, score), (mark, found)), key=lambda pair: pair[1])
    shown = {"\t": "tab", " ": "space"}.get(best, best)
    return best, f"{score[1]} fields a line when cut at {shown}" if score[1] else "one field a line"
