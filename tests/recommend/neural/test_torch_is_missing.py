"""Without torch the classes load, and fitting one says what to install."""

import subprocess
import sys

CODE = """
import sys

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, Missing())
from dorec import Dataset
from dorec.errors import ConfigError
from dorec.recommend import HSTU, LightGCN, MultVAE, SASRec, TwoTower

rows = {"u": [1, 1, 2, 2, 3], "i": [1, 2, 1, 2, 1], "t": [1, 2, 3, 4, 5]}
data = Dataset.from_interactions(rows, user="u", item="i", time="t")
for learner in (HSTU, LightGCN, MultVAE, SASRec, TwoTower):
    try:
        learner().fit(data)
    except ConfigError as error:
        print(learner.__name__, "dorec[deep]" in str(error))
"""


def test_what_to_install_is_said():
    said = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    assert said.splitlines() == [f"{name} True" for name in ("HSTU", "LightGCN", "MultVAE", "SASRec", "TwoTower")]
