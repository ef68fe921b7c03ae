import subprocess
import sys

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.numeric.text_hash import text_keys


@given(st.lists(st.text(max_size=20), max_size=30))
@settings(deadline=None, max_examples=50)
def test_a_key_depends_on_the_text_alone(texts):
    together = text_keys(pa.array(texts, pa.string())).tolist()
    alone = [int(text_keys(pa.array([t], pa.string()))[0]) for t in texts]
    assert together == alone
    sliced = text_keys(pa.array(["pad", *texts], pa.string()).slice(1)).tolist()
    assert sliced == together


def test_keys_of_many_near_texts_differ_and_are_spread():
    texts = [f"{i:07d}" for i in range(200_000)] + [f"u{i}" for i in range(50_000)]
    keys = text_keys(pa.array(texts))
    assert len(np.unique(keys)) == len(texts)
    for bit in range(64):
        assert abs(np.mean((keys >> np.uint64(bit)) & np.uint64(1)) - 0.5) < 0.01


def test_another_process_with_another_hash_seed_gives_the_same_keys():
    code = "import pyarrow as pa; from dorec.numeric.text_hash import text_keys; print(text_keys(pa.array(['tea']))[0])"
    out = subprocess.run(
        [sys.executable, "-c", code], env={"PYTHONHASHSEED": "7"}, capture_output=True, text=True, check=True
    )
    assert int(out.stdout) == int(text_keys(pa.array(["tea"]))[0])
