"""Figures that other packages assert for the same inputs."""

import json
import math

import numpy as np
import pytest

from dorec.experiment import ConfidenceSequence, Mean, Moments, Proportion, Ratio, compare, design
from dorec.experiment.moments import arm_of, cuped_theta
from dorec.experiment.sequential import normal_mixture_bound

Y = Mean("y", per="unit")


@pytest.fixture(scope="module")
def cases(shared):
    file = shared / "cases" / "numeric.json"
    if not file.is_file():
        pytest.skip("the published figures are not here")
    return {case["id"]: case for case in json.loads(file.read_text())["cases"]}


def of_sums(arm):
    return Moments.from_sums(arm["n"], {"y": arm["sum"]}, {("y", "y"): arm["sum_squares"]})


def of_successes(arm):
    k = arm["successes"]
    sums = {"(rows)": arm["n"], "y": k}
    return Moments.from_sums(arm["n"], sums, {("(rows)",) * 2: arm["n"], ("(rows)", "y"): k, ("y", "y"): k})


def of_ratio(arm):
    products = {
        ("x", "x"): arm["num_sum_squares"],
        ("d", "d"): arm["den_sum_squares"],
        ("x", "d"): arm["num_den_sum_product"],
    }
    return Moments.from_sums(arm["n"], {"x": arm["num_sum"], "d": arm["den_sum"]}, products)


def arms(case, make, names=("a", "b")):
    return [make(case["inputs"][name]) for name in names]


def test_relative_lift_of_means(cases):
    case = cases["gb-ttest-relative"]
    lift, want = compare(*arms(case, of_sums), Y, relative=True), case["expected"]
    assert (lift.value, lift.std_error, *lift.interval(), lift.p_value()) == pytest.approx(
        (want["point"], want["se"], *want["ci"], want["p"]), abs=case["tolerance"]
    )


def test_relative_lift_of_proportions(cases):
    case = cases["gb-ttest-proportion-relative"]
    lift, want = compare(*arms(case, of_successes), Proportion("y"), relative=True), case["expected"]
    assert (lift.value, lift.std_error, *lift.interval(), lift.p_value()) == pytest.approx(
        (want["point"], want["se"], *want["ci"], want["p"]), abs=case["tolerance"]
    )


@pytest.mark.parametrize("difference", ["relative", "absolute"])
def test_one_sided(cases, difference):
    case = cases[f"gb-onesided-lesser-{difference}"]
    lift = compare(*arms(case, of_sums), Y, relative=difference == "relative")
    assert lift.interval(0.95, "less").upper == pytest.approx(case["expected"]["ci_upper"], abs=case["tolerance"])
    assert lift.p_value("less") == pytest.approx(case["expected"]["p"], abs=case["tolerance"])


def test_welch_difference(cases):
    case = cases["tt-mean-welch"]

    def moments(arm):
        y = arm["orders"]
        return Moments(("y",), arm["n"], np.array([y["mean"]]), np.array([[y["var"]]]))

    both, want = arms(case, moments, ("control", "treatment")), case["expected"]
    lift = compare(*both, Y)
    assert (lift.value, *lift.interval(), lift.p_value()) == pytest.approx(
        (want["point"], *want["ci"], want["p"]), abs=case["tolerance"]
    )
    assert compare(*both, Y, relative=True).value == pytest.approx(want["relative"], abs=case["tolerance"])


def test_ratio(cases):
    case = cases["gb-ratio-metric"]
    both, want = arms(case, of_ratio, ("control", "treatment")), case["expected"]
    lift = compare(*both, Ratio("x", "d"), relative=True)
    assert (lift.value, lift.p_value()) == pytest.approx((want["point"], want["p"]), abs=case["tolerance"])
    assert [arm_of(m, Ratio("x", "d")).value for m in both] == pytest.approx(want["ratios"], abs=case["tolerance"])


def test_pooled_theta(cases):
    case = cases["gb-theta-pooled"]
    data = case["inputs"]["both arms identical"]
    moments = Moments.of(("y", "x"), np.stack([data["post"], data["pre"]], axis=1))
    theta = cuped_theta([moments, moments], Mean("y", per="unit", covariate="x"))
    assert theta == pytest.approx(case["expected"]["theta"], abs=case["tolerance"])


