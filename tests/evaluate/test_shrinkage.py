import json
from dataclasses import replace

import numpy as np
import pytest

from dorec.domain.errors import ConfigError
from dorec.domain.logged_feedback import LoggedFeedback
from dorec.evaluate import IPS, DirectMethod, DoublyRobust, DRos, SubGaussianIPS, SwitchDR
from dorec.evaluate.doubly_robust import doubly_robust_moments
from dorec.evaluate.ips import ips_moments
from dorec.evaluate.judged_log import judge
from dorec.evaluate.off_policy import effective_sample_size
from dorec.evaluate.shrinkage import shrunk_estimate, slope, thresholds
from dorec.evaluate.snips import snips_moments
from dorec.numeric.shrunk_weights import CLIP, HARMONIC, OPTIMISTIC, SWITCH, shrink, shrunk, shrunk_moments
from dorec.simulate import LoggedBandit

WORLD = LoggedBandit(n=1_000, seed=3)


@pytest.fixture(scope="module")
def published(shared):
    cases = json.loads((shared / "cases" / "numeric.json").read_text())["cases"]
    return [case for case in cases if case["group"] == "ope"]


def test_published_values_are_exact(published):
    for name in ("ope-slate-greedy-dm-ips-dr", "ope-snips-derived"):
        case = next(case for case in published if case["id"] == name)
        given, expected, tolerance = case["inputs"], case["expected"], case["tolerance"]
        target = given.get("target_propensity", given.get("target_deterministic_match"))
        weights = np.array(target, dtype=float) / given["logged_propensity"]
        reward = np.array(given["logged_reward"], dtype=float)
        of_policy = np.array(given.get("q_hat_target", given.get("q_hat_target_slate")), dtype=float)
        of_logged = np.array(given.get("q_hat_logged", given.get("q_hat_logged_slate")), dtype=float)

        def dr(used, of_policy=of_policy, of_logged=of_logged, reward=reward):
            return doubly_robust_moments(used, reward, of_policy, of_logged)[0]

        made = {
            "dm": of_policy.mean(),
            "ips": ips_moments(weights, reward)[0],
            "dr": dr(weights),
            "snips": snips_moments(weights, reward)[0],
            "dros_lambda1": dr(shrunk(weights, OPTIMISTIC, 1.0)),
            "switch_dr_tau1": dr(shrunk(weights, SWITCH, 1.0)),
            "ess": effective_sample_size(weights),
            "normaliser_mean_logged_reward": reward.mean(),
        }
        for name, value in expected.items():
            assert made[name] == pytest.approx(value, abs=tolerance), (case["id"], name)
        assert dr(shrunk(weights, SWITCH, weights.max())) == pytest.approx(dr(weights), abs=tolerance)
        assert dr(shrunk(weights, SWITCH, 0.0)) == pytest.approx(of_policy.mean(), abs=tolerance)


def test_no_published_case_is_passed_over(published):
    """The third refers to the inputs of a case that is not in the file, for a metric that is no policy's value."""
    left = {case["id"]: case for case in published if "logged_reward" not in case["inputs"]}
    assert sorted(left) == ["ope-ips-precision3"]
    assert left["ope-ips-precision3"]["inputs"]["same inputs as ope-snips-slates"]
    assert len(published) == 3


def test_switch_goes_from_the_direct_method_to_doubly_robust():
    log, target = WORLD.feedback(), WORLD.target()
    hard, gentle = (SwitchDR(tau=tau).evaluate(log, target) for tau in (1e-12, 1e9))
    assert hard.value == pytest.approx(DirectMethod().evaluate(log, target).value, abs=1e-9)
    plain = DoublyRobust().evaluate(log, target)
    assert (gentle.value, gentle.std_error) == pytest.approx((plain.value, plain.std_error))
    assert "bias_carried" not in [v.code for v in gentle.verdicts]


def test_optimistic_shrinkage_without_end_is_doubly_robust():
    log, target = WORLD.feedback(), WORLD.target()
    plain = DoublyRobust().evaluate(log, target)
    assert DRos(lambda_=np.inf).evaluate(log, target).value == pytest.approx(plain.value)
    assert DRos(lambda_=1e-12).evaluate(log, target).value == pytest.approx(
        DirectMethod().evaluate(log, target).value, abs=1e-9
    )


