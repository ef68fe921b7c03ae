"""The station loads light, and says what a missing torch is called."""

import subprocess
import sys


def printed(code):
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_importing_discover_loads_no_torch_and_not_the_slow_parts_of_scipy():
    slow = {"torch", "scipy.stats", "scipy.interpolate", "scipy.optimize", "sklearn"}
    assert printed(f"import sys, dorec.discover\nprint({slow} & set(sys.modules))") == "set()\n"


def test_without_torch_a_network_search_says_what_to_install():
    code = """
import sys
sys.modules["torch"] = None
import numpy as np
from dorec.discover import GraphAutoencoder, NotearsMLP
a, b = np.random.default_rng(0).normal(size=(2, 50))
for search in (NotearsMLP(), GraphAutoencoder()):
    try:
        search.discover({"a": a, "b": b})
    except Exception as error:
        print(type(error).__name__, error)
"""
    said = printed(code).splitlines()
    assert len(said) == 2
    assert all(line.startswith("ConfigError") and "pip install 'dorec[deep]'" in line for line in said)
