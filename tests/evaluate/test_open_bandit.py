"""The Open Bandit data (campaign men): two policies whose propensities were logged."""

import numpy as np
import pyarrow.csv as pa_csv
import pytest

from dorec.domain.errors import NoInterval
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, MRDR, SNDR, SNIPS, DoublyRobust, DRos, SwitchDR, popularity_policy, uniform_policy


@pytest.fixture(scope="module")
def logs(shared):
    folder = shared / "data" / "obd"
    if not folder.is_dir():
        pytest.skip("the Open Bandit data are not here")
    made = {}
    for policy in ("random", "bts"):
        table = pa_csv.read_csv(folder / policy / "men" / "men.csv.gz")
        log, aside = LoggedFeedback.from_table(
            table,
            action="item_id",
            reward="click",
            propensity="propensity_score",
            position="position",
            actions=range(34),
        )
        assert aside.num_rows == 0
        made[policy] = log
    return made


def test_random_is_uniform_over_34_items(logs):
    assert logs["random"].n_actions == 34
    assert logs["random"].n == 10_000
    assert np.abs(logs["random"].propensity - 1 / 34).max() < 1e-6


def test_the_control_variate_holds_on_both_logs(logs):
    for log in logs.values():
        made = IPS().evaluate(log, uniform_policy(log))
        weight = next(v for v in made.verdicts if v.code == "mean_weight")
        assert weight.status == "passed", weight


def test_a_popularity_policy_is_judged_with_interval_and_effective_size(logs):
    log = logs["random"]
    # learned from the other log: a policy may not be judged by the clicks that made it
    counts = np.bincount(logs["bts"].action, weights=logs["bts"].reward, minlength=34)
    policy = popularity_policy(log, counts=counts)
    values = [e.evaluate(log, policy) for e in (IPS(), SNIPS(), DoublyRobust())]
    for made in values:
        lower, upper = made.interval()
        assert 0 < made.value < 0.02
        assert lower < log.reward.mean() < upper
        ess = next(v.statistic for v in made.verdicts if v.code == "effective_sample_size")
        assert 1_000 < ess < 10_000
    assert np.ptp([v.value for v in values]) < 0.5 * values[0].std_error


def test_bts_judged_on_the_random_log_is_what_bts_earned(logs):
    """Its propensities depend on place and time alone, so the mean over its log at a place is a policy by place."""
    bts, random = logs["bts"], logs["random"]
    by_place = np.zeros((4, 34))
    for place in (1, 2, 3):
        rows = bts.position == place
        taken = np.bincount(bts.action[rows], minlength=34)
        by_place[place] = taken / taken.sum()
    for estimator in (IPS(), SNIPS(), DoublyRobust()):
        made = estimator.evaluate(random, by_place[random.position])
        gap = made.value - bts.reward.mean()
        error = np.hypot(made.std_error, bts.reward.std() / np.sqrt(bts.n))
        assert abs(gap) < 2.5 * error


@pytest.mark.parametrize("estimator", [IPS(), SNIPS(), DoublyRobust(), SNDR(), MRDR(), SwitchDR(), DRos()], ids=str)
def test_uniform_judged_on_the_bts_log_is_what_uniform_earned(logs, estimator):
    """The way back, where weights vary: both earnings are estimates, and their errors add up."""
    bts, random = logs["bts"], logs["random"]
    made = estimator.evaluate(bts, uniform_policy(bts))
    ess = next(v.statistic for v in made.verdicts if v.code == "effective_sample_size")
    assert 100 < ess < 0.6 * bts.n
    gap = made.value - random.reward.mean()
    assert abs(gap) < 2.5 * np.hypot(made.std_error, random.reward.std() / np.sqrt(random.n))


def test_where_the_weights_explode_an_interval_is_refused(logs):
    """The item that BTS showed least, always: some seven rows would have to speak for ten thousand."""
    bts = logs["bts"]
    policy = np.zeros((bts.n, 34))
    policy[:, bts.action[bts.propensity.argmin()]] = 1.0
    made = IPS().evaluate(bts, policy)
    verdict = next(v for v in made.verdicts if v.code == "effective_sample_size")
    assert verdict.status == "failed"
    with pytest.raises(NoInterval, match="effective"):
        made.interval()
