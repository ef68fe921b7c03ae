"""Append is idempotent, counted, shared between writers, and notices every changed byte."""

import random
import shutil
import sqlite3
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.errors import InputError, IntegrityError
from dorec.domain.event_log import event_schema
from dorec.store import Receipt, StudyFolder, event_store


def batch(ids, index=0, quarantined=0, source="a.csv", fields=("user",)):
    schema = event_schema()
    columns = {"event_id": ids, "user_id": ["u"] * len(ids), "event": ["view"] * len(ids)}
    events = pa.table([pa.array(columns.get(f.name, [None] * len(ids)), f.type) for f in schema], schema=schema)
    bad = pa.table({
        "quarantine_id": [f"{source}-{index}-{i}" for i in range(quarantined)],
        "reason": ["bad_json"] * quarantined, "raw": pa.array([b"{"] * quarantined, pa.binary()),
    }, schema=pa.schema([("quarantine_id", pa.string()), ("reason", pa.string()), ("raw", pa.binary())]))  # fmt: skip
    return SimpleNamespace(
        events=events, quarantined=bad, received=len(ids) + quarantined, source=source, index=index, fields=fields
    )


@pytest.fixture
def study(tmp_path):
    return StudyFolder.create(tmp_path / "shop")


def held(store):
    return Counter(store.log().to_arrow(["event_id"]).column(0).to_pylist())


def test_a_batch_is_counted_and_read_back(study):
    store = study.event_store
    receipt = store.append(batch(["a", "b", "a"], quarantined=2))
    assert (receipt.received, receipt.stored, receipt.duplicates, receipt.quarantined) == (5, 2, 1, 2)
    assert [e["event_id"] for e in receipt.examples] == ["a"]
    assert held(store) == {"a": 1, "b": 1}
    assert store.log().table.schema()["timestamp"].timezone == "UTC"
    assert store.quarantine().column("reason").to_pylist() == ["bad_json"] * 2


def test_an_empty_store_has_an_empty_log(study):
    assert study.event_store.log().n_events == 0
    assert study.event_store.quarantine().num_rows == 0
    assert study.event_store.totals() == Receipt()


def test_n14_ten_thousand_events_sent_twenty_times_are_stored_once(study):
    ids = [f"e{i}" for i in range(10_000)]
    store = study.event_store
    receipts = [store.append(batch(ids)) for _ in range(20)]
    assert sum(r.stored for r in receipts) == 10_000
    assert sum(r.duplicates for r in receipts) == 190_000
    assert store.totals() == Receipt(received=200_000, stored=10_000, duplicates=190_000)
    assert held(store) == Counter(ids)


