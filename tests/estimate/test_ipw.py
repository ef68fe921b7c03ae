"""IPW: closed forms, and the error of estimated propensities against moving the weight of single units."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from dorec import Study
from dorec.domain.errors import ArmTooSmall, ConfigError, InputError, NoInterval, NoOverlap
from dorec.estimate import IPW
from dorec.refute import check_causal_estimator

KINDS = [
    IPW(),
    IPW(weights="raw"),
    IPW(weights="overlap"),
    IPW(weights="trimmed", trim=0.001),
    IPW(population="treated"),
    IPW(population="control", weights="raw"),
]


def named(learner: IPW) -> str:
    return f"{learner.weights}, {learner.population}"


def table(n: int = 400, k: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(2, n))
    score = np.stack([np.zeros(n), *(0.5 * a - 0.3 * j for j in range(1, k))], axis=1) + rng.gumbel(size=(n, k))
    t = score.argmax(axis=1)
    return {"a": a, "b": b, "t": t, "y": 1.0 * t * (1 + 0.3 * b) + a + rng.normal(size=n), "w": np.ones(n)}


def study(data: dict[str, np.ndarray], **roles: object) -> Study:
    return Study.from_table(data, outcome="y", treatment="t", covariates=["a", "b"], weight="w", **roles)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("learner", KINDS, ids=named)
def test_influence_is_what_a_unit_moves(learner: IPW, k: int) -> None:
    data = table(k=k)
    means = learner.fit(study(data)).means
    for row in (3, 150, 399):
        heavier = data["w"].copy()
        heavier[row] += 1e-4
        moved = (learner.fit(study(data | {"w": heavier})).means.value - means.value) / 1e-4 * 400
        slack = 0.15 if learner.weights == "raw" else 2e-3  # raw: to first order in the centre
        assert means.influence[row] == pytest.approx(moved, rel=slack, abs=slack)


@pytest.mark.parametrize("learner", KINDS, ids=named)
def test_interval_holds_in_the_linear_world(learner: IPW) -> None:
    population = "overlap" if learner.weights == "overlap" else learner.population
    found = check_causal_estimator(learner, n=300, repetitions=25, population=population, worlds=["linear"])
    # who is treated changes with the reference
    asked = [v for v in found if population in ("all", "overlap") or "reference" not in v.check]
    assert [str(v) for v in asked if not v] == []


def test_known_propensities_give_hajek_s_means() -> None:
    data = table()
    e = expit(0.5 * data["a"] - 0.3)
    s = study(data | {"e0": 1 - e, "e1": e}, propensity=["e0", "e1"])
    model = IPW().fit(s)
    for arm, p in enumerate((1 - e, e)):
        inside = data["t"] == arm
        assert model.means.value[arm] == pytest.approx(np.average(data["y"][inside], weights=1 / p[inside]))


def test_estimated_propensities_are_more_precise_than_known_ones() -> None:
    data = table(4_000)
    score = np.stack([np.zeros(4_000), 0.5 * data["a"] - 0.3], axis=1)
    e = np.exp(score) / np.exp(score).sum(axis=1, keepdims=True)
    known = IPW().fit(study(data | {"e0": e[:, 0], "e1": e[:, 1]}, propensity=["e0", "e1"])).ate()
    assert IPW().fit(study(data)).ate().std_error < 0.9 * known.std_error


def test_another_propensity_model_has_no_interval() -> None:
    ate = IPW(propensity_model=LogisticRegression()).fit(study(table())).ate()
    assert "not a logistic regression" in ate.no_interval
    with pytest.raises(NoInterval):
        ate.interval()


def test_trimmed_says_whom_it_left_out() -> None:
    rng = np.random.default_rng(3)
    x = rng.normal(size=2_000)
    t = (rng.random(2_000) < expit(2.0 * x)).astype(int)
    s = Study.from_table({"x": x, "t": t, "y": t + x}, outcome="y", treatment="t", covariates=["x"])
    verdict = IPW(weights="trimmed").fit(s).verdicts[-1]
    assert verdict.code == "trimmed_population"
    assert verdict.statistic == pytest.approx((np.abs(x) > np.log(9) / 2).mean(), abs=0.05)


def test_bad_input_is_refused() -> None:
    with pytest.raises(ConfigError, match="'stabilised'"):
        IPW(weights="stable")
    with pytest.raises(InputError, match="population"):
        IPW(weights="overlap", population="treated")
    with pytest.raises(ArmTooSmall):
        IPW().fit(study(table(18)))
    data = table(2_000)
    apart = (data["a"] + 0.01 * data["b"] > 0).astype(int)
    with pytest.raises(NoOverlap):
        IPW().fit(study(data | {"t": apart}))
