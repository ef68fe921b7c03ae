"""Logs and policies that can't be right: each is refused by type, with the row and what to do about it."""

from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import BadPropensity, NoSupport, NotFinite, Refusal, UnknownAction
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import (
    IPS,
    MRDR,
    SNDR,
    SNIPS,
    DirectMethod,
    DoublyRobust,
    DRos,
    SubGaussianIPS,
    SwitchDR,
    effective_sample_size,
)

N = 1_000
RNG = np.random.default_rng(0)
LOG = LoggedFeedback(
    context=RNG.normal(size=(N, 2)),
    action=RNG.integers(3, size=N),
    reward=RNG.random(N),
    propensity=np.full(N, 1 / 3),
    n_actions=3,
)
POLICY = np.tile([0.5, 0.3, 0.2], (N, 1))
EVERY = [
    IPS(),
    IPS(clip=2.0),
    SNIPS(),
    DirectMethod(),
    DoublyRobust(),
    SNDR(),
    MRDR(),
    SwitchDR(),
    DRos(),
    SubGaussianIPS(),
]
UNBOUNDED = [IPS(), SNIPS(), DoublyRobust(), SNDR(), MRDR()]


def named(estimator):
    return type(estimator).__name__


def broken(field, row, value):
    values = getattr(LOG, field).copy()
    values[row] = value
    return {field: values}


@pytest.mark.parametrize(
    ("field", "value", "refusal"),
    [
        ("propensity", 0.0, BadPropensity),
        ("propensity", 1.7, BadPropensity),
        ("propensity", -0.1, BadPropensity),
        ("propensity", np.nan, BadPropensity),
        ("reward", np.nan, NotFinite),
        ("reward", np.inf, NotFinite),
        ("action", 3, UnknownAction),
        ("action", -1, UnknownAction),
    ],
)
def test_a_bad_row_is_refused_by_name(field, value, refusal):
    with pytest.raises(refusal, match="row 17") as caught:
        replace(LOG, **broken(field, 17, value))
    assert caught.value.evidence["rows"] == [17]
    assert "from_table" in caught.value.remedy


def test_missing_contexts_are_refused():
    context = LOG.context.copy()
    context[5, 1] = np.nan
    with pytest.raises(NotFinite, match="row 5"):
        replace(LOG, context=context)


@pytest.mark.parametrize(
    "row", [[0.5, 0.3, 0.1], [0.5, 0.3, 0.3], [1.2, -0.2, 0.0], [np.nan, 0.5, 0.5], [np.inf, 0, 0]]
)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_rows_of_a_policy_that_are_no_distribution(row, dtype):
    policy = POLICY.astype(dtype)
    policy[23] = row
    with pytest.raises(BadPropensity, match="row 23") as caught:
        SNIPS().evaluate(LOG, policy)
    assert caught.value.evidence["rows"] == [23]
    assert "divide each row" in caught.value.remedy


def test_single_precision_says_what_double_says():
    for estimator in EVERY:
        single, double = (estimator.evaluate(LOG, POLICY.astype(t)) for t in (np.float32, np.float64))
        assert single.value == pytest.approx(double.value, abs=1e-6), estimator


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_a_log_of_one_action_tells_nothing_of_others(estimator):
    only = replace(LOG, action=np.zeros(N, int), propensity=np.ones(N))
    with pytest.raises(NoSupport, match="never took") as caught:
        estimator.evaluate(only, POLICY)
    assert caught.value.evidence["unsupported_mass"] == pytest.approx(0.5)
    assert caught.value.evidence["row"] == 0
    always = np.tile([1.0, 0.0, 0.0], (N, 1))
    assert estimator.evaluate(only, always).value == pytest.approx(LOG.reward.mean(), abs=1e-3)


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_propensities_that_cannot_be_those_of_one_action_logs(estimator):
    """Every row took action 0 with a propensity of a third: that happens once in 3^1000."""
    only = replace(LOG, action=np.zeros(N, int))
    with pytest.raises(BadPropensity, match="average 3"):
        estimator.evaluate(only, np.tile([1.0, 0.0, 0.0], (N, 1)))


@pytest.mark.parametrize("estimator", UNBOUNDED, ids=named)
def test_a_weight_of_a_million_is_refused_with_its_row(estimator):
    exploded = replace(LOG, **broken("propensity", 42, 3e-7))
    with pytest.raises(NoSupport, match="row 42 alone has a weight of") as caught:
        estimator.evaluate(exploded, POLICY)
    assert caught.value.evidence["row"] == 42
    assert "SwitchDR" in caught.value.remedy


@pytest.mark.parametrize("estimator", [SwitchDR(tau=10.0), DRos(lambda_=100.0), IPS(clip=10.0)], ids=named)
def test_bounded_weights_survive_a_weight_of_a_million_and_say_so(estimator):
    exploded = replace(LOG, **broken("propensity", 42, 3e-7))
    made = estimator.evaluate(exploded, POLICY)
    assert made.value == pytest.approx(0.5, abs=0.1)
    assert any(v.code == "bias_carried" and v.status == "warning" for v in made.verdicts)


def test_support_is_told_by_context_where_the_logged_policy_is_known():
    """Action 2 occurs in the log, but not in contexts of even rows, and the mean weight alone can't say so."""
    logged = np.tile([0.4, 0.4, 0.2], (N, 1))
    logged[::2] = [0.5, 0.5, 0.0]
    rng = np.random.default_rng(1)
    action = (logged.cumsum(axis=1) < rng.random((N, 1))).sum(axis=1)
    known = replace(LOG, action=action, propensity=logged[np.arange(N), action], logged_policy=logged)
    policy = np.tile([0.48, 0.48, 0.04], (N, 1))
    with pytest.raises(NoSupport, match=r"2\.00% of the policy lies on 1 action\(s\)") as caught:
        IPS().evaluate(known, policy)
    assert caught.value.evidence["row"] % 2 == 0
    within = np.where(logged > 0, policy, 0.0)
    assert IPS().evaluate(known, within / within.sum(axis=1, keepdims=True)).value > 0


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_no_refusal_is_without_a_reason_and_a_remedy(estimator):
    wrong = replace(LOG, propensity=np.full(N, 0.1))
    with pytest.raises(Refusal) as caught:
        estimator.evaluate(wrong, POLICY)
    assert caught.value.reason
    assert caught.value.remedy
    assert caught.value.evidence


@pytest.mark.parametrize(("rate", "warned"), [(0.01, True), (0.99, True), (0.5, False)])
def test_few_rewarded_rows_are_told(rate, warned):
    n = 1_000
    reward = (np.arange(n) % 100 < 100 * rate).astype(float)
    log = LoggedFeedback(action=np.arange(n) // 2 % 2, reward=reward, propensity=np.full(n, 0.5), n_actions=2)
    made = IPS().evaluate(log, np.tile([0.6, 0.4], (n, 1)))
    told = [v for v in made.verdicts if v.code == "few_events"]
    assert bool(told) == warned
    if warned:
        assert told[0].statistic == pytest.approx(effective_sample_size(np.tile([1.2, 0.8], n // 2)) / 100)