def test_sub_gaussian_weights_are_those_of_the_paper():
    log, target = WORLD.feedback(), WORLD.target()
    weights = target[np.arange(log.n), log.action] / log.propensity
    degree = np.sqrt(2 * np.log(1 / 0.05) / (3 * (weights**2).sum()))
    made = SubGaussianIPS().evaluate(log, target)
    assert made.value == pytest.approx((weights / (1 - degree + degree * weights) * log.reward).mean())
    assert SubGaussianIPS(lambda_=0.0).evaluate(log, target).value == pytest.approx(IPS().evaluate(log, target).value)


@pytest.mark.parametrize(
    "estimator",
    [
        IPS(clip=2.0),
        SwitchDR(),
        SwitchDR(tuning="slope"),
        SwitchDR(tau=1.0),
        DRos(),
        DRos(lambda_=1.0),
        SubGaussianIPS(),
    ],
    ids=str,
)
def test_intervals_that_carry_the_bias_cover(estimator):
    truth = WORLD.true_value()
    covered = []
    for r in range(40):
        draw = replace(WORLD, replica=r)
        lower, upper = estimator.evaluate(draw.feedback(), draw.target()).interval()
        covered.append(lower <= truth <= upper)
    assert np.mean(covered) >= 0.85


def test_what_shrinking_hides_is_bounded_by_the_weight_that_is_lost():
    """Rewards are told by the rows that were cut alone: five of them are too few for an estimate of the bias."""
    n = 2_000
    action = np.zeros(n, int)
    action[:5] = 1
    propensity = np.where(action == 1, 0.0025, 0.9975)
    log = LoggedFeedback(action=action, reward=(action == 1) * 3.0, propensity=propensity, n_actions=2)
    judged = judge(log, np.tile([0.5, 0.5], (n, 1)))
    made = shrunk_estimate(judged, np.minimum(judged.weights, 1.0), None, "clipped")
    told = next(v for v in made.verdicts if v.code == "bias_carried")
    assert told.statistic == pytest.approx(3.0 * (1 - np.minimum(judged.weights, 1.0).mean()))
    lower, upper = made.interval()
    assert lower < 1.5 < upper


@pytest.mark.parametrize("kind", [CLIP, SWITCH, OPTIMISTIC, HARMONIC])
def test_moments_of_shrunk_scores(kind):
    rng = np.random.default_rng(0)
    weights, of_policy, residual = rng.exponential(size=50), rng.normal(size=50), rng.normal(size=50)
    degree = 0.3 if kind == HARMONIC else 0.8
    less = shrunk(weights, kind, degree)
    assert (less <= weights + 1e-12).all() or kind == HARMONIC
    scores, lost = of_policy + less * residual, (weights - less) * residual
    made = shrunk_moments(weights, of_policy, residual, kind, np.array([degree]))[0]
    assert made == pytest.approx([scores.mean(), scores.var(ddof=1), lost.mean(), lost.var(ddof=1)])
    unchanged = 0.0 if kind == HARMONIC else np.inf
    assert shrink(7.0, kind, unchanged) == 7.0


def test_slope_keeps_the_last_that_agrees_with_all_before_it():
    widths = np.array([4.0, 2.0, 1.0, 0.5])
    assert slope(np.zeros(4), widths) == 3
    assert slope(np.array([0.0, 0.0, 20.0, 0.0]), widths) == 1
    assert slope(np.array([0.0, 30.0, 0.0, 0.0]), widths) == 0


def test_thresholds_start_with_none():
    found = thresholds(np.random.default_rng(0).exponential(size=1_000))
    assert found[0] == np.inf
    assert (np.diff(found) < 0).all()
    assert thresholds(np.zeros(3)).tolist() == [np.inf]


@pytest.mark.parametrize(
    "make",
    [
        lambda: SwitchDR(tau=0.0),
        lambda: DRos(lambda_=-1.0),
        lambda: DRos(tuning="best"),
        lambda: SubGaussianIPS(lambda_=2.0),
        lambda: SubGaussianIPS(delta=0.0),
    ],
)
def test_impossible_degrees_are_refused(make):
    with pytest.raises(ConfigError, match=r"tau|lambda_|tuning|delta"):
        make()
