"""Nothing is parsed before its bytes are known, and nothing that can run code is read at all."""

import io
import json
import resource

import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.errors import InputError, IntegrityError, UnreadableSource
from dorec.store import read_arrays, read_json, read_table, write_artefacts
from dorec.store.durable import sha256

FILES = {
    "effect.json": {"ate": 2.0, "note": "größer"},
    "top.parquet": pa.table({"x": [1, 2, 3]}),
    "model.safetensors": {"w": np.arange(6.0).reshape(2, 3), "n": np.array([1, 2], dtype=np.int32)},
    "report.html": "<p>hello</p>",
}


@pytest.fixture
def folder(tmp_path):
    write_artefacts(tmp_path / "run", FILES)
    return tmp_path / "run"


def test_everything_comes_back_as_it_was(folder):
    assert read_json(folder, "effect.json") == FILES["effect.json"]
    assert read_table(folder, "top.parquet").equals(FILES["top.parquet"])
    arrays = read_arrays(folder, "model.safetensors")
    for name, values in FILES["model.safetensors"].items():
        np.testing.assert_array_equal(arrays[name], values)
        assert arrays[name].dtype == values.dtype
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert {n: e["bytes"] for n, e in manifest["files"].items()} == {n: (folder / n).stat().st_size for n in FILES}


@pytest.mark.parametrize("name", ["effect.json", "top.parquet", "model.safetensors"])
def test_a_flipped_byte_is_noticed_before_parsing(folder, name):
    read = {"json": read_json, "parquet": read_table, "safetensors": read_arrays}[name.rsplit(".", maxsplit=1)[-1]]
    sound = (folder / name).read_bytes()
    for place in range(0, len(sound), 7):
        (folder / name).write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        with pytest.raises(IntegrityError, match="nothing of it was read"):
            read(folder, name)
    (folder / name).write_bytes(sound[:-1])
    with pytest.raises(IntegrityError):
        read(folder, name)


def test_a_damaged_manifest_is_noticed(folder):
    (folder / "manifest.json").write_bytes(b'{"files": 3}')
    with pytest.raises(IntegrityError, match="damaged"):
        read_json(folder, "effect.json")


def test_without_a_manifest_a_folder_is_unfinished(folder):
    (folder / "manifest.json").unlink()
    with pytest.raises(UnreadableSource, match="not finished"):
        read_json(folder, "effect.json")


def test_a_failed_write_leaves_no_manifest(folder):
    with pytest.raises(InputError, match="finite"):
        write_artefacts(folder, {"a.json": {"x": 1}, "b.json": {"x": float("nan")}})
    assert not (folder / "manifest.json").exists()


def test_other_files_in_the_folder_stay(folder):
    (folder / "events").mkdir()
    (folder / "events" / "events.parquet").write_bytes(b"x")
    write_artefacts(folder, {"effect.json": {}})
    assert (folder / "events" / "events.parquet").exists()


@pytest.mark.parametrize(
    "name", ["m.pkl", "m.pickle", "m.pt", "m.joblib", "m.npy", "m.npz", "m.yaml", "m.zip", "m", "m.h5"]
)
def test_formats_that_can_run_code_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="format_not_allowed"):
        write_artefacts(tmp_path, {name: b"x"})
    for read in (read_json, read_table, read_arrays):
        with pytest.raises(InputError, match="format_not_allowed"):
            read(tmp_path, name)


@pytest.mark.parametrize(
    "name", ["../up.json", "/etc/x.json", "a/../../b.json", "..\\up.json", "C:x.json", ".hidden.json", "a//b.json", "",
             "manifest.json", "a\x00.json", "a/./b.json", "a\n.json", "~/x.json", "%2e%2e/x.json"],
)  # fmt: skip
def test_names_that_leave_the_folder_are_refused(tmp_path, name):
    with pytest.raises(InputError, match="name_not_allowed"):
        write_artefacts(tmp_path / "run", {name: {}})
    assert list(tmp_path.iterdir()) == []


def disguise(folder, name, octets):
    """Bytes under an allowed name, with a manifest that vouches for them."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(octets)
    entry = {"sha256": sha256(folder / name), "bytes": len(octets)}
    (folder / "manifest.json").write_text(json.dumps({"files": {name: entry}}))


PICKLE = (
    b"\x80\x04\x95\x1d\x00\x00\x00\x00\x00\x00\x00\x8c\x05posix\x94\x8c\x06system\x94\x93\x94"
    b"\x8c\x05touch\x94\x85\x94R\x94."
)


@pytest.mark.parametrize(
    "octets",
    [
        PICKLE,
        (1 << 40).to_bytes(8, "little") + b"{}",
        (1 << 63).to_bytes(8, "little") + b"{}" * 50,
        (60).to_bytes(8, "little") + b'{"w":{"dtype":"F64","shape":[1],"data_offsets":[0,99999999]}}',
        b"",
        b"\x08",
        b"PK\x03\x04" + b"\x00" * 60,
    ],
    ids=["pickle", "header of 2^40", "header of 2^63", "offsets outside", "empty", "cut", "zip"],
)
def test_hostile_bytes_under_an_allowed_name_are_refused_cheaply(tmp_path, octets):
    disguise(tmp_path / "run", "m.safetensors", octets)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError, match=r"limit|format_not_allowed"):
        read_arrays(tmp_path / "run", "m.safetensors")
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) // 1024 < 50


def test_a_pickled_array_is_no_table_and_no_json(tmp_path):
    buffer = io.BytesIO()
    np.save(buffer, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    disguise(tmp_path / "run", "t.parquet", buffer.getvalue())
    with pytest.raises(InputError, match="format_not_allowed"):
        read_table(tmp_path / "run", "t.parquet")
    disguise(tmp_path / "run", "t.json", PICKLE)
    with pytest.raises(InputError, match="format_not_allowed"):
        read_json(tmp_path / "run", "t.json")
