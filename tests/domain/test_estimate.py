import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dorec.domain.errors import InputError, NoInterval, NotFinite, OtherUnits, TooFewUnits
from dorec.domain.estimate import Estimate, independent_difference
from dorec.numeric.multiplicity import holm


def make(n=200, k=1, seed=0, **fields):
    scores = np.random.default_rng(seed).normal(size=(n, k)) + np.arange(k)
    return Estimate.of_mean(scores[:, 0] if k == 1 else scores, sample="s", **fields)


def test_standard_error_of_a_mean_is_the_textbook_one():
    y = np.random.default_rng(1).normal(size=57)
    assert Estimate.of_mean(y).std_error == pytest.approx(y.std(ddof=1) / np.sqrt(57))


def test_interval_covers_at_its_level_in_simulation():
    rng = np.random.default_rng(2)
    hits = [lo <= 3 <= hi for lo, hi in (Estimate.of_mean(rng.normal(3, 2, 100)).interval(0.9) for _ in range(1500))]
    assert 0.875 < np.mean(hits) < 0.925


def test_students_t_widens_the_interval_of_a_small_sample():
    y = np.random.default_rng(3).normal(size=5)
    normal, student = Estimate.of_mean(y, dof=None).interval(), Estimate.of_mean(y).interval()
    assert student.upper - student.lower == pytest.approx((normal.upper - normal.lower) * 2.776445 / 1.959964, rel=1e-5)


def test_a_paired_difference_uses_the_covariance():
    rng = np.random.default_rng(4)
    a = rng.normal(size=300)
    b = a + rng.normal(scale=0.1, size=300)
    difference = Estimate.of_mean(b, sample="x") - Estimate.of_mean(a, sample="x")
    assert difference.std_error == pytest.approx((b - a).std(ddof=1) / np.sqrt(300))


