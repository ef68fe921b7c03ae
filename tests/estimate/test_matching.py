"""Matching against loops over all pairs, and Abadie's and Imbens' variance."""

import numpy as np
import pytest
from scipy.spatial.distance import cdist
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ConfigError, InputError
from dorec.estimate import Matching, matching
from dorec.refute import check_causal_estimator

MODELS = {"n_folds": 2, "outcome_model": LinearRegression(), "propensity_model": LogisticRegression()}


def study(n: int = 300, seed: int = 0, grid: bool = False, **roles: object) -> Study:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(0, 4, (2, n)).astype(float) if grid else rng.normal(size=(2, n))
    t = (rng.random(n) < 1 / (1 + np.exp(-0.4 * (a - a.mean())))).astype(int)
    y = t * (1 + 0.5 * b) + a + rng.normal(size=n)
    table = {"a": a, "b": b, "t": t, "y": y, "w": np.ones(n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"], **roles)


def neighbours(s: Study, k: int) -> np.ndarray:
    """(n, n): what each unit counts in the mean of another unit's matches in the other arm, all pairs looked at."""
    inverse = np.linalg.inv(np.cov(s.covariates.T))
    distance = cdist(s.covariates, s.covariates, "mahalanobis", VI=inverse)
    distance[s.treatment[:, None] == s.treatment] = np.inf
    reach = np.sort(distance, axis=1)[:, k - 1]
    near = distance <= reach[:, None] + 1e-9
    return near / near.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("grid", [False, True])
@pytest.mark.parametrize("k", [1, 4])
def test_without_correction_it_is_the_mean_of_matched_pairs(k: int, grid: bool) -> None:
    s = study(grid=grid)
    matched = neighbours(s, k) @ s.outcome
    pairs = np.where(s.treatment == 1, s.outcome - matched, matched - s.outcome)
    plain = Matching(n_neighbours=k, bias_correction=False, **MODELS)
    found = plain.fit(s).ate()
    assert found.value == pytest.approx(pairs.mean())
    assert "not exact" in found.no_interval
    treated = Matching(n_neighbours=k, bias_correction=False, population="treated", **MODELS).fit(s).ate()
    assert treated.value == pytest.approx(pairs[s.treatment == 1].mean())


def test_correction_adds_what_the_regression_says_of_the_gap(monkeypatch: pytest.MonkeyPatch) -> None:
    s = study()
    kept = {}
    honest = matching.comparable_nuisances
    monkeypatch.setattr(matching, "comparable_nuisances", lambda *a, **k: kept.setdefault("found", honest(*a, **k)))
    value = Matching(**MODELS).fit(s).ate().value
    mu, rows = kept["found"].outcome, np.arange(s.n)
    residual = s.outcome - mu[rows, s.treatment]
    imputed = mu[rows, 1 - s.treatment] + neighbours(s, 1) @ residual
    assert value == pytest.approx(np.where(s.treatment == 1, s.outcome - imputed, imputed - s.outcome).mean())


def test_error_is_abadie_s_and_imbens() -> None:
    s = study(2_000)
    ate = Matching(n_neighbours=4, **MODELS).fit(s).ate()
    shares = neighbours(s, 4)
    served, matched = shares.sum(axis=0), shares @ s.outcome
    effects = np.where(s.treatment == 1, s.outcome - matched, matched - s.outcome)
    noise = 1.0  # the variance of the outcome given arm and covariates, known here
    spread = served**2 + (2 * 4 - 1) / 4 * served
    theirs = ((effects - effects.mean()) ** 2).mean() + (spread * noise).mean()  # theorem 7 of 2006
    assert ate.std_error == pytest.approx(np.sqrt(theirs / s.n), rel=0.05)


@pytest.mark.parametrize("distance", ["mahalanobis", "propensity"])
def test_interval_holds_in_the_linear_world(distance: str) -> None:
    found = check_causal_estimator(Matching(distance=distance, **MODELS), n=300, repetitions=20, worlds=["linear"])
    assert [str(v) for v in found if not v] == []


def test_several_far_neighbours_have_no_interval() -> None:
    rng = np.random.default_rng(0)
    names = [f"x{j}" for j in range(6)]
    table = dict(zip(names, rng.normal(size=(6, 300)), strict=True)) | {"t": np.arange(300) % 2}
    table["y"] = table["t"] + table["x0"] + rng.normal(size=300)
    told = {}
    for p in (5, 6):
        s = Study.from_table(table, outcome="y", treatment="t", covariates=names[:p])
        for k, distance in ((1, "mahalanobis"), (4, "mahalanobis"), (4, "propensity")):
            told[p, k, distance] = Matching(n_neighbours=k, distance=distance, **MODELS).fit(s).ate().no_interval
    assert "4 neighbours in 6 columns" in told.pop((6, 4, "mahalanobis"))
    assert set(told.values()) == {""}


def test_several_arms_and_many_ties() -> None:
    rng = np.random.default_rng(0)
    x, t = rng.integers(0, 2, 600), rng.integers(0, 3, 600)
    s = Study.from_table({"x": x, "t": t, "y": t * 1.0 + x}, outcome="y", treatment="t", covariates=["x"])
    assert Matching(bias_correction=False, **MODELS).fit(s).ate().value == pytest.approx([1.0, 2.0])


def test_bad_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="'propensity'"):
        Matching(distance="euclid")
    for wrong in ({"n_neighbours": 0}, {"population": "overlap"}):
        with pytest.raises(InputError):
            Matching(**wrong)
    with pytest.raises(InputError, match="weights"):
        Matching(**MODELS).fit(study(weight="w"))
