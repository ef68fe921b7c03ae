"""Bandits by name."""

import pytest

from dorec.domain.errors import InputError
from dorec.intervene import LinUCB
from dorec.intervene.bandits.bandit import Bandit
from dorec.intervene.bandits.registry import REGISTRY, make, registered_name


@pytest.mark.parametrize("name", list(REGISTRY))
def test_each_name_makes_its_bandit(name):
    bandit = make(name)
    assert isinstance(bandit, Bandit)
    assert registered_name(bandit) == name
    assert len(REGISTRY.purpose(name)) > 40


def test_a_bandit_without_a_name_is_not_kept():
    class Own(LinUCB):
        pass

    with pytest.raises(InputError, match=r"dorec\.bandits"):
        Own().start(2, 1).to_arrays()