def test_estimates_on_other_units_are_refused():
    with pytest.raises(OtherUnits, match="independent_difference"):
        Estimate.of_mean(np.arange(5.0)) - Estimate.of_mean(np.arange(1.0, 6.0))
    with pytest.raises(OtherUnits):
        make(100) + make(101)
    clustered = make(100, cluster=np.arange(100) // 2)
    with pytest.raises(OtherUnits):
        clustered - make(100)


def test_an_unnamed_sample_is_never_paired():
    nameless = Estimate(1.0, np.array([0.1, -0.1]))
    with pytest.raises(OtherUnits):
        nameless - nameless


def test_duplicating_every_row_changes_nothing_when_clustered_by_unit():
    y = np.random.default_rng(5).normal(size=80)
    once = Estimate.of_mean(y)
    twice = Estimate.of_mean(np.repeat(y, 2), cluster=np.repeat(np.arange(80), 2))
    assert twice.std_error == pytest.approx(once.std_error)
    assert Estimate.of_mean(np.repeat(y, 2)).std_error < 0.8 * once.std_error


def test_one_cluster_has_no_standard_error():
    with pytest.raises(TooFewUnits):
        _ = make(10, cluster=np.zeros(10)).std_error


def test_ratio_by_the_delta_method_matches_a_bootstrap():
    rng = np.random.default_rng(6)
    den = rng.uniform(1, 3, 4000)
    num = 2 * den + rng.normal(size=4000)
    ratio = Estimate.of_mean(num, sample="x") / Estimate.of_mean(den, sample="x")
    rows = rng.integers(0, 4000, (400, 4000))
    boot = num[rows].mean(axis=1) / den[rows].mean(axis=1)
    assert ratio.value == pytest.approx(num.mean() / den.mean())
    assert ratio.std_error == pytest.approx(boot.std(), rel=0.12)


def test_division_by_an_estimate_of_zero_is_refused():
    zero = Estimate(0.0, np.array([1.0, -1.0]), sample="s")
    with pytest.raises(NotFinite):
        Estimate(1.0, np.array([1.0, -1.0]), sample="s") / zero


@settings(max_examples=30, deadline=None)
@given(a=st.floats(-5, 5), b=st.floats(-5, 5))
def test_linear_combinations_are_the_combination_of_scores(a, b):
    rng = np.random.default_rng(7)
    x, y = rng.normal(size=50), rng.normal(size=50)
    combined = a * Estimate.of_mean(x, sample="s") + b * Estimate.of_mean(y, sample="s")
    direct = Estimate.of_mean(a * x + b * y, sample="s")
    assert combined.value == pytest.approx(direct.value)
    assert combined.std_error == pytest.approx(direct.std_error, abs=1e-12)


def test_numbers_shift_the_value_and_leave_the_error():
    estimate = make()
    assert (1.0 - estimate).value == pytest.approx(1 - estimate.value)
    assert (estimate + 2).std_error == pytest.approx(estimate.std_error)


def test_concat_and_index_are_inverse():
    both = Estimate.concat([make(name="a", seed=1), make(name="b", seed=2)])
    assert both.name == ("a", "b")
    assert both["b"].value == make(seed=2).value
    assert both[0].std_error == pytest.approx(make(seed=1).std_error)
    with pytest.raises(InputError, match="is not among a, b"):
        both["c"]


def test_joint_intervals_cover_all_truths_at_once():
    rng = np.random.default_rng(8)
    truth = np.zeros(8)
    hits, pointwise = [], []
    for _ in range(300):
        e = Estimate.of_mean(rng.normal(size=(150, 8)) + rng.normal(size=(150, 1)))
        for found, joint in ((hits, True), (pointwise, False)):
            lower, upper = e.interval(joint=joint)
            found.append(bool(((lower <= truth) & (truth <= upper)).all()))
    assert 0.91 < np.mean(hits) < 0.985
    assert np.mean(pointwise) < 0.88


@pytest.mark.parametrize("method", ["romano-wolf", "holm"])
def test_adjusted_p_values_hold_the_family_wise_error(method):
    rng = np.random.default_rng(9)
    false_alarms = []
    for _ in range(300):
        p = Estimate.of_mean(rng.normal(size=(120, 6)) + rng.normal(size=(120, 1))).adjusted_p_values(method=method)
        false_alarms.append(p.min() < 0.05)
    assert np.mean(false_alarms) < 0.09


def test_romano_wolf_is_between_raw_and_bonferroni():
    e = Estimate.of_mean(np.random.default_rng(10).normal(size=(200, 5)) + np.array([0.0, 0.05, 0.1, 0.15, 0.4]))
    adjusted, raw = e.adjusted_p_values(), e.p_value()
    assert np.all(adjusted >= raw - 0.005)
    assert np.all(adjusted <= np.minimum(5 * raw, 1) + 0.01)


def test_holm_matches_statsmodels():
    multitest = pytest.importorskip("statsmodels.stats.multitest")
    p = np.random.default_rng(11).uniform(size=12) ** 2
    assert holm(p) == pytest.approx(multitest.multipletests(p, method="holm")[1])


def test_a_method_without_interval_says_so():
    e = Estimate(0.3, name="lift", no_interval="its error is not known")
    assert "no valid interval" in str(e)
    assert e.to_dict()["lower"] is None
    with pytest.raises(NoInterval, match="its error is not known"):
        e.interval()


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_no_silent_number(bad):
    with pytest.raises(NotFinite):
        Estimate(bad, np.zeros(3))
    with pytest.raises(NotFinite):
        Estimate(0.0, np.array([bad, 0.0]))


def test_independent_samples_add_their_variances():
    rng = np.random.default_rng(12)
    a, b = Estimate.of_mean(rng.normal(size=40)), Estimate.of_mean(rng.normal(size=90))
    assert independent_difference(a, b).std_error == pytest.approx(np.hypot(a.std_error, b.std_error))
    with pytest.raises(OtherUnits):
        independent_difference(a, a)


def test_independent_samples_keep_their_clusters():
    rng = np.random.default_rng(13)
    a = Estimate.of_mean(np.repeat(rng.normal(size=30), 2), cluster=np.repeat(np.arange(30), 2))
    b = Estimate.of_mean(rng.normal(size=50))
    assert independent_difference(a, b).std_error == pytest.approx(np.hypot(a.std_error, b.std_error))


@pytest.mark.parametrize("level", [0, 1, 1.5, -0.1])
def test_a_level_outside_its_bounds_is_refused(level):
    with pytest.raises(InputError, match="level"):
        make().interval(level)


def test_influence_of_another_shape_is_refused():
    with pytest.raises(InputError, match="influence has shape"):
        Estimate(1.0, np.zeros((3, 2)))


def test_intervals_of_tiny_samples_cover_too():
    rng = np.random.default_rng(14)
    hits = [lo <= 0 <= hi for lo, hi in (Estimate.of_mean(rng.normal(size=4)).interval() for _ in range(2000))]
    assert 0.93 < np.mean(hits) < 0.97


def test_a_small_sample_widens_joint_intervals_and_adjusted_p_values():
    rng = np.random.default_rng(15)
    covered, alarms = [], []
    for _ in range(300):
        e = Estimate.of_mean(rng.normal(size=(8, 6)))
        lower, upper = e.interval(joint=True)
        covered.append(bool(((lower <= 0) & (upper >= 0)).all()))
        alarms.append(e.adjusted_p_values().min() < 0.05)
    assert 0.91 < np.mean(covered) < 0.985
    assert np.mean(alarms) < 0.09


def test_a_value_that_does_not_vary_has_no_interval():
    constant = Estimate.of_mean(np.zeros(20), name="clicks")
    assert constant.std_error == 0
    assert constant.to_dict()["lower"] is None
    with pytest.raises(NoInterval, match="does not vary"):
        constant.interval()
    vector = Estimate.concat([constant, Estimate.of_mean(np.arange(20.0), sample=constant.sample, name="x")])
    lower, upper = vector.interval()
    assert np.isinf([lower[0], upper[0]]).all()
    assert np.isfinite([lower[1], upper[1]]).all()


def test_a_scalar_is_spread_over_a_vector():
    rng = np.random.default_rng(16)
    rows = rng.normal(size=(3, 3))
    vector = Estimate.of_mean(rows, name="arm", sample="s")
    scalar = Estimate.of_mean(rows[:, 0], name="base", sample="s")
    direct = Estimate.of_mean(rows - rows[:, :1], sample="s")
    assert (vector - scalar).std_error == pytest.approx(direct.std_error)
    assert (scalar - vector).value == pytest.approx(-direct.value)
    assert (vector - scalar).name == ("arm[0] - base", "arm[1] - base", "arm[2] - base")
    with pytest.raises(InputError, match="3 values"):
        vector - Estimate.of_mean(rows[:, :2], sample="s")


def test_products_and_reciprocals_by_the_delta_method():
    rng = np.random.default_rng(17)
    x, y = rng.normal(3, 1, 5000), rng.normal(2, 1, 5000)
    a, b = Estimate.of_mean(x, sample="s"), Estimate.of_mean(y, sample="s")
    assert (a * b).value == pytest.approx(x.mean() * y.mean())
    assert (a * b).std_error == pytest.approx(Estimate.of_mean(x * y.mean() + y * x.mean()).std_error)
    assert (1 / a).std_error == pytest.approx(a.std_error / a.value**2)
    with pytest.raises(NotFinite):
        a / 0


def test_a_weak_denominator_is_marked():
    rng = np.random.default_rng(18)
    num = Estimate.of_mean(rng.normal(1, 1, 400), sample="s")
    weak = Estimate.of_mean(rng.normal(0.1, 1, 400), sample="s")
    assert "weak_denominator" in {v.code for v in (num / weak).verdicts}
    assert (num / Estimate.of_mean(rng.normal(5, 1, 400), sample="s")).verdicts == ()


def test_independent_samples_with_shared_clusters_are_refused():
    u = np.arange(50)
    a, b = (Estimate.of_mean(np.random.default_rng(i).normal(size=50), cluster=u) for i in (1, 2))
    with pytest.raises(OtherUnits, match="share clusters"):
        independent_difference(a, b)


def test_few_clusters_beside_many_rows_add_exactly_with_welchs_degrees():
    rng = np.random.default_rng(19)
    a = Estimate.of_mean(rng.normal(size=40), cluster=np.repeat(["p", "q"], 20))
    b = Estimate.of_mean(rng.normal(size=1000))
    both = independent_difference(a, b)
    assert both.std_error == pytest.approx(np.hypot(a.std_error, b.std_error))
    assert both.dof == pytest.approx(independent_difference(b, a).dof)
    with pytest.raises(InputError, match="scalar"):
        independent_difference(Estimate.of_mean(rng.normal(size=(9, 2))), b)
