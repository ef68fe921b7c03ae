import numpy as np
import pytest

from dorec.domain.errors import NoInterval
from dorec.evaluate import DirectMethod
from dorec.simulate import LoggedBandit


def test_it_gives_a_value_near_the_truth_and_no_interval():
    world = LoggedBandit(n=4_000, seed=3)
    made = DirectMethod().evaluate(world.feedback(), world.target())
    assert made.value == pytest.approx(world.true_value(), abs=0.03)
    with pytest.raises(NoInterval, match="reward model"):
        made.interval()
    assert "no valid interval" in str(made)


def test_two_policies_are_ranked_as_their_truths_are():
    world = LoggedBandit(n=4_000, seed=3)
    log = world.feedback()
    assert (
        DirectMethod().evaluate(log, world.target()).value
        > DirectMethod().evaluate(log, np.full((4_000, 5), 0.2)).value
    )