def test_n14_also_when_sent_at_once_by_several_writers(study):
    ids = [f"e{i}" for i in range(500)]
    stores = [StudyFolder.open(study.path).event_store for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        receipts = list(pool.map(lambda k: stores[k % 4].append(batch(ids)), range(8)))
    assert sum(r.stored for r in receipts) == 500
    assert sum(r.duplicates for r in receipts) == 3500
    assert held(stores[0]) == Counter(ids)


def test_any_order_of_overlapping_batches_stores_each_event_once(study, monkeypatch):
    monkeypatch.setattr(event_store, "SNAPSHOT_EVERY", 5)
    chance = random.Random(0)
    seen: set[str] = set()
    store = study.event_store
    for index in range(23):
        ids = [f"e{chance.randrange(400)}" for _ in range(chance.randrange(60))]
        store = StudyFolder.open(study.path).event_store if index % 3 == 0 else store  # a new process now and then
        receipt = store.append(batch(ids, index))
        assert receipt.stored == len(set(ids) - seen)
        assert receipt.duplicates == len(ids) - receipt.stored
        seen |= set(ids)
    assert held(store) == Counter(seen)


def test_a_kept_index_that_was_changed_is_not_believed(study, monkeypatch):
    monkeypatch.setattr(event_store, "SNAPSHOT_EVERY", 1)
    study.event_store.append(batch(["a", "b"]))
    path = study.events_folder / "index" / "keys.safetensors"
    octets = bytearray(path.read_bytes())
    octets[-20] ^= 1
    path.write_bytes(octets)
    assert StudyFolder.open(study.path).event_store.append(batch(["a", "b", "c"])).stored == 1


def test_quarantined_rows_sent_again_are_kept_once(study):
    store = study.event_store
    for _ in range(3):
        store.append(batch(["a"], quarantined=2))
    assert store.quarantine().num_rows == 2
    assert store.totals() == Receipt(received=9, stored=1, duplicates=2, quarantined=6)


def test_ids_whose_keys_collide_are_told_apart(study, monkeypatch):
    monkeypatch.setattr("dorec.store.key_index.text_keys", lambda ids: np.zeros(len(ids), dtype=np.uint64))
    store = study.event_store
    assert store.append(batch(["a", "b"])).stored == 2
    assert store.append(batch(["b", "c"])).stored == 1
    assert store.append(batch(["a", "c", "d"])).stored == 1
    assert held(store) == Counter("abcd")


def test_counts_that_do_not_add_up_are_refused(study):
    wrong = batch(["a"])
    wrong.received = 2
    with pytest.raises(InputError, match="received 2 rows"):
        study.event_store.append(wrong)


def test_files_that_no_commit_names_are_swept_on_opening(study):
    study.event_store.append(batch(["a"]))
    for name in ("part-00000002.parquet", "part-00000003.parquet.77.writing"):
        (study.events_folder / name).write_bytes(b"rubbish")
    store = StudyFolder.open(study.path).event_store
    assert sorted(p.name for p in store.folder.glob("*part*")) == ["part-00000001.parquet"]
    assert held(store) == {"a": 1}


def test_the_fingerprint_names_the_content(study, tmp_path):
    other = StudyFolder.create(tmp_path / "other")
    for one in (study, other):
        one.event_store.append(batch(["a", "b"]))
    assert study.event_store.fingerprint == other.event_store.fingerprint
    other.event_store.append(batch(["c"]))
    assert study.event_store.fingerprint != other.event_store.fingerprint


def test_a_change_of_the_sources_columns_is_remembered(study):
    for index, fields in enumerate([("user",), ("user",), ("user", "currency")]):
        study.event_store.append(batch([f"e{index}"], index, fields=fields))
    assert study.event_store.schemas() == [("a.csv", ("user",)), ("a.csv", ("user", "currency"))]


def test_every_flipped_byte_of_a_part_is_noticed(study):
    study.event_store.append(batch([f"e{i}" for i in range(300)], quarantined=1))
    parts = sorted(study.events_folder.glob("*.parquet"))
    assert study.event_store.verify() == len(parts) == 2
    for path in parts:
        sound = path.read_bytes()
        for place in range(0, len(sound), max(1, len(sound) // 40)):
            path.write_bytes(sound[:place] + bytes([sound[place] ^ 0x10]) + sound[place + 1 :])
            with pytest.raises(IntegrityError, match=path.name):
                study.event_store.verify()
        path.write_bytes(sound[: len(sound) // 2])
        store = StudyFolder.open(study.path).event_store
        with pytest.raises(IntegrityError, match=path.name):
            store.log(), store.quarantine()
        path.write_bytes(sound)
    assert study.event_store.verify() == 2


def test_a_database_that_lost_a_commit_is_noticed(study):
    study.event_store.append(batch(["a"]))
    kept = study.path / "before.sqlite"
    shutil.copy(study.path / "state.sqlite", kept)
    study.event_store.append(batch(["b"]))
    shutil.copy(kept, study.path / "state.sqlite")
    store = StudyFolder.open(study.path).event_store
    with pytest.raises(IntegrityError, match="batch 2 was acknowledged"):
        store.append(batch(["c"]))
    with pytest.raises(IntegrityError, match="commits were lost"):
        store.verify()


def test_an_edited_commit_is_noticed(study):
    study.event_store.append(batch(["a"]))
    study.event_store.append(batch(["b"]))
    with sqlite3.connect(study.path / "state.sqlite") as connection:
        connection.execute("UPDATE commits SET stored = 7 WHERE sequence = 1")
    connection.close()
    with pytest.raises(IntegrityError, match="Commit 1"):
        study.event_store.verify()


def test_a_damaged_side_file_is_noticed(study):
    study.event_store.append(batch(["a"]))
    (study.events_folder / "acknowledged.json").write_bytes(b"{")
    with pytest.raises(IntegrityError, match="damaged"):
        study.event_store.append(batch(["b"]))
