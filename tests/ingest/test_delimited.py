"""Delimited files: every row is an event or set aside, with its own line, wherever blocks are cut."""

import csv
import gzip
import io
import random

import pyarrow as pa
import pytest

from dorec.domain.errors import InputError, UnreadableSource
from dorec.ingest import Limits, infer_roles, read_events
from dorec.ingest.delimited import read_delimited


def read(path, **options):
    roles = options.pop("roles", None) or infer_roles(path)
    batches = list(read_events(path, roles, **options))
    for batch in batches:
        assert batch.received == batch.events.num_rows + batch.quarantined.num_rows
    return batches


def column(batches, name):
    return [v for b in batches for v in b.events.column(name).to_pylist()]


def bad(batches, *names):
    return [tuple(r[n] for n in names) for b in batches for r in b.quarantined.to_pylist()]


@pytest.mark.parametrize("block_bytes", [64, 200, 1 << 20])
@pytest.mark.parametrize("packed", [False, True])
def test_lines_and_counts_hold_wherever_blocks_are_cut(tmp_path, block_bytes, packed):
    chance = random.Random(0)
    lines, expected, users = ["user_id,item_id,value"], [], []
    for i in range(400):
        kind = chance.choice(["plain"] * 6 + ["short", "quoted", "newline", "number", "quote", "blank", "missing"])
        number = 1 + sum(line.count("\n") + 1 for line in lines)
        rows = {"plain": f"u{i},i,{i}", "short": f"u{i},i", "quoted": f'"u{i}","a, ""b""",1',
                "newline": f'u{i},"a\nb",2',
                "number": f"u{i},i,x", "quote": f'u{i},"i"x,1', "blank": "", "missing": ",i,1"}  # fmt: skip
        reason = {
            "short": "column_count",
            "number": "wrong_type",
            "quote": "malformed_quote",
            "missing": "missing_field",
        }
        lines.append(rows[kind])
        if kind in reason:
            expected.append((number, reason[kind], rows[kind].encode()))
        elif kind != "blank":
            users.append(f"u{i}")
    text = ("\n".join(lines) + "\n").encode()
    path = tmp_path / "events.csv"
    path.write_bytes(gzip.compress(text) if packed else text)
    batches = read(path, roles=infer_roles(path).with_columns(value="value"), limits=Limits(block_bytes=block_bytes))
    assert bad(batches, "line", "reason", "raw") == expected
    assert column(batches, "user_id") == users
    for line, offset in bad(batches, "line", "byte_offset"):
        assert text[:offset].count(b"\n") == line - 1


def test_batches_are_no_larger_than_asked(tmp_path):
    path = tmp_path / "events.csv"
    path.write_text("user_id,item_id\n" + "".join(f"u{i},i\n" for i in range(1050)))
    assert [b.received for b in read(path, batch_rows=500)] == [500, 500, 50]
    assert [b.index for b in read(path, batch_rows=500)] == [0, 1, 2]


def test_a_csv_writer_and_our_reader_agree(tmp_path):
    chance = random.Random(1)
    rows = [[f"u{i}", "".join(chance.choice('ab,"\n é') for _ in range(6)) + "x"] for i in range(500)]
    buffer = io.StringIO(newline="")
    csv.writer(buffer).writerows([["user_id", "item_id"], *rows])
    path = tmp_path / "events.csv"
    path.write_text(buffer.getvalue(), newline="")
    batches = read(path)
    assert column(batches, "item_id") == [item for _, item in rows]
    assert bad(batches, "line") == []


def test_quotes_within_a_plain_field_are_text(tmp_path):
    path = tmp_path / "tv.csv"
    path.write_text('user_id,item_id\nu1,42" screen\nu2,5\n')
    assert column(read(path), "item_id") == ['42" screen', "5"]


