"""Small side tables of a study (items, users, treatments, units): read whole, joined where several files make one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet

from dorec.domain.errors import InputError, UnreadableSource
from dorec.loop.event_source import is_url
from dorec.loop.study_file import listed
from dorec.numeric.arrays import AnyArray


def resolve(folder: Path, source: str) -> str:
    """A path of dorec.toml, relative to the study's folder; URLs stay as they are."""
    if is_url(source):
        return source
    return str((folder / source).resolve())


def read_tables(folder: Path, sources: str | Sequence[str]) -> pa.Table:
    """One table from one or more files; several are joined on the one column name that they share."""
    names = listed(sources)
    tables = [read_table(Path(resolve(folder, name))) for name in names]
    joined = tables[0]
    for name, other in zip(names[1:], tables[1:], strict=True):
        shared = [c for c in joined.column_names if c in other.column_names]
        if len(shared) != 1:
            raise InputError(
                f"{name} shares {len(shared)} columns with {names[0]} ({', '.join(shared) or 'none'}); "
                "tables are joined on exactly one, so rename or drop the others."
            )
        joined = joined.join(other, keys=shared[0], join_type="left outer")
    return joined


def read_table(path: Path) -> pa.Table:
    """A CSV (any delimiter, gzip or not), TSV, JSON lines or Parquet file as Arrow, dictionaries decoded."""
    if not path.is_file():
        raise UnreadableSource(f"{path} does not exist. Check the path; a relative one starts at the study's folder.")
    suffixes = [s.lower() for s in path.suffixes]
    try:
        if ".parquet" in suffixes:
            table = pyarrow.parquet.read_table(path)
        elif ".jsonl" in suffixes or ".json" in suffixes or ".ndjson" in suffixes:
            with pa.input_stream(str(path), compression="detect") as stream:
                table = pyarrow.json.read_json(stream)
        else:
            table = _read_csv(path)
        names = table.column_names
    except (pa.ArrowInvalid, UnicodeDecodeError, OSError) as error:
        raise UnreadableSource(f"{path} can't be read: {str(error).splitlines()[0]}") from None
    twice = sorted({n for n in names if names.count(n) > 1})
    if twice:
        raise UnreadableSource(
            f"{path} has more than one column called {', '.join(twice)}. Rename or drop all but one."
        )
    if not table.num_rows:
        raise UnreadableSource(f"{path} has a header but no rows. Give a file with rows.")
    return plain(table)


def plain(table: pa.Table) -> pa.Table:
    """The table with dictionary and large-string columns as plain strings, and unnamed columns dropped."""
    columns: dict[str, Any] = {}
    for name in table.column_names:
        values = table.column(name)
        kind = values.type
        if pa.types.is_dictionary(kind):
            values = values.cast(kind.value_type)
        if pa.types.is_large_string(values.type) or pa.types.is_null(values.type):
            values = values.cast(pa.string())
        if name.strip():
            columns[name] = values
    return pa.table(columns)


def overlap(table: pa.Table, ids: AnyArray) -> dict[str, float]:
    """For each column, the share of `ids` (strings) that it holds: how a key is found by content."""
    wanted = pa.array(np.unique(ids.astype(str)))
    if not len(wanted):
        return dict.fromkeys(table.column_names, 0.0)
    shares = {}
    for name in table.column_names:
        values = pc.unique(table.column(name).cast(pa.string()))
        shares[name] = pc.sum(pc.is_in(wanted, value_set=values)).as_py() / len(wanted)
    return shares


def _read_csv(path: Path) -> pa.Table:
    with pa.input_stream(str(path), compression="detect") as stream:
        head = stream.read(65_536).decode("utf-8", errors="replace").splitlines()[:20]
    if not head:
        raise UnreadableSource(f"{path} is empty. Give a file with a header and rows.")
    delimiter = max(",\t;|", key=lambda d: min(line.count(d) for line in head[: max(1, len(head) - 1)]))
    with pa.input_stream(str(path), compression="detect") as stream:
        return pyarrow.csv.read_csv(
            stream,
            parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(strings_can_be_null=True),
        )
