import numpy as np
import pytest

from dorec.numeric.normalise import normalise

X = np.random.default_rng(0).lognormal(size=(200, 3))


def test_z_has_mean_0_and_deviation_1():
    z = normalise(X, "z")
    assert z.mean(axis=0) == pytest.approx(0, abs=1e-12)
    assert z.std(axis=0) == pytest.approx(1)


def test_robust_does_not_move_with_an_outlier():
    worse = np.vstack([X, [1e9] * 3, [-1e9] * 3])
    assert np.abs(normalise(worse, "robust")[:200] - normalise(X, "robust")).max() < 0.3
    normal = np.random.default_rng(1).normal(3, 2, 100_000)
    assert normalise(normal, "robust").std() == pytest.approx(1, abs=0.02)


def test_log_is_odd_and_minmax_fills_the_unit_interval():
    assert normalise(-X, "log") == pytest.approx(-normalise(X, "log"))
    scaled = normalise(X, "minmax")
    assert (scaled.min(axis=0).tolist(), scaled.max(axis=0).tolist()) == ([0.0] * 3, [1.0] * 3)


@pytest.mark.parametrize("how", ["z", "robust", "minmax"])
def test_a_reference_decides_the_scale_and_missing_stays_missing(how):
    test = np.array([[1.0, np.nan, 2.0]])
    together = normalise(np.vstack([X, test]), how, reference=X)
    assert np.array_equal(together[-1:], normalise(test, how, reference=X), equal_nan=True)
    assert np.isnan(together[-1]).tolist() == [False, True, False]


@pytest.mark.parametrize("how", ["z", "robust", "minmax"])
def test_a_constant_column_becomes_zero(how):
    assert normalise(np.full(5, 7.0), how).tolist() == [0.0] * 5


def test_what_has_no_scale_is_refused():
    with pytest.raises(ValueError, match="allowed: z, robust, log, minmax"):
        normalise(X, "rank")
    with pytest.raises(ValueError, match="infinite"):
        normalise(np.array([1.0, np.inf]))
    with pytest.raises(ValueError, match="no value"):
        normalise(np.array([[np.nan, 1.0]]))