def test_a_semicolon_file_with_decimal_points_and_other_columns(tmp_path):
    path = tmp_path / "shop.csv"
    path.write_text("customer;sku;amount;colour;size\na;1;2.5;red;10\nb;2;3.5;;11\n")
    (batch,) = read(path)
    assert column([batch], "context") == ['{"colour":"red","size":10}', '{"size":11}']
    assert column([batch], "value") == [2.5, 3.5]
    (bare,) = read(path, roles=infer_roles(path).with_options(keep_context=False))
    assert column([bare], "context") == [None, None]
    assert column([bare], "event_id") == column([batch], "event_id")


def test_a_file_in_another_encoding_is_read_when_most_lines_are(tmp_path):
    path = tmp_path / "gbk.csv"
    path.write_bytes(b"user_id,item_id\n" + "".join(f"用户{i},物品\n" for i in range(30)).encode("gbk"))
    roles = infer_roles(path)
    assert roles.encoding == "gb18030"
    assert "gb18030" in roles.evidence["encoding"]
    assert column(read(path), "user_id")[:2] == ["用户0", "用户1"]


def test_other_columns_may_be_broken_too(tmp_path):
    path = tmp_path / "notes.csv"
    path.write_bytes(b"user_id,item_id,note\nu1,i,fine\nu2,i,\xff\xfe\nu3,i,a\x00b\n")
    assert bad(read(path), "line", "field", "reason") == [
        (3, "note", "invalid_utf8"), (4, "note", "control_character")]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "is empty"),
        ("book.xlsx", b"PK\x03\x04rest", "spreadsheet"),
        ("utf16.csv", "user\n".encode("utf-16"), "UTF-16"),
        ("cut.parquet", b"PAR1" + b"\x00" * 40, "Parquet"),
        ("m.pkl", b"\x80\x04\x95", "pickle"),
    ],
)
def test_what_is_no_data_is_refused_in_a_sentence(tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableSource, match=told):
        read(tmp_path / name)


def test_sources_that_are_not_there_are_refused(tmp_path):
    for source in (tmp_path / "no.csv", tmp_path / "*.csv", tmp_path):
        with pytest.raises(UnreadableSource):
            infer_roles(source)
    with pytest.raises(UnreadableSource, match="read_sql"):
        infer_roles("sqlite:///shop.db")


def test_a_file_without_a_user_says_how_to_name_one(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("a,item_id\n1,2\n3,4\n")
    with pytest.raises(InputError, match="user_id="):
        read(path)


def test_a_header_alone_is_no_rows(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user_id,item_id\n")
    assert read(path) == []


def test_folders_and_globs_are_read_in_order_and_files_name_their_events(tmp_path):
    for name in ("view_log", "cart_log", "purchase_log"):
        (tmp_path / f"{name}.csv").write_text("user_id,item_id\nu1,i1\n")
    assert column(read(tmp_path), "event") == ["cart", "purchase", "view"]
    assert column(read(str(tmp_path / "*a*_log.csv")), "event") == ["cart", "purchase"]


def test_ids_are_the_same_in_every_format(tmp_path):
    import pyarrow.parquet as pq

    table = pa.table({"user_id": ["u1", "u2"], "item_id": ["a", "b"], "value": [1.5, 2.0]})
    pq.write_table(table, tmp_path / "a.parquet")
    (tmp_path / "a.csv").write_text("user_id,item_id,value\nu1,a,1.5\nu2,b,2.0\n")
    (tmp_path / "a.jsonl").write_text(
        '{"user_id":"u1","item_id":"a","value":1.5}\n{"user_id":"u2","item_id":"b","value":2}\n'
    )
    ids = [column(read(tmp_path / f"a.{kind}"), "event_id") for kind in ("parquet", "csv", "jsonl")]
    assert ids[0] == ids[1] == ids[2]


def test_raw_rows_carry_their_source_and_fields(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("user_id,item_id\nu1,i1\n")
    (raw,) = read_delimited(path, infer_roles(path), Limits(), 10)
    assert (raw.source, list(raw.fields), raw.lines.tolist()) == (str(path), ["user_id", "item_id"], [2])
