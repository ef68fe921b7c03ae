"""Hostile and broken rows: each is set aside with reason, line and bytes, and nothing else is harmed."""

import gzip
import json
import resource
import subprocess
import sys
import time

import pytest

from dorec.domain.errors import InputError, UnreadableSource
from dorec.ingest import ColumnRoles, Limits, infer_roles, read_events, read_quarantine

JSON = ColumnRoles(
    columns={
        "event_id": "id",
        "user_id": "user",
        "item_id": "item",
        "event": "type",
        "value": "value",
        "timestamp": "ts",
    },
    format="jsonl",
    time_unit="s",
    required=("user_id", "event", "timestamp"),
)
TESTED = {"N01", "N02", "N04", "N05", "N07", "N08", "N10", "N11", "N13", "N14", "N16", "N17"}


def good(number):
    return json.dumps(
        {
            "id": f"g{number}",
            "user": f"u{number}",
            "item": "i1",
            "type": "view",
            "value": 1.5,
            "ts": 1700000000 + number,
        }
    ).encode()


def read(path, roles, **options):
    batches = list(read_events(path, roles, **options))
    for batch in batches:
        assert batch.received == batch.events.num_rows + batch.quarantined.num_rows
    return batches


def rows_of(batches):
    return [row for batch in batches for row in batch.quarantined.to_pylist()]


def users_of(batches):
    return [user for batch in batches for user in batch.events.column("user_id").to_pylist()]


def among_good_rows(tmp_path, line, place=500, n=999, roles=JSON, **options):
    """The batches of a file of `n` sound lines with `line` as line number `place`."""
    lines = [good(i) for i in range(n)]
    lines.insert(place - 1, line)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    batches = read(path, roles, **options)
    assert sum(b.received for b in batches) == n + 1
    return batches, sum(len(x) + 1 for x in lines[: place - 1])


def event(**fields):
    row = {
        "id": '"e1"',
        "user": '"u1"',
        "item": '"i1"',
        "type": '"purchase"',
        "value": "2.5",
        "ts": "1700000000",
    } | fields
    return "{" + ",".join(f'"{k}":{v}' for k, v in row.items() if v is not None) + "}"


@pytest.mark.parametrize(
    ("case", "line", "reason", "field"),
    [
        ("N01", event(value="NaN"), "non_finite_number", "value"),
        ("N01", event(value="-Infinity"), "non_finite_number", "value"),
        ("N01", event(extra="NaN"), "non_finite_number", "extra"),
        ("N02", event(value="1e999"), "non_finite_number", "value"),
        ("N02", event(extra="1e999"), "non_finite_number", "extra"),
        ("N02", event(value="1" + "0" * 400), "non_finite_number", "value"),
        ("N04", event(user='"\\ud800"'), "invalid_unicode", "user"),
        ("N04", event(extra='"\\udfff tea"'), "invalid_unicode", "extra"),
        ("N05", event(item='"a\\u0000b"'), "control_character", "item"),
        ("N05", event(item='"a\\u001bb"'), "control_character", "item"),
        ("N05", event(extra='"a\\u0000b"'), "control_character", "extra"),
        ("N05", event(item='"a\x01b"'), "control_character", None),
        ("N07", '{"id":"e7","user":"u1","user":"u2","type":"click","ts":1700000000}', "duplicate_key", "user"),
        ("N07", event(extra='{"a":1,"a":2}'), "duplicate_key", "a"),
        ("N11", event(ts="1700000000000"), "timestamp_out_of_range", "ts"),
        ("N16", event(value='"9,90"'), "wrong_type", "value"),
        ("", event(user="true"), "wrong_type", "user"),
        ("", event(user=None), "missing_field", "user"),
        ("", event(user="null"), "missing_field", "user"),
        ("", event(ts="-1"), "timestamp_out_of_range", "ts"),
        ("", event(ts='"yesterday"'), "wrong_type", "ts"),
        ("", '{"id": "e1", "user": ', "bad_json", None),
        ("", "[1, 2]", "bad_json", None),
        ("", '"text"', "bad_json", None),
        ("", "{'id': 1}", "bad_json", None),
        ("", event(user="1" * 5000), "bad_json", None),
    ],
)  # fmt: skip
def test_a_broken_line_is_set_aside_and_the_other_999_are_kept(tmp_path, case, line, reason, field):
    batches, offset = among_good_rows(tmp_path, line.encode())
    (row,) = rows_of(batches)
    assert (row["reason"], row["field"], row["line"], row["byte_offset"]) == (reason, field, 500, offset), case
    assert row["raw"] == line.encode()
    assert row["batch"] == 0
    assert len(users_of(batches)) == 999


def test_bytes_that_are_no_utf8_are_set_aside_with_their_line(tmp_path):
    line = event().encode().replace(b"u1", b"\xd3\xc3")
    batches, _ = among_good_rows(tmp_path, line, place=7)
    assert [(r["reason"], r["line"], r["raw"]) for r in rows_of(batches)] == [("invalid_utf8", 7, line)]


