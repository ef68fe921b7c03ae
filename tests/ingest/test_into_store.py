"""From a file to the store and back: counts, repeats, replay after repair."""

import random
import resource
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.ingest import ColumnRoles, infer_roles, read_events, read_quarantine
from dorec.ingest.json_lines import Fault, parse_line
from dorec.store import Receipt, StudyFolder


def ingest(store, path, roles=None, **options):
    total = Receipt()
    for batch in read_events(path, roles or infer_roles(path), **options):
        total += store.append(batch)
    return total


@pytest.fixture
def store(tmp_path):
    return StudyFolder.create(tmp_path / "study").event_store


def test_n14_a_file_read_twice_under_two_names_is_stored_once(tmp_path, store):
    text = "user_id,item_id,ts\n" + "".join(f"u{i},i{i % 7},{1700000000 + i}\n" for i in range(3000)) + "bad\n"
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text(text)
    assert ingest(store, tmp_path / "a.csv") == Receipt(received=3001, stored=3000, quarantined=1)
    again = ingest(store, tmp_path / "b.csv", batch_rows=700)
    assert (again.stored, again.duplicates, again.quarantined) == (0, 3000, 1)
    fingerprint = store.fingerprint
    ingest(store, tmp_path / "a.csv")
    assert store.fingerprint == fingerprint


def test_a_row_that_differs_in_any_column_is_another_event(tmp_path, store):
    (tmp_path / "a.csv").write_text("user_id,item_id,note\nu,i,x\nu,i,y\nu,i,x\nu,i,\n")
    receipt = ingest(store, tmp_path / "a.csv")
    assert (receipt.stored, receipt.duplicates) == (3, 1)
    assert receipt.examples[0]["user_id"] == "u"


def test_mended_rows_are_stored_by_replay(tmp_path, store):
    (tmp_path / "a.csv").write_text('user_id,item_id,price\na,i,1.5\nb,i,"9,90"\nc,i,x\n')
    roles = infer_roles(tmp_path / "a.csv").with_columns(value="price")
    assert ingest(store, tmp_path / "a.csv", roles).quarantined == 2
    mended = read_quarantine(store.quarantine(), roles, fix=lambda raw: raw.replace(b'"9,90"', b"9.90"))
    receipt = Receipt()
    for batch in mended:
        receipt += store.append(batch)
    assert (receipt.received, receipt.stored, receipt.quarantined) == (2, 1, 1)
    assert store.quarantine().num_rows == 2
    assert sorted(store.log().to_arrow(["value"]).column(0).to_pylist()) == [1.5, 9.9]


ROLES = ColumnRoles(
    columns={"user_id": "user", "item_id": "item", "value": "value", "timestamp": "ts"},
    format="jsonl", time_unit="s", required=("user_id", "timestamp"),
)  # fmt: skip


def reason_of(line):
    """Why the parser refuses a line, or nothing."""
    try:
        parse_line(line)
    except Fault as fault:
        return fault.reason
    return None


@given(st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_mutated_files_conserve_their_rows(tmp_path_factory, seed):
    """Bytes changed, dropped and doubled at random: every line is stored or set aside under its own number."""
    chance = random.Random(seed)
    path = tmp_path_factory.mktemp("mutated") / "events.jsonl"
    lines = [
        b'{"user":"u%d","item":"i","value":%d.5,"ts":%d,"note":"\\u00e9 {}"}' % (i, i, 1700000000 + i)
        for i in range(40)
    ]
    for _ in range(chance.randrange(1, 15)):
        row = chance.randrange(len(lines))
        line = bytearray(lines[row])
        for _ in range(chance.randrange(1, 4)):
            place = chance.randrange(len(line))
            line[place : place + chance.randrange(2)] = chance.choice(
                [b"\xff", b"\x00", b'"', b"[", b"\\", b"1e999", b"}"]
            )
        lines[row] = bytes(line)
    path.write_bytes(b"\n".join(lines))
    batches = list(read_events(path, ROLES))
    bad = {r["line"]: r for b in batches for r in b.quarantined.to_pylist()}
    assert sum(b.received for b in batches) == 40
    assert sum(b.events.num_rows for b in batches) + len(bad) == 40
    for number, row in bad.items():
        assert row["raw"] == lines[number - 1].rstrip(b"\r")
        assert row["byte_offset"] == sum(len(line) + 1 for line in lines[: number - 1])
    assert {n: bad[n]["reason"] for n, line in enumerate(lines, start=1) if reason_of(line)} == {
        n: reason for n, line in enumerate(lines, start=1) if (reason := reason_of(line))
    }


def test_half_a_million_rows_of_sales_are_stored_in_seconds(shared, store):
    started = time.perf_counter()
    receipt = ingest(store, shared / "data" / "online_retail" / "online_retail.parquet")
    seconds = time.perf_counter() - started
    assert (receipt.received, receipt.stored, receipt.duplicates, receipt.quarantined) == (
        541_909,
        401_604,
        5_225,
        135_080,
    )
    assert seconds < 60
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < 2 << 20
    sales = store.log().table.value.sum().to_pyarrow().as_py()
    assert abs(sales - 8_278_519.424) < 0.01