def test_cuped_of_a_ratio(cases):
    case = cases["tt-ratio-cuped-less-normal"]

    def moments(arm):
        names = tuple(arm["means"])
        pairs = {**arm["covs"], **{f"{n},{n}": v for n, v in arm["vars"].items()}}
        covariance = [[pairs.get(f"{a},{b}", pairs.get(f"{b},{a}")) for b in names] for a in names]
        return Moments(names, arm["n"], np.array([arm["means"][n] for n in names]), np.array(covariance))

    metric = Ratio("orders", "sessions", covariate=("orders_covariate", "sessions_covariate"))
    both, want = arms(case, moments, ("control", "treatment")), case["expected"]
    lift = compare(*both, metric)
    assert lift.value == pytest.approx(want["point"], abs=case["tolerance"])
    assert lift.value / lift.std_error == pytest.approx(want["statistic"], abs=case["tolerance"])
    assert lift.value + 1.6448536269514722 * lift.std_error == pytest.approx(want["ci_upper"], abs=case["tolerance"])
    assert compare(*both, metric, relative=True).value == pytest.approx(want["relative"], abs=case["tolerance"])


def test_negating_a_cuped_ratio_negates_its_lift(cases):
    data = cases["gb-cuped-ratio-rows-improving"]["inputs"]
    names = ("num_post", "den_post", "num_pre", "den_pre")
    metric = Ratio(*names[:2], covariate=names[2:])

    def lift(sign):
        signs = np.array([sign, 1, sign, 1])
        both = [
            Moments.of(names, np.stack([data[arm][n] for n in names], axis=1) * signs)
            for arm in ("control", "treatment")
        ]
        return compare(*both, metric, relative=True, theta=data["theta"])

    up, down = lift(1), lift(-1)
    assert (down.value, down.std_error) == pytest.approx((-up.value, up.std_error), abs=1e-12)


def test_confidence_sequence_of_a_proportion(cases):
    case = cases["gb-sequential-proportion-tuning5000"]
    lift, want = compare(*arms(case, of_successes), Proportion("y"), relative=True), case["expected"]
    sequence = ConfidenceSequence(tuning=5000)
    assert (lift.value, lift.std_error, *sequence.interval(lift), sequence.p_value(lift)) == pytest.approx(
        (want["point"], want["se"], *want["ci"], want["p"]), abs=case["tolerance"]
    )


def test_confidence_sequence_of_a_mean_and_its_p_value(cases):
    case = cases["gb-count-sequential-600"]
    lift, want = compare(*arms(case, of_sums, ("control", "treatment")), Y, relative=True), case["expected"]
    sequence = ConfidenceSequence(tuning=600)
    assert (lift.value, sequence.interval(lift).lower, sequence.p_value(lift)) == pytest.approx(
        (want["point"], want["ci_lower"], want["always_valid_p"]), abs=case["tolerance"]
    )


def test_one_sided_confidence_sequence(cases):
    case = cases["gb-sequential-onesided-absolute"]
    lift, want, sequence = compare(*arms(case, of_sums), Y), case["expected"], ConfidenceSequence(tuning=5000)
    assert sequence.interval(lift, "greater").lower == pytest.approx(want["ci_lower_greater"], abs=case["tolerance"])
    assert sequence.interval(lift, "less").upper == pytest.approx(want["ci_upper_lesser"], abs=case["tolerance"])
    assert math.isinf(sequence.interval(lift, "less").lower)


def test_normal_mixture_bound(cases):
    case = cases["cs-normal-mixture-two-sided"]
    given = case["inputs"]
    bound = normal_mixture_bound(given["v"], given["alpha"], given["v_opt"])
    assert bound == pytest.approx(case["expected"]["bound"], abs=case["tolerance"])


def test_sample_sizes(cases):
    case = cases["sp-samplesize"]
    default = case["inputs"]["default"]
    for given, want in zip(case["inputs"]["cases"], case["expected"], strict=True):
        spread = (
            {"sd": math.sqrt(given["variance"])} if given["kind"] == "continuous" else {"baseline": given["baseline"]}
        )
        rates = {name: given.get(name, default[name]) for name in ("alpha", "power")}
        assert design(effect=given["mde"], **spread, **rates).n_total == pytest.approx(want, rel=case["tolerance"])
