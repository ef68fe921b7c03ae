import numpy as np
import pyarrow as pa
import pytest

from dorec.domain.errors import IntegrityError
from dorec.domain.estimate import Estimate
from dorec.domain.verdict import Verdict
from dorec.loop.results import StageResult, key_of, plain


def make():
    rng = np.random.default_rng(0)
    verdict = Verdict(check="overlap", status="warning", meaning="thin", evidence={"ess": np.float64(3)})
    vector = Estimate.of_mean(
        rng.normal(size=(50, 2)), name=("a", "b"), cluster=np.repeat(np.arange(25), 2).astype(str)
    )
    silent = Estimate(0.5, name="dm", no_interval="its error is not known")
    return StageResult(
        facts={"n": np.int64(3), "gap": float("nan")},
        estimates={"ate/x": vector, "dm": silent},
        verdicts=(verdict,),
        refusals=({"question": "q", "code": "c", "reason": "r", "remedy": "", "evidence": {}},),
        tables={"t": pa.table({"a": [1, 2]})},
        arrays={"p": np.eye(2)},
    )


def test_a_result_survives_the_disk(tmp_path):
    made = make()
    made.save(tmp_path / "stage")
    read = StageResult.load(tmp_path / "stage")
    assert read.facts == {"n": 3, "gap": None}
    before, after = made.estimates["ate/x"], read.estimates["ate/x"]
    assert np.array_equal(before.value, after.value)
    assert np.allclose(before.std_error, after.std_error)
    assert (after["a"] - after["b"]).value == pytest.approx((before["a"] - before["b"]).value)
    assert read.estimates["dm"].no_interval == "its error is not known"
    assert read.verdicts[0].status == "warning"
    assert read.tables["t"].to_pydict() == {"a": [1, 2]}
    assert np.array_equal(read.arrays["p"], np.eye(2))


def test_a_flipped_byte_is_found_before_it_is_parsed(tmp_path):
    make().save(tmp_path / "stage")
    file = tmp_path / "stage" / "result.json"
    raw = bytearray(file.read_bytes())
    raw[len(raw) // 2] ^= 1
    file.write_bytes(bytes(raw))
    with pytest.raises(IntegrityError):
        StageResult.load(tmp_path / "stage")


def test_keys_depend_on_content_alone():
    assert key_of("a", {"x": 1, "y": (1, 2)}) == key_of("a", {"y": [1, 2], "x": 1})
    assert key_of("a") != key_of("b")


def test_plain_data_has_no_numpy_left():
    assert plain({"a": np.arange(2), "b": np.bool_(True), "c": {1: float("inf")}}) == {
        "a": [0, 1],
        "b": True,
        "c": {"1": None},
    }
