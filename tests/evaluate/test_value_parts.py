from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import ConfigError, InputError, NoInterval, NoSupport, NotIndependent
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import (
    IPS,
    MRDR,
    SNDR,
    SNIPS,
    DirectMethod,
    DoublyRobust,
    SwitchDR,
    bernstein_interval,
    context_drift,
    off_policy_values,
    policy_contrast,
    rolling_value,
    select_estimator,
    value_by_segment,
)
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=1_200, seed=3)
LOG, TARGET = WORLD.feedback(), WORLD.target()
NEAR = 0.9 * TARGET + 0.1 / 5


def test_several_estimators_share_one_opening_and_say_the_same():
    names = {"ips": IPS(), "snips": SNIPS(), "dm": DirectMethod(), "dr": DoublyRobust(), "sndr": SNDR(), "mrdr": MRDR()}
    made = off_policy_values(LOG, TARGET, names)
    for name, estimator in names.items():
        alone = estimator.evaluate(LOG, TARGET)
        assert made[name].value == alone.value
        assert made[name].influence == pytest.approx(alone.influence)
    with pytest.raises(ConfigError, match="estimators"):
        off_policy_values(LOG, TARGET, {})


def test_a_contrast_is_paired():
    made = policy_contrast(DoublyRobust(), LOG, TARGET, NEAR)
    a, b = (DoublyRobust().evaluate(LOG, p) for p in (TARGET, NEAR))
    assert made.value == pytest.approx(a.value - b.value)
    assert made.std_error == pytest.approx((a - b).std_error)
    assert made.std_error < 0.3 * np.hypot(a.std_error, b.std_error)


def test_a_contrast_carries_both_biases():
    plain = policy_contrast(DoublyRobust(), LOG, TARGET, NEAR)
    made = policy_contrast(SwitchDR(tau=1.0), LOG, TARGET, NEAR)
    bounds = [
        next(v.statistic for v in SwitchDR(tau=1.0).evaluate(LOG, p).verdicts if v.code == "bias_carried")
        for p in (TARGET, NEAR)
    ]
    assert made.std_error > sum(bounds)
    assert plain.std_error < made.std_error


def test_values_by_segment_are_those_of_the_segments_alone():
    segment = np.arange(LOG.n) % 3
    made = value_by_segment(SNIPS(), LOG, TARGET, segment)
    assert made.name == ("0", "1", "2")
    for s in range(3):
        rows = np.flatnonzero(segment == s)
        alone = SNIPS().evaluate(LOG.take(rows), TARGET[rows])
        assert made[s].value == pytest.approx(alone.value)
        assert made[s].std_error == pytest.approx(alone.std_error, rel=0.01)
    joint, single = made.interval(joint=True), made.interval()
    assert (joint.upper > single.upper).all()
    assert made.verdicts[-1].status == "passed"


def test_segments_that_differ_are_told():
    segment = (np.arange(LOG.n) % 2).astype(str)
    better = replace(LOG, reward=LOG.reward + 0.5 * (segment == "1"))
    told = value_by_segment(IPS(), better, TARGET, segment).verdicts[-1]
    assert (told.code, told.status) == ("parts_differ", "warning")


def test_a_segment_without_support_is_left_out_and_named():
    rng = np.random.default_rng(0)
    segment = np.repeat(["a", "b"], 300)
    action = np.where(segment == "a", rng.integers(2, size=600), 0)
    log = LoggedFeedback(
        action=action, reward=rng.random(600), propensity=np.where(segment == "a", 0.5, 1.0), n_actions=2
    )
    made = value_by_segment(IPS(), log, np.tile([0.5, 0.5], (600, 1)), segment)
    assert made.name == ("a",)
    assert [(v.code, v.evidence["part"]) for v in made.verdicts if v.status == "failed"] == [("no_support", "b")]
    with pytest.raises(NoSupport, match="no part"):
        value_by_segment(IPS(), log.take(np.arange(300, 600)), np.tile([0.5, 0.5], (300, 1)), segment[300:])


