import numpy as np
import pytest
from scipy import stats

from dorec.domain.errors import InputError
from dorec.experiment import check_sample_ratio


def test_it_is_the_chi_square_test():
    verdict = check_sample_ratio({"A": 470, "B": 360, "C": 170}, expected={"A": 5, "B": 3, "C": 2})
    peer = stats.chisquare([470, 360, 170], [500, 300, 200])
    assert (verdict.statistic, verdict.p_value) == pytest.approx((peer.statistic, peer.pvalue))
    assert verdict.status == "failed"


def test_false_alarms_are_one_in_a_thousand():
    rng = np.random.default_rng(0)
    draws = rng.binomial(10_000, 0.5, size=20_000)
    values, counts = np.unique(draws, return_counts=True)
    failed = sum(c for v, c in zip(values, counts, strict=True) if not check_sample_ratio([v, 10_000 - v]))
    assert failed / 20_000 == pytest.approx(0.001, abs=0.0007)


def test_51_to_49_at_100_000_is_seen():
    rng = np.random.default_rng(1)
    flagged = [not check_sample_ratio([v, 100_000 - v]) for v in rng.binomial(100_000, 0.51, size=500)]
    assert np.mean(flagged) >= 0.99


def test_wrong_plans_are_refused():
    with pytest.raises(InputError, match="names the arms"):
        check_sample_ratio({"A": 1, "B": 2}, expected={"A": 1, "C": 1})
    with pytest.raises(InputError, match="above 0"):
        check_sample_ratio([1, 2], expected=[1, 0])
    with pytest.raises(InputError, match="two arms"):
        check_sample_ratio([5])
