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


@pytest.mark.parametrize("n", [5, 12, 40])
@pytest.mark.parametrize("share", [(0.5, 0.5), (0.9, 0.1), (0.98, 0.02), (0.7, 0.2, 0.1), (0.9, 0.08, 0.02)])
def test_small_plans_raise_no_more_false_alarms_than_one_in_a_thousand(n, share):
    """Every outcome with its probability: no simulation, no approximation."""
    if len(share) == 2:
        outcomes = [(a, n - a) for a in range(n + 1)]
    else:
        outcomes = [(a, b, n - a - b) for a in range(n + 1) for b in range(n + 1 - a)]
    likely = stats.multinomial(n, share).pmf(outcomes)
    assert likely.sum() == pytest.approx(1.0)
    alarms = [p for seen, p in zip(outcomes, likely, strict=True) if p > 1e-7 and not check_sample_ratio(seen, share)]
    assert sum(alarms) <= 0.001


def test_a_small_arm_that_is_gone_or_doubled_is_still_seen():
    assert check_sample_ratio([0, 18]).status == "failed"
    assert check_sample_ratio([970, 30], expected=[0.995, 0.005]).status == "failed"
    assert check_sample_ratio([500, 470, 30], expected=[0.5, 0.495, 0.005]).status == "failed"
