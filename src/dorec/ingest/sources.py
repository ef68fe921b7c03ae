"""Which files a source names, and what kind each is, by its first bytes."""

from pathlib import Path

from dorec.domain.errors import UnreadableSource
from dorec.ingest.roles import Format
from dorec.ingest.streams import BOM, read_head

DATA_SUFFIXES = {".csv", ".tsv", ".txt", ".dat", ".data", ".jsonl", ".ndjson", ".json", ".parquet", ".pq", ".log"}
FOREIGN = {b"PK\x03\x04": "a zip archive or spreadsheet", b"\xd0\xcf\x11\xe0": "an old spreadsheet",
           b"SQLite format": "a SQLite database (give sqlite:///PATH)", b"BZh": "a bzip2 file",
           b"\xfd7zXZ": "an xz file", b"\x28\xb5\x2f\xfd": "a zstd file", b"\x80\x04": "a pickle",
           b"\x80\x05": "a pickle", b"\xff\xfe": "UTF-16 text", b"\xfe\xff": "UTF-16 text"}  # fmt: skip


def files_of(source: str | Path) -> list[Path]:
    r"""The files that a path, folder or glob names, in order.

    Raises:
        UnreadableSource: there are none.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     _ = (Path(folder) / "a.csv").write_text("user\n1\n")
        ...     [p.name for p in files_of(folder)]
        ['a.csv']
    """
    text, path = str(source), Path(source)
    if "://" in text:
        raise UnreadableSource(f"{text.split('://')[0]}:// is a database: read it with dorec.store.read_sql.")
    if path.is_dir():
        found = sorted(p for p in path.rglob("*") if p.is_file() and _is_data(p))
    elif path.exists():
        found = [path]
    elif any(c in text for c in "*?["):
        anchor = Path(path.anchor) if path.is_absolute() else Path()
        found = sorted(p for p in anchor.glob(str(path.relative_to(path.anchor))) if p.is_file())
    else:
        raise UnreadableSource(f"{path} does not exist. Check the path.")
    if not found:
        raise UnreadableSource(
            f"{text} names no data file. Give a file, or a folder with {', '.join(sorted(DATA_SUFFIXES))}."
        )
    return found


def format_of(path: Path) -> Format:
    """What a file is: by its first bytes, not by its name.

    Raises:
        UnreadableSource: it is empty, or of a kind that is not read.
    """
    head = read_head(path, 4096)
    if not head:
        raise UnreadableSource(f"{path} is empty. Give a file with rows.")
    if head.startswith(b"PAR1"):
        return "parquet"
    for magic, what in FOREIGN.items():
        if head.startswith(magic):
            raise UnreadableSource(f"{path} is {what}. Give CSV, TSV, JSON lines or Parquet, in UTF-8.")
    named = _named(path)
    if named:
        return named
    return "jsonl" if head.removeprefix(BOM).lstrip().startswith(b"{") else "delimited"


def text_format(path: Path, expected: Format) -> Format:
    """What a file is, where its first line may be broken: text is read as the roles expect, unless its name differs."""
    found = format_of(path)
    if found == "parquet" or expected not in {"jsonl", "delimited"}:
        return found
    return _named(path) or expected


def _named(path: Path) -> Format | None:
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    if suffixes and suffixes[-1] in {".jsonl", ".ndjson"}:
        return "jsonl"
    return "delimited" if suffixes and suffixes[-1] in {".csv", ".tsv"} else None


def _is_data(path: Path) -> bool:
    hidden = any(part.startswith((".", "_")) for part in path.parts[-1:])
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    return not hidden and bool(suffixes) and suffixes[-1] in DATA_SUFFIXES and "readme" not in path.name.lower()
