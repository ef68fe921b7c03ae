"""kill -9 in the middle of ingest: nothing acknowledged is lost, nothing is stored twice."""

import json
import subprocess
import sys
from pathlib import Path

SCRIPT = Path(__file__).with_name("crashing.py")


def crash(folder, kills, seed):
    """What the script says of a study that was killed so often."""
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder / "study"), str(kills), str(seed)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def test_acknowledged_batches_survive_kills_and_are_stored_once(tmp_path):
    found = crash(tmp_path, kills=25, seed=1)
    assert found["acknowledged"] > 5
    losses = ("lost", "doubled", "quarantine_lost", "quarantine_doubled")
    assert {name: found[name] for name in losses} == dict.fromkeys(losses, 0)
    assert found["conserved"]
    assert found["stored_is_held"]
    assert found["rubbish"] == []
    assert found["slowest_ready"] < 3
