"""Fixtures for every test."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# several workers share the cores: waiting threads sleep, and none takes more than its own core
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


# the same examples on every machine: a failure can be repeated
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.load_profile("repeatable")


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data beside the checkout; tests that need it skip where it is absent."""
    folder = Path(__file__).resolve().parents[2] / "shared"
    if not (folder / "data").is_dir():
        pytest.skip("the folder ../shared with real data is not here")
    return folder
