"""kill -9 a hundred times during ingest with resend: nothing acknowledged is lost, nothing is stored twice."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / "store" / "crashing.py"


@pytest.mark.truth
def test_a_hundred_kills_lose_and_double_nothing(tmp_path):
    command = [sys.executable, str(SCRIPT), str(tmp_path / "study"), "100", "2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)
    assert found["kills"] == 100
    assert found["acknowledged"] > 20
    losses = ("lost", "doubled", "quarantine_lost", "quarantine_doubled")
    assert {name: found[name] for name in losses} == dict.fromkeys(losses, 0)
    assert found["conserved"]
    assert found["slowest_ready"] < 3
