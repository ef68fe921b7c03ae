import gzip

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dorec.domain.errors import InputError, UnreadableSource
from dorec.loop.tables import overlap, read_table, read_tables


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(tmp_path, delimiter):
    path = tmp_path / "t.csv"
    path.write_text(delimiter.join("abc") + "\n" + delimiter.join("123") + "\n")
    assert read_table(path).to_pylist() == [{"a": 1, "b": 2, "c": 3}]


def test_gzip_and_json_lines_and_parquet(tmp_path):
    (tmp_path / "t.csv.gz").write_bytes(gzip.compress(b"a,b\n1,x\n"))
    (tmp_path / "t.jsonl").write_text('{"a": 1, "b": "x"}\n')
    pq.write_table(pa.table({"a": [1], "b": pa.array(["x"]).dictionary_encode()}), tmp_path / "t.parquet")
    for name in ("t.csv.gz", "t.jsonl", "t.parquet"):
        assert read_table(tmp_path / name).to_pylist() == [{"a": 1, "b": "x"}]


def test_several_tables_are_joined_on_the_column_they_share(tmp_path):
    (tmp_path / "a.csv").write_text("id,user\n1,u\n2,v\n")
    (tmp_path / "b.csv").write_text("id,kind\n1,A\n")
    joined = read_tables(tmp_path, ["a.csv", "b.csv"]).sort_by("id")
    assert joined.column("kind").to_pylist() == ["A", None]
    (tmp_path / "c.csv").write_text("other\n1\n")
    with pytest.raises(InputError, match="shares 0 columns"):
        read_tables(tmp_path, ["a.csv", "c.csv"])


def test_what_cannot_be_read_says_which_file(tmp_path):
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "bad.parquet").write_bytes(b"not parquet")
    for name in ("absent.csv", "empty.csv", "bad.parquet"):
        with pytest.raises(UnreadableSource, match=name):
            read_table(tmp_path / name)


def test_overlap_compares_ids_as_text():
    table = pa.table({"k": [1, 2, 3], "other": ["a", "b", "c"]})
    assert overlap(table, np.array(["1", "2", "9", "9"])) == {"k": 2 / 3, "other": 0.0}
