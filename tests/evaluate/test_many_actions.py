"""Actions too many for a matrix: what the policy does with the logged ones is enough where no reward is predicted."""

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, InputError, NoSupport
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, MIPS, MR, SNIPS, DirectMethod, DoublyRobust, DRos, SubGaussianIPS, policy_contrast
from dorec.evaluate.value_parts import value_by_segment
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=2_000, seed=3)
LOG, TARGET = WORLD.feedback(), WORLD.target()
CHOSEN = TARGET[np.arange(LOG.n), LOG.action]


@pytest.mark.parametrize("estimator", [IPS(), IPS(clip=2.0), SNIPS(), SubGaussianIPS(), MR()], ids=str)
def test_it_is_the_same_as_from_the_matrix(estimator):
    made, whole = estimator.evaluate(LOG, CHOSEN), estimator.evaluate(LOG, TARGET)
    assert (made.value, made.std_error) == (whole.value, whole.std_error)
    assert [v.code for v in made.verdicts][1:] == [v.code for v in whole.verdicts][1:]
    assert (made.verdicts[0].code, made.verdicts[0].status) == ("support_not_seen", "warning")


def test_contrasts_and_segments_take_it_too():
    assert policy_contrast(SNIPS(), LOG, CHOSEN, TARGET).value == 0.0
    segment = np.arange(LOG.n) % 2
    a, b = (value_by_segment(SNIPS(), LOG, policy, segment).value for policy in (CHOSEN, TARGET))
    assert a.tolist() == b.tolist()


@pytest.mark.parametrize("estimator", [DirectMethod(), DoublyRobust(), DRos()], ids=str)
def test_predicted_rewards_need_every_action(estimator):
    with pytest.raises(InputError, match="Predicted rewards need what the policy does with every action"):
        estimator.evaluate(LOG, CHOSEN)


def test_kinds_are_weighed_by_regression():
    made = MIPS(embedding=np.arange(5)).evaluate(LOG, CHOSEN)
    assert made.method == "MIPS(estimated weights)"


def test_entries_that_are_no_probabilities_are_refused():
    wrong = CHOSEN.copy()
    wrong[7] = 1.2
    with pytest.raises(BadPropensity, match=r"the first in row 7: 1\.2"):
        IPS().evaluate(LOG, wrong)
    with pytest.raises(InputError, match="of the logged actions"):
        IPS().evaluate(LOG, CHOSEN[:-1])


def test_a_policy_that_acts_elsewhere_is_seen_by_its_weights():
    with pytest.raises(NoSupport, match=r"average 0\.[67]"):
        IPS().evaluate(LOG, 0.7 * CHOSEN)


def test_a_million_rows_and_a_million_actions():
    rng = np.random.default_rng(0)
    n = k = 1_000_000
    share = rng.pareto(3.0, k) + 1
    logged, judged = share / share.sum(), share[::-1] / share.sum()
    action = rng.choice(k, size=n, p=logged)
    log = LoggedFeedback(action=action, reward=(action % 10 == 0) * 1.0, propensity=logged[action], n_actions=k)
    made = SNIPS().evaluate(log, judged[action])
    assert made.value == pytest.approx(judged[::10].sum(), abs=4 * made.std_error)
    assert made.std_error < 0.002
