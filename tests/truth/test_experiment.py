"""Experiments without an effect raise false alarms at the promised rate, for every type of metric."""

import numpy as np
import pytest
from scipy import stats

from dorec.experiment import ConfidenceSequence, Lift, Mean, Proportion, Ratio, analyze, check_sample_ratio, design
from dorec.simulate import ShopWorld

RERUNS = 2_000
BAND = 0.015  # three standard errors of a share of .05 over 2,000 runs


def users(n, rng):
    """Users with a liking of their own, and one row each."""
    liking = rng.gamma(2.0, 0.5, size=n)
    views = 1 + rng.poisson(6 * liking)
    return {
        "mean": rng.normal(10, 3, n),
        "before": 5 * liking + rng.normal(size=n),
        "after": 5 * liking + rng.normal(size=n),
        "share": (rng.random(n) < 0.1).astype(float),
        "revenue": np.where(rng.random(n) < 0.15, rng.lognormal(3.0, 1.0, n), 0.0),
        "views": views.astype(float),
        "clicks": rng.binomial(views, np.clip(0.1 * liking, 0, 1)).astype(float),
        "views before": views + 1.0,
        "clicks before": rng.binomial(views, np.clip(0.1 * liking, 0, 1)).astype(float),
    }


METRICS = {
    "mean": (Mean("mean"), 500),
    "proportion": (Proportion("share"), 1_000),
    "heavy revenue": (Mean("revenue"), 4_000),
    "ratio": (Ratio("clicks", "views"), 800),
    "cuped": (Mean("after", covariate="before"), 500),
    "cuped ratio": (Ratio("clicks", "views", covariate=("clicks before", "views before")), 800),
}


def p_values(metric, n, relative):
    rng = np.random.default_rng(42)
    out = []
    for _ in range(RERUNS):
        # arms of random size: equal ones put a twentieth of a proportion's p-values at exactly 1
        table = {**users(n, rng), "arm": rng.random(n) < 0.5}
        made = analyze(table, treatment="arm", metrics=[metric], relative=relative, expected="any")
        out.append(made[metric.name].p_value())
    return np.array(out)


@pytest.mark.truth
@pytest.mark.parametrize("relative", [False, True], ids=["absolute", "relative"])
@pytest.mark.parametrize("name", METRICS)
def test_a_a_false_alarms(name, relative):
    metric, n = METRICS[name]
    p = p_values(metric, n, relative)
    assert (p < 0.05).mean() == pytest.approx(0.05, abs=BAND)
    assert stats.kstest(p, "uniform").pvalue > 0.001


@pytest.mark.truth
def test_sessions_of_users_raise_no_more_false_alarms_while_taking_rows_as_independent_does():
    rng = np.random.default_rng(1)
    n, alarms = 500, {"units": 0, "rows": 0}
    for _ in range(RERUNS):
        user = np.repeat(np.arange(n), rng.integers(1, 10, n))
        taste = rng.beta(0.8, 3.0, n)
        table = {
            "user_id": user,
            "arm": rng.permutation(np.arange(n) % 2)[user],
            "clicked": (rng.random(len(user)) < taste[user]).astype(float),
        }
        made = analyze(table, treatment="arm", metrics=[Proportion("clicked")])["clicked"]
        alarms["units"] += made.p_value() < 0.05
        rows = {"arm": table["arm"], "clicked": table["clicked"]}
        made = analyze(rows, treatment="arm", metrics=[Proportion("clicked")], expected="any")["clicked"]
        alarms["rows"] += made.p_value() < 0.05
    assert alarms["units"] / RERUNS == pytest.approx(0.05, abs=BAND)
    assert alarms["rows"] / RERUNS > 0.09


@pytest.mark.truth
def test_lifts_of_the_shops_experiment_cover_the_known_effect():
    covered = {"plain": 0, "cuped": 0}
    runs = 400
    for r in range(runs):
        world = ShopWorld(n_users=800, n_items=30, seed=11, confounding=0.0, replica=r)
        for name, before in (("plain", None), ("cuped", "spend_before")):
            lift = analyze(
                world.units(),
                treatment="treatment",
                metrics=[Mean("spend_in_window", covariate=before)],
                control="none",
            )["spend_in_window"]
            lower, upper = lift.interval()
            covered[name] += lower <= world.true_ate() <= upper
    # the users are fixed, so an interval for users drawn anew is a little wide
    assert 0.93 <= covered["plain"] / runs <= 0.995
    assert 0.93 <= covered["cuped"] / runs <= 0.995


@pytest.mark.truth
def test_planned_power_is_kept():
    plan = design(baseline=0.10, effect=0.02)
    rng = np.random.default_rng(2)
    n, arm = plan.n_control, np.repeat([0, 1], plan.n_control)
    seen = 0
    for _ in range(2_000):
        bought = (rng.random(2 * n) < np.where(arm == 1, 0.12, 0.10)).astype(float)
        made = analyze({"arm": arm, "b": bought}, treatment="arm", metrics=[Proportion("b")])["b"]
        seen += made.p_value() < 0.05
    assert seen / 2_000 == pytest.approx(plan.power, abs=0.03)


@pytest.mark.truth
def test_peeking_at_any_look():
    rng = np.random.default_rng(3)
    n, at = 20_000, np.arange(200, 20_001, 200)
    sequence = ConfidenceSequence()
    factor = np.array([sequence.interval(Lift(0.0, 1.0, np.inf, int(k))).upper for k in at])
    naive = anytime = 0
    for _ in range(4_000):
        arm, y = rng.random(n) < 0.5, rng.exponential(size=n)
        sums = [np.stack([w, w * y, w * y**2]).cumsum(axis=1)[:, at - 1] for w in (~arm, arm)]
        mean = [s[1] / s[0] for s in sums]
        se = np.sqrt(sum((s[2] / s[0] - m**2) / (s[0] - 1) for s, m in zip(sums, mean, strict=True)))
        z = np.abs(mean[1] - mean[0]) / se
        naive += (z > 1.96).any()
        anytime += (z > factor).any()
    assert naive / 4_000 > 0.3
    assert anytime / 4_000 <= 0.057


@pytest.mark.truth
def test_sample_ratio_false_alarms():
    rng = np.random.default_rng(4)
    failed = sum(not check_sample_ratio(rng.multinomial(30_000, [1 / 3] * 3).tolist()) for _ in range(20_000))
    assert failed / 20_000 == pytest.approx(0.001, abs=0.0007)