def test_windows_of_a_log_that_stays_the_same_agree_and_of_one_that_moves_do_not():
    steady = rolling_value(SNIPS(), LOG, TARGET, window=300)
    assert steady.verdicts[-1].status == "passed"
    moving = replace(LOG, reward=LOG.reward + np.arange(LOG.n) / LOG.n)
    made = rolling_value(SNIPS(), moving, TARGET, window=300, step=150)
    assert len(made.value) == 7
    assert made.verdicts[-1].status == "warning"
    assert made.value[-1] - made.value[0] == pytest.approx(0.75, abs=0.2)
    # overlapping windows share rows, and the covariance knows it
    assert made.covariance[0, 1] > 0.3 * made.covariance[0, 0]


def test_parts_need_labels_and_windows_that_fit():
    with pytest.raises(InputError, match="segments"):
        value_by_segment(IPS(), LOG, TARGET, np.zeros(3))
    with pytest.raises(InputError, match="window"):
        rolling_value(IPS(), LOG, TARGET, window=LOG.n + 1)


def test_bernstein_is_wider_and_covers_where_the_normal_interval_falls_short():
    made = IPS().evaluate(LOG, TARGET)
    bound, plain = bernstein_interval(made, score_range=60.0), made.interval()
    assert bound.lower < plain.lower < plain.upper < bound.upper
    rare = np.zeros(200)
    rare[0] = 1.0  # a score of 1 in 200: means of such samples are often 0
    with pytest.raises(InputError, match="span"):
        bernstein_interval(replace(made, influence=rare - rare.mean()), score_range=0.5)
    with pytest.raises(NoInterval, match="SNIPS"):
        bernstein_interval(SNIPS().evaluate(LOG, TARGET), score_range=60.0)
    with pytest.raises(NotIndependent):
        bernstein_interval(replace(made, cluster=np.arange(made.n) // 2), score_range=60.0)


def test_empirical_bernstein_is_that_of_the_paper():
    made = IPS().evaluate(LOG, TARGET)
    n, delta = made.n, 0.1
    one_sided = np.sqrt(2 * made.influence.var(ddof=1) * np.log(4 / delta) / n) + 7 * 60 * np.log(4 / delta) / 3 / (
        n - 1
    )
    assert bernstein_interval(made, 60.0, level=0.9).upper - made.value == pytest.approx(one_sided)


def test_selection_prefers_the_narrow_and_the_unbiased():
    names = {"ips": IPS(), "dr": DoublyRobust(), "dm": DirectMethod(), "switch": SwitchDR(tau=0.5)}
    made = select_estimator(LOG, TARGET, names)
    assert made.candidates[0].name == made.chosen
    assert len(made.candidates) == 4
    errors = [c.mean_squared_error for c in made.candidates]
    assert errors == sorted(errors)
    assert made.estimate.interval().lower < WORLD.true_value() < made.estimate.interval().upper
    wrong = replace(LOG, reward=LOG.reward + 5.0 * (LOG.action == 0))
    assert select_estimator(wrong, TARGET, {"dr": DoublyRobust(), "ips": IPS()}).chosen == "dr"
    with pytest.raises(ConfigError, match="unbiased"):
        select_estimator(LOG, TARGET, {"dm": DirectMethod()})


def test_the_interval_of_a_selected_estimator_covers():
    truth = WORLD.true_value()
    covered = []
    for r in range(30):
        draw = replace(WORLD, n=600, replica=r)
        names = {"ips": IPS(), "dr": DoublyRobust(), "dm": DirectMethod()}
        lower, upper = select_estimator(draw.feedback(), draw.target(), names).estimate.interval()
        covered.append(lower <= truth <= upper)
    assert np.mean(covered) >= 0.83


def test_drift_is_told_by_column_and_rarely_where_there_is_none():
    rng = np.random.default_rng(0)
    failed = sum(not context_drift(LOG, rng.normal(size=(400, 3))) for _ in range(100))
    assert failed <= 5
    moved = context_drift(LOG, rng.normal(size=(400, 3)) * [1.0, 2.0, 1.0])
    assert moved.evidence["columns"] == [1]
    assert context_drift(replace(LOG, context=np.empty((LOG.n, 0))), np.empty((5, 0))).status == "passed"
    with pytest.raises(InputError, match="shape"):
        context_drift(LOG, np.zeros((4, 2)))
