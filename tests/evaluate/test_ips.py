import numpy as np
import pytest

from dorec.domain.errors import ConfigError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=1_000, seed=3)


def test_published_numbers():
    """Slates as actions: the target shows the logged slate in the second row alone."""
    log = LoggedFeedback(
        action=np.zeros(3, int), reward=np.array([4.0, 5.0, 7.0]), propensity=np.array([0.2, 0.5, 0.4]), n_actions=2
    )
    policy = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    made = IPS(max_unsupported=1.0).evaluate(log, policy)
    assert made.value == pytest.approx(10 / 3)
    assert "effective rows" in made.no_interval


def test_it_is_the_weighted_mean():
    log, target = WORLD.feedback(), WORLD.target()
    weights = target[np.arange(log.n), log.action] / log.propensity
    made = IPS().evaluate(log, target)
    scores = weights * log.reward
    assert made.value == pytest.approx(scores.mean())
    assert made.std_error == pytest.approx(scores.std(ddof=1) / np.sqrt(log.n))


def test_clipping_is_told_and_its_bias_is_in_the_interval():
    log, target = WORLD.feedback(), WORLD.target()
    made, plain = IPS(clip=1.5).evaluate(log, target), IPS().evaluate(log, target)
    told = next(v for v in made.verdicts if v.code == "clipped")
    assert told.status == "warning"
    assert told.evidence["rows"] > 0
    assert made.value < plain.value
    carried = next(v for v in made.verdicts if v.code == "bias_carried")
    assert carried.evidence["bias"] == pytest.approx(made.value - plain.value)
    assert made.std_error == pytest.approx(np.hypot(carried.evidence["std_error_alone"], carried.statistic))
    lower, upper = made.interval()
    assert lower < WORLD.true_value() < upper


def test_a_clip_that_cuts_nothing_changes_nothing():
    log, target = WORLD.feedback(), WORLD.target()
    wide, plain = IPS(clip=1e6).evaluate(log, target), IPS().evaluate(log, target)
    assert (wide.value, tuple(wide.interval())) == (plain.value, tuple(plain.interval()))
    assert [v.code for v in wide.verdicts] == [v.code for v in plain.verdicts]


def test_a_clip_must_be_a_weight():
    with pytest.raises(ConfigError, match="clip"):
        IPS(clip=0.0)
