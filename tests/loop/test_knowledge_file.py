import json

import pytest

from dorec.domain.errors import ConfigError, InputError, UnreadableSource
from dorec.loop.knowledge_file import read_knowledge

TOML = """
tiers = [["age", "segment"], ["shown"], ["view"], ["purchase"]]
required = ["shown -> view"]
forbidden = ["age -> shown"]

[[priors]]
edge = "view -> purchase"
confidence = 0.9
provenance = "experiment of March"
"""


def test_toml_and_json_say_the_same(tmp_path):
    (tmp_path / "k.toml").write_text(TOML)
    data = {
        "tiers": [["age", "segment"], ["shown"], ["view"], ["purchase"]],
        "required": ["shown -> view"],
        "forbidden": ["age -> shown"],
        "priors": [{"edge": "view -> purchase", "confidence": 0.9, "provenance": "experiment of March"}],
    }
    (tmp_path / "k.json").write_text(json.dumps(data))
    known = read_knowledge(tmp_path / "k.toml")
    assert known == read_knowledge(tmp_path / "k.json")
    assert known.tier("purchase") == 3
    assert known.requires("shown", "view")
    assert known.priors["view", "purchase"].provenance == "experiment of March"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('tier = [["a"]]', "Did you mean 'tiers'"),
        ('required = "a -> b"', "give a list"),
        ('required = ["a => b"]', "is no edge"),
        ('required = ["a <-> b"]', "is no edge"),
        ('[[priors]]\nedge = "a -> b"', "is no prior"),
        ('[[priors]]\nedge = "a -> b"\nconfidence = "high"', "give a probability"),
        ('[[priors]]\nedge = "a -> b"\nconfidence = 1.5', "strictly between 0 and 1"),
    ],
)
def test_what_is_no_knowledge_is_refused(tmp_path, text, said):
    (tmp_path / "k.toml").write_text(text)
    with pytest.raises((ConfigError, InputError), match=said):
        read_knowledge(tmp_path / "k.toml")


def test_files_that_can_not_be_read(tmp_path):
    with pytest.raises(UnreadableSource, match="does not exist"):
        read_knowledge(tmp_path / "none.toml")
    (tmp_path / "k.toml").write_text("tiers = [")
    with pytest.raises(UnreadableSource, match="can't be read as knowledge"):
        read_knowledge(tmp_path / "k.toml")