def test_ids_beyond_64_bits_stay_apart(tmp_path):
    path = tmp_path / "big.jsonl"
    path.write_text(event(user=str(2**64)) + "\n" + event(user=str(2**64 + 1)) + "\n")
    assert users_of(read(path, JSON)) == [str(2**64), str(2**64 + 1)]


def test_n08_a_depth_bomb_is_set_aside_at_once(tmp_path):
    bomb = event(ctx="[" * 100_000 + "]" * 100_000).encode()
    started = time.perf_counter()
    batches, _ = among_good_rows(tmp_path, bomb, place=3, n=9)
    assert time.perf_counter() - started < 0.5
    assert [(r["reason"], r["line"]) for r in rows_of(batches)] == [("too_deep", 3)]


def test_n08_brackets_within_text_are_not_depth(tmp_path):
    batches, _ = among_good_rows(tmp_path, event(ctx='"' + "[" * 1000 + '\\"["').encode(), n=3, place=2)
    assert rows_of(batches) == []


N10 = (
    b'\xef\xbb\xbfuser,item,ts\r\nu1,"i\n1",1700000000\r\n\xd3\xc3\xbb\xa7,i2,1700000001\r\nu3,=cmd|calc!A0,1700000002'
)


def test_n10_bom_crlf_quoted_newline_and_a_line_in_another_encoding(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_bytes(N10)
    roles = infer_roles(path)
    assert roles.columns == {"user_id": "user", "item_id": "item", "timestamp": "ts"}
    (batch,) = read(path, roles)
    assert batch.received == 3
    assert batch.events.column("user_id").to_pylist() == ["u1", "u3"]
    assert batch.events.column("item_id").to_pylist() == ["i\n1", "=cmd|calc!A0"]
    (row,) = rows_of([batch])
    assert (row["reason"], row["field"], row["line"]) == ("invalid_utf8", "user", 4)
    assert row["byte_offset"] == N10.index(b"\xd3")
    assert row["raw"] == b"\xd3\xc3\xbb\xa7,i2,1700000001"
    assert "encoding" in row["hint"]


def test_n10_the_line_is_read_again_in_its_own_encoding(tmp_path):
    path = tmp_path / "mixed.csv"
    path.write_bytes(N10)
    roles = infer_roles(path)
    (batch,) = read(path, roles)
    (mended,) = read_quarantine(batch.quarantined, roles, fix="gbk")
    assert (mended.received, mended.quarantined.num_rows) == (1, 0)
    assert mended.events.column("user_id").to_pylist() == ["用户"]


def test_n11_a_batch_of_milliseconds_is_refused_with_the_unit_to_set(tmp_path):
    path = tmp_path / "ms.jsonl"
    path.write_text("".join(event(id=f'"{i}"', ts=str(1700000000000 + i)) + "\n" for i in range(1000)))
    with pytest.raises(InputError, match="unit=ms"):
        read(path, JSON)
    assert len(users_of(read(path, JSON.with_options(time_unit="ms")))) == 1000


def test_n11_one_row_in_milliseconds_says_so(tmp_path):
    batches, _ = among_good_rows(tmp_path, event(ts="1700000000000").encode())
    assert rows_of(batches)[0]["hint"] == "unit=ms"
    (mended,) = read_quarantine(batches[0].quarantined, JSON.with_options(time_unit="ms"))
    assert mended.events.column("timestamp").cast("int64").to_pylist() == [1700000000000000]


LOCAL = JSON.with_options(time_unit="iso")


def test_n13_times_without_a_zone_are_refused_until_one_is_declared(tmp_path):
    path = tmp_path / "local.jsonl"
    path.write_text(event(ts='"2026-10-25T12:30:00"') + "\n")
    with pytest.raises(InputError, match="time_zone"):
        read(path, LOCAL)
    (batch,) = read(path, LOCAL.with_options(time_zone="Europe/Berlin"))
    assert batch.events.column("timestamp").to_pylist()[0].isoformat() == "2026-10-25T11:30:00+00:00"


@pytest.mark.parametrize("moment", ["2026-10-25T02:30:00", "2026-03-29T02:30:00"])
def test_n13_a_time_that_the_clock_showed_twice_or_never_is_set_aside(tmp_path, moment):
    path = tmp_path / "local.jsonl"
    sound = ['"2026-10-25T02:30:00+02:00"', '"2026-10-25T01:30:00Z"', '"2026-10-25T03:30:00"']
    lines = [event(ts=t) for t in [*sound[:2], f'"{moment}"', sound[2]]]
    path.write_text("\n".join(lines))
    (batch,) = read(path, LOCAL.with_options(time_zone="Europe/Berlin"))
    assert [(r["reason"], r["line"]) for r in rows_of([batch])] == [("ambiguous_local_time", 3)]
    assert batch.events.column("timestamp").cast("int64").to_pylist() == [
        1792888200000000, 1792891800000000, 1792895400000000]  # fmt: skip


def test_n13_days_that_do_not_exist_are_set_aside_alone(tmp_path):
    path = tmp_path / "days.csv"
    path.write_text("user,ts\na,2026-02-28\nb,2026-02-30\nc,2026-13-01\nd,2026-03-01T10:00:00.5Z\n")
    roles = infer_roles(path).with_columns(timestamp="ts").with_options(time_unit="iso", time_zone="UTC")
    (batch,) = read(path, roles)
    assert users_of([batch]) == ["a", "d"]
    assert [(r["reason"], r["line"]) for r in rows_of([batch])] == [("wrong_type", 3), ("wrong_type", 4)]


def test_n16_a_flip_of_type_a_new_field_and_a_lost_field(tmp_path):
    roles = ColumnRoles(
        columns={"user_id": "user", "value": "price"},
        format="jsonl",
        required=("user_id", "value"),
        constant_event="view",
    )
    path = tmp_path / "drift.jsonl"
    path.write_text(
        '{"user":"a","price":9.9}\n{"user":"b","price":"9,90"}\n{"user":"c","price":1,"currency":"EUR"}\n{"user":"d"}\n'
    )
    (batch,) = read(path, roles)
    assert [(r["line"], r["reason"], r["field"]) for r in rows_of([batch])] == [
        (2, "wrong_type", "price"),
        (4, "missing_field", "price"),
    ]
    assert batch.events.column("context").to_pylist() == [None, '{"currency":"EUR"}']
    assert batch.fields == ("user", "price", "currency")


def test_n16_the_same_flip_in_a_csv(tmp_path):
    path = tmp_path / "drift.csv"
    path.write_text('user_id,price\na,9.9\nb,"9,90"\nc,nan\nd,1e999\ne,\n')
    roles = infer_roles(path).with_columns(value="price")
    (batch,) = read(path, roles)
    assert [(r["line"], r["reason"]) for r in rows_of([batch])] == [
        (3, "wrong_type"), (4, "non_finite_number"), (5, "non_finite_number")]  # fmt: skip
    assert batch.events.column("value").to_pylist() == [9.9, None]


MEGAROW = """
import resource, sys
from dorec.ingest import read_events, infer_roles
path = sys.argv[1]
roles = infer_roles(path)
for batch in read_events(path, roles): pass
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
received, rows = 0, []
for batch in read_events(sys.argv[2], roles):
    received += batch.received
    rows += batch.quarantined.select(["line", "reason", "byte_offset"]).to_pylist()
print(received, rows, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024)
"""


@pytest.mark.parametrize("suffix", ["jsonl", "csv"])
def test_n17_a_row_of_64_mb_is_set_aside_without_being_held(tmp_path, suffix):
    if suffix == "jsonl":
        head, line, long = [], good, event(ctx='"' + "x" * (64 << 20) + '"').encode()
    else:
        head, line, long = (
            [b"user,item,ts"],
            lambda i: b"u%d,i1,%d" % (i, 1700000000 + i),
            b"u," + b"x" * (64 << 20) + b",1",
        )
    small, large = tmp_path / f"small.{suffix}", tmp_path / f"large.{suffix}"
    lines = [*head, *(line(i) for i in range(999))]
    small.write_bytes(b"\n".join(lines) + b"\n")
    lines.insert(500, long)
    large.write_bytes(b"\n".join(lines) + b"\n")
    offset = sum(len(x) + 1 for x in lines[:500])
    out = subprocess.run(
        [sys.executable, "-c", MEGAROW, small, large], capture_output=True, text=True, check=True
    ).stdout.strip()
    told, growth = out.rsplit(" ", 1)
    assert told == f"1000 [{{'line': 501, 'reason': 'row_too_large', 'byte_offset': {offset}}}]"
    assert int(growth) < 100


def test_n17_a_gzip_bomb_is_stopped_while_it_inflates(tmp_path):
    path = tmp_path / "bomb.jsonl.gz"
    with gzip.open(path, "wb", compresslevel=9) as file:
        file.write(good(1) + b"\n" + b'{"ctx":"')
        for _ in range(100):
            file.write(b"x" * (1 << 20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(UnreadableSource, match="gzip bomb"):
        read(path, JSON)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024 < 100


def test_a_cut_gzip_file_is_refused_in_one_sentence(tmp_path):
    path = tmp_path / "cut.csv.gz"
    whole = gzip.compress(b"user,item\n" + b"".join(b"u%d,i%d\n" % (i, i * 7919) for i in range(2000)))
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UnreadableSource, match="cut gzip"):
        read(path, ColumnRoles(columns={"user_id": "user"}))


def test_rows_of_limits_can_be_set(tmp_path):
    batches, _ = among_good_rows(tmp_path, event(ctx='"' + "x" * 500 + '"').encode(), limits=Limits(row_bytes=300))
    assert [(r["reason"], r["line"]) for r in rows_of(batches)] == [("row_too_large", 500)]


def test_every_ingest_case_of_the_collection_is_tested_here(shared):
    cases = json.loads((shared / "cases" / "nasty_inputs.json").read_text())["cases"]
    assert {c["id"] for c in cases if c["layer"] == "ingest"} <= TESTED
