import numpy as np
import pytest
from scipy import special, stats

from dorec.numeric.extra_variance import ExtraVariance, extra_variance, freedom


def test_equal_variances_have_a_closed_form():
    errors = np.array([1.0, -2.0, 0.5, 3.0])
    expected = (errors**2).sum() / stats.chi2.median(4) - 0.5
    assert extra_variance(errors, np.full(4, 0.5)).value == pytest.approx(expected)


def test_it_is_too_small_as_often_as_too_large():
    rng = np.random.default_rng(0)
    known = np.exp(rng.normal(size=7))
    made = [extra_variance(rng.normal(0, np.sqrt(known + 2.0)), known).value for _ in range(600)]
    assert np.mean(np.array(made) > 2.0) == pytest.approx(0.5, abs=0.06)


def test_the_scale_of_the_errors_does_not_matter():
    rng = np.random.default_rng(1)
    errors, known = rng.normal(0, 3, 9), np.exp(rng.normal(size=9))
    small = extra_variance(1e-6 * errors, 1e-12 * known)
    assert small.value == pytest.approx(1e-12 * extra_variance(errors, known).value)


def test_freedom_is_that_of_the_errors_or_more():
    extra = extra_variance(np.full(6, 10.0), np.full(6, 1e-9))
    assert freedom(1e-9, extra) == pytest.approx(6, rel=1e-6)
    assert freedom(1e12, extra) > 1e6
    assert freedom(1e-9, ExtraVariance(1.0, 50.0, 0.5, 6)) == 6
    assert freedom(1.0, ExtraVariance(1.0, 1e-9, 0.5, 6), dof=4.0) == pytest.approx(16)


@pytest.mark.parametrize(("over", "least"), [(1.0, 0.95), (2.0, 0.90), (3.0, 0.89)])
def test_widened_intervals_cover_again(over, least):
    """Ten past promises whose true error is `over` times what they say; the next one's interval, widened by them."""
    rng, k, hits = np.random.default_rng(2), 10, []
    for _ in range(600):
        s, t = np.exp(rng.normal(0, 0.4, (2, k + 1)))
        wrong = rng.normal(size=k + 1) * s * over
        extra = extra_variance((wrong - rng.normal(size=k + 1) * t)[:k], (s**2 + t**2)[:k])
        width = np.sqrt(s[-1] ** 2 + extra.value) * (
            special.stdtrit(freedom(s[-1] ** 2, extra), 0.975) if extra.value else 1.96
        )
        hits.append(abs(wrong[-1]) <= width)
    assert least <= np.mean(hits) <= 0.995
