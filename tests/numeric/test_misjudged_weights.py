import itertools

import numpy as np
import pytest

from dorec.numeric.misjudged_weights import factor_to, least_weighted_mean


@pytest.mark.parametrize("seed", range(5))
def test_the_least_is_that_of_every_corner(seed):
    rng = np.random.default_rng(seed)
    w, v = rng.gamma(1.0, size=7), rng.normal(size=7).round(1)
    factor = 1 + rng.random() * 4
    corners = itertools.product((1 / factor, factor), repeat=7)
    brute = min((w * np.array(c) @ v) / (w @ np.array(c)) for c in corners)
    assert least_weighted_mean(w, v, factor) == pytest.approx(brute)


def test_the_factor_takes_the_mean_to_the_threshold():
    rng = np.random.default_rng(0)
    w, v = rng.gamma(1.0, size=500), rng.random(500)
    factor = factor_to(w, v, 0.4)
    assert factor > 1
    assert least_weighted_mean(w, v, factor) == pytest.approx(0.4)
    assert factor_to(w, v, 0.9) == 1.0
    assert factor_to(w, v, -1.0) == np.inf
