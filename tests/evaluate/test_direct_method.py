import numpy as np
import pytest

from dorec.domain.errors import ConfigError, NoInterval, TooFewUnits
from dorec.domain.logged_feedback import LoggedFeedback
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


@pytest.mark.parametrize("n_folds", [1, 0, -3])
def test_folds_that_would_leave_rows_without_a_prediction_are_refused(n_folds):
    with pytest.raises(ConfigError, match=f"n_folds is {n_folds}; give 2 or more"):
        DirectMethod(n_folds=n_folds)


def test_more_folds_than_independent_rows_are_refused():
    log = LoggedFeedback(
        action=np.zeros(6, int),
        reward=np.ones(6),
        propensity=np.ones(6),
        n_actions=1,
        cluster=np.array([0, 0, 0, 1, 1, 1]),
    )
    with pytest.raises(TooFewUnits, match="2 independent row"):
        DirectMethod().evaluate(log, np.ones((6, 1)))
    assert DirectMethod(n_folds=2, reg=0.0).evaluate(log, np.ones((6, 1))).value == pytest.approx(1.0)
