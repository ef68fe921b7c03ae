import numpy as np
import pytest

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.experiment import ConfidenceSequence, Lift, Mean, analyze


def looks(n_experiments, n_units, every, seed=0):
    """Value and standard error of A/A differences at each look, (experiments, looks) twice, and the units at each."""
    rng = np.random.default_rng(seed)
    arm = rng.permuted(np.tile(np.arange(n_units) % 2, (n_experiments, 1)), axis=1)
    y = rng.exponential(size=(n_experiments, n_units))
    at = np.arange(every, n_units + 1, every) - 1
    values, variances = [], []
    for a in (0, 1):
        own = arm == a
        n = own.cumsum(axis=1)[:, at]
        mean = (y * own).cumsum(axis=1)[:, at] / n
        square = (y**2 * own).cumsum(axis=1)[:, at] / n
        values.append(mean)
        variances.append((square - mean**2) / (n - 1))
    return values[1] - values[0], np.sqrt(variances[0] + variances[1]), at + 1


def test_a_hundred_looks_raise_no_more_false_alarms_than_one():
    value, se, n = looks(400, 20_000, 200)
    sequence = ConfidenceSequence(alpha=0.05, tuning=5000)
    factor = np.array([sequence.interval(Lift(0.0, 1.0, np.inf, int(k))).upper for k in n])
    naive = (np.abs(value) > 1.96 * se).any(axis=1).mean()
    anytime = (np.abs(value) > factor * se).any(axis=1).mean()
    assert naive > 0.25
    assert anytime <= 0.057


def test_the_p_value_is_below_alpha_exactly_when_the_interval_excludes_zero():
    sequence = ConfidenceSequence(alpha=0.05, tuning=600)
    for z in np.linspace(0.1, 6, 60):
        look = Lift(z * 0.1, 0.1, 500.0, 502)
        lower, upper = sequence.interval(look)
        assert (lower > 0 or upper < 0) == (sequence.p_value(look) < 0.05)


def test_it_reads_estimates_scalar_and_vector():
    rng = np.random.default_rng(0)
    table = {"arm": np.tile(list("ABC"), 300), "y": rng.normal(size=900)}
    made = analyze(table, treatment="arm", metrics=[Mean("y")])["y"]
    sequence = ConfidenceSequence()
    lower, upper = sequence.interval(made)
    one = sequence.interval(made[0])
    assert (lower[0], upper[0]) == pytest.approx(tuple(one))
    assert sequence.p_value(made).shape == (2,)
    assert upper[0] - lower[0] > np.ptp(made[0].interval())


def test_it_is_tightest_near_its_tuning():
    def width(tuning):
        return ConfidenceSequence(tuning=tuning).interval(Lift(0.0, 1.0, np.inf, 5000)).upper

    assert width(5000) < min(width(500), width(50_000))


def test_impossible_settings_are_refused():
    for wrong in ({"alpha": 1.0}, {"tuning": 0.0}):
        with pytest.raises(ConfigError):
            ConfidenceSequence(**wrong)
    assert isinstance(ConfidenceSequence().p_value(Estimate(1.0, np.array([0.5, -0.5, 0.1, -0.1]))), float)
