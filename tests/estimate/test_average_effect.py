"""Every estimator of average effects on data that others have analysed, and what all of them share."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.protocols import EffectModel
from dorec.estimate import (
    AIPW,
    IPW,
    TMLE,
    DoubleML,
    Matching,
    RegressionAdjustment,
    naive_difference,
)

LEARNERS = {
    "AIPW": AIPW(),
    "TMLE": TMLE(),
    "IPW": IPW(),
    "regression adjustment": RegressionAdjustment(),
    "matching": Matching(n_neighbours=4),
    "DoubleML": DoubleML(),
}
LINEAR = {"outcome_model": LinearRegression(), "n_folds": 2}


def nhefs(shared: Path) -> Study:
    table = pd.read_csv(shared / "data" / "nhefs" / "NHEFS.csv.gz")
    table = table[table["wt82_71"].notna()].copy()
    for name in ("education", "exercise", "active"):
        table[name] = table[name].astype(int).astype(str)
    bent = ["age", "wt71", "smokeintensity", "smokeyrs"]
    for name in bent:
        table[f"{name} squared"] = table[name] ** 2
    covariates = ["sex", "race", "education", "exercise", "active", *bent, *(f"{name} squared" for name in bent)]
    return Study.from_table(table, outcome="wt82_71", treatment="qsmk", covariates=covariates, control=0)


@pytest.mark.parametrize("name", LEARNERS)
def test_weight_gained_by_those_who_stop_smoking(shared: Path, name: str) -> None:
    study = nhefs(shared)
    assert round(naive_difference(study).value, 2) == 2.54
    ate = LEARNERS[name].fit(study).ate()
    assert 3.2 < ate.value < 3.6
    if name == "matching":  # four neighbours in eight columns
        assert "too unlike" in ate.no_interval
    else:
        assert 0.4 < ate.std_error < 0.6


def lalonde(shared: Path, controls: str | None) -> Study:
    table = pd.read_csv(shared / "data" / "lalonde" / "nsw_dw.csv.gz")
    if controls:
        others = pd.read_csv(shared / "data" / "lalonde" / f"{controls}.csv.gz")
        table = pd.concat([table[table["treat"] == 1], others])
    table = table.assign(u74=table["re74"] == 0, u75=table["re75"] == 0).astype({"u74": float, "u75": float})
    before = ["age", "education", "black", "hispanic", "married", "nodegree", "re74", "re75", "u74", "u75"]
    return Study.from_table(table, outcome="re78", treatment="treat", covariates=before, control=0)


def test_the_experiment_of_lalonde(shared: Path) -> None:
    study = lalonde(shared, None)
    assert round(naive_difference(study).value, 1) == 1794.3
    for learner in LEARNERS.values():
        ate = learner.fit(study).ate()
        assert ate.interval().lower < 1794.3 < ate.interval().upper
        assert 1_400 < ate.value < 2_500


def test_lalonde_s_comparison_group_warns_of_poor_overlap(shared: Path) -> None:
    study = lalonde(shared, "psid_controls")
    assert naive_difference(study).value < -15_000
    for name in ("TMLE", "matching"):
        effect = replace(LEARNERS[name], population="treated").fit(study).ate()  # type: ignore[type-var]
        assert any(v.code == "poor_overlap" for v in effect.verdicts)
        assert effect.interval().lower < 1794.3 < effect.interval().upper


def table(n: int, k: int = 2, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    score = np.column_stack([np.zeros(n), *(0.4 * x[:, 0] for _ in range(k - 1))]) + rng.gumbel(size=(n, k))
    t = score.argmax(axis=1)
    return {"a": x[:, 0], "b": x[:, 1], "t": t, "y": 2.0 * t + x[:, 0] + rng.normal(size=n), "c": np.arange(n) // 5}


FAST: list[Any] = [
    TMLE(propensity_model=LogisticRegression(), **LINEAR),
    Matching(propensity_model=LogisticRegression(), **LINEAR),
    IPW(),
    RegressionAdjustment(),
]


@pytest.mark.parametrize("learner", FAST, ids=lambda learner: type(learner).__name__)
def test_several_arms_clusters_and_the_protocol(learner: Any) -> None:
    data = table(600, k=3)
    study = Study.from_table(data, outcome="y", treatment="t", covariates=["a", "b"], cluster="c")
    model = learner.fit(study)
    assert isinstance(model, EffectModel)
    ate = model.ate()
    assert ate.name == ("1 - 0", "2 - 0")
    assert ate.value == pytest.approx([2.0, 4.0], abs=0.5)
    assert ate.dof == 119.0
    assert model.effect(study.covariates).shape == model.unit_effects.shape == (600, 2)
    assert model.scores.mean(axis=0) == pytest.approx(model.arm_means().value, abs=0.02)
    one, two = (Study.from_table(data | {"t": (data["t"] > 0) * 1}, outcome="y", treatment="t", covariates=["a"]),) * 2
    assert (learner.fit(one).ate() - learner.fit(two).ate()).value == 0.0


@pytest.mark.parametrize("learner", FAST, ids=lambda learner: type(learner).__name__)
def test_an_outlier_is_told_with_the_winsorised_effect_beside(learner: Any) -> None:
    data = table(400)
    data["y"] = np.where(np.arange(400) == 7, 1e6, data["y"])
    found = learner.fit(Study.from_table(data, outcome="y", treatment="t", covariates=["a", "b"])).ate().verdicts
    (verdict,) = [v for v in found if v.code == "influence_dominated"]
    assert verdict.evidence["row"] == 7
    assert verdict.evidence["winsorised"] == pytest.approx([2.0], abs=0.6)
