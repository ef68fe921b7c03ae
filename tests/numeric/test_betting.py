import numpy as np
import pytest

from dorec.numeric.betting import MOST, bets, lower_bounds


def test_the_bound_is_where_the_wealth_meets_its_goal():
    scores = np.random.default_rng(0).exponential(0.4, 3_000)
    bound = lower_bounds(scores, 0.025, np.array([3_000]))[0]
    stake = bets(scores, 0.025)
    assert np.log1p(stake * (scores - bound)).sum() == pytest.approx(np.log(1 / 0.025), abs=1e-4)
    assert 0.37 < bound < 0.4
    later = np.append(scores[:100], 9.0)
    assert bets(later, 0.025)[:101].tolist() == bets(scores[:101], 0.025).tolist()
    assert 0 < stake.min() < stake.max() == MOST
