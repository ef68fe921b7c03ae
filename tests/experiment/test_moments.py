import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.domain.errors import InputError, NoInterval, NotFinite, TooFewUnits
from dorec.experiment import Mean, Moments, Proportion, Ratio, aggregates_of, analyze, compare
from dorec.experiment.moments import Lift


def rows(n=60, c=4, seed=0):
    rng = np.random.default_rng(seed)
    return rng.gamma(2.0, size=(n, c)) @ (np.eye(c) + 0.3) + 1


@given(st.integers(2, 40), st.integers(2, 40), st.integers(0, 10**6))
@settings(max_examples=40, deadline=None)
def test_parts_add_up_to_the_whole(n, m, seed):
    all_rows = rows(n + m, 3, seed)
    parts = Moments.of("abc", all_rows[:n]) + Moments.of("abc", all_rows[n:])
    whole = Moments.of("abc", all_rows)
    assert parts.n == whole.n
    assert np.allclose(parts.means, whole.means)
    assert np.allclose(parts.covariance, whole.covariance)


def test_sums_of_a_database_give_the_same_moments_as_rows():
    x = rows(50, 2)
    made = Moments.from_sums(
        50,
        {"a": x[:, 0].sum(), "b": x[:, 1].sum()},
        {("a", "a"): (x[:, 0] ** 2).sum(), ("b", "a"): (x[:, 0] * x[:, 1]).sum(), ("b", "b"): (x[:, 1] ** 2).sum()},
    )
    plain = Moments.of("ab", x)
    assert np.allclose(made.means, plain.means)
    assert np.allclose(made.covariance, plain.covariance)
    with pytest.raises(InputError, match="a x b"):
        Moments.from_sums(3, {"a": 1.0, "b": 1.0}, {("a", "a"): 1.0, ("b", "b"): 1.0})


@pytest.mark.parametrize("relative", [False, True])
@pytest.mark.parametrize(
    "metric",
    [
        Mean("a"),
        Mean("a", covariate="c"),
        Ratio("a", "b"),
        Ratio("a", "b", covariate=("c", "d")),
        Proportion("f"),
        Proportion("f", covariate="c"),
    ],
    ids=lambda m: f"{m.name} {m.before}",
)
def test_rows_and_moments_give_the_same_lift(metric, relative):
    x = rows(200, 4)
    table = {name: x[:, i] for i, name in enumerate("abcd")}
    table["f"] = (x[:, 0] > np.median(x[:, 0])).astype(float)
    arm = np.arange(200) % 5 < 2
    by_rows = analyze({**table, "arm": arm}, treatment="arm", metrics=[metric], relative=relative, expected="any")
    estimate = by_rows[metric.name]
    names = ["(rows)", *table]
    matrix = np.stack([np.ones(200), *table.values()], axis=1)
    lift = compare(Moments.of(names, matrix[~arm]), Moments.of(names, matrix[arm]), metric, relative=relative)
    assert estimate.value == pytest.approx(lift.value, rel=1e-12)
    assert estimate.std_error == pytest.approx(lift.std_error, rel=1e-10)
    assert estimate.dof == pytest.approx(lift.dof, rel=1e-10)
    assert estimate.p_value() == pytest.approx(lift.p_value(), rel=1e-8)
    assert tuple(estimate.interval()) == pytest.approx(tuple(lift.interval()), rel=1e-10)


def test_a_metric_names_the_sums_it_needs_and_no_other():
    assert aggregates_of(Ratio("a", "b")) == (
        ("(units)",),
        ("a",),
        ("b",),
        ("a", "a"),
        ("a", "b"),
        ("b", "b"),
    )
    needed = aggregates_of(Mean("a", per="unit", covariate="c"))
    assert ("a", "c") in needed
    assert not any("b" in names for names in needed)


def test_one_sided_intervals_are_open_and_agree_with_their_p_values():
    lift = Lift(0.3, 0.1, 50.0, 100)
    assert lift.interval(alternative="less").lower == -math.inf
    assert lift.interval(alternative="greater").upper == math.inf
    p = lift.p_value("greater")
    assert lift.interval(1 - p, "greater").lower == pytest.approx(0.0, abs=1e-9)
    assert lift.p_value("less") == pytest.approx(1 - p)


def test_moments_refuse_what_they_cannot_say():
    with pytest.raises(TooFewUnits):
        Moments.of("a", np.ones((1, 1)))
    with pytest.raises(InputError, match="'b'"):
        Moments.of("a", np.ones((3, 1))).ratio(("b", "(units)"))
    with pytest.raises(NotFinite, match="denominator"):
        Moments.of("ab", np.zeros((3, 2))).ratio(("a", "b"))
    with pytest.raises(InputError, match="don't add up"):
        Moments.of("a", np.ones((3, 1))) + Moments.of("b", np.ones((3, 1)))


def sums_of(y):
    return len(y), {"y": float(y.sum())}, {("y", "y"): float((y * y).sum())}


def test_a_variance_that_rounding_ate_is_refused_and_shifted_values_are_not():
    """Timestamps in seconds: squares of some 3e18 leave no digit of a spread of one second."""
    y = 1.7e9 + np.random.default_rng(0).normal(size=1_000)
    with pytest.raises(NotFinite, match="shifted by a constant") as caught:
        Moments.from_sums(*sums_of(y))
    assert caught.value.evidence["mean"] == pytest.approx(1.7e9)
    shifted = Moments.from_sums(*sums_of(y - 1.7e9))
    assert shifted.covariance[0, 0] == pytest.approx(y.var(ddof=1), rel=1e-6)


@pytest.mark.parametrize("size", [1.0, 1e2, 1e4, 1e6, 1e8])
def test_sums_give_the_variance_to_four_digits_or_nothing(size):
    y = size + np.random.default_rng(1).normal(size=10_000)
    try:
        made = Moments.from_sums(*sums_of(y)).covariance[0, 0]
    except NotFinite:
        assert size >= 1e6
    else:
        assert size <= 1e4
        assert made == pytest.approx(y.var(ddof=1), rel=1e-4)


def test_sums_of_whole_numbers_are_exact_and_constant_columns_stay_allowed():
    whole = [10**9, 10**9 + 1, 10**9 + 2]
    made = Moments.from_sums(3, {"y": sum(whole)}, {("y", "y"): sum(x * x for x in whole)})
    assert made.covariance[0, 0] == 1.0
    assert Moments.from_sums(7, {"y": 7.0}, {("y", "y"): 7.0}).covariance[0, 0] == 0.0
    with pytest.raises(NotFinite, match="missing or infinite"):
        Moments.from_sums(3, {"y": math.nan}, {("y", "y"): 1.0})


def test_a_lift_without_spread_has_no_test_and_no_interval():
    zeros = Moments.from_sums(50, {"y": 0.0}, {("y", "y"): 0.0})
    for lift in (Lift(0.0, 0.0, math.inf, 100), compare(zeros, zeros, Mean("y", per="unit"))):
        with pytest.raises(NoInterval, match="does not vary"):
            lift.p_value()
        with pytest.raises(NoInterval, match="does not vary"):
            lift.interval()
