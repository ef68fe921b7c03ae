"""For whom the effect differs, as the report tells it: right parts, refusals with reasons, blocks that render."""

import json

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import ColumnNotFound
from dorec.estimate import AIPW
from dorec.explain import Report, render_html
from dorec.loop import effect_details
from dorec.loop.effect_details import attacked, varying_effects
from dorec.loop.effect_sections import attack_pictures, varying
from dorec.refute import Sensitivity

QUICK = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression(max_iter=1_000))


def study(effect: float, n: int = 1200, arms: int = 2, seed: int = 0) -> Study:
    rng = np.random.default_rng(seed)
    x, age = rng.normal(size=n), rng.integers(0, 50, size=n) / 10
    city = np.array(["Oslo", "Rome"])[rng.integers(0, 2, size=n)]
    t = (x + 2 * rng.normal(size=n) > np.linspace(-1, 1, arms + 1)[1:-1, None]).sum(axis=0)
    y = t * (1.0 + effect * age + effect * (city == "Rome")) + x + rng.normal(size=n)
    table = {"x": x, "age": age, "city": city, "t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "age", "city"])


def page(facts: dict[str, object]) -> str:
    return render_html(Report("effects", sections=varying(facts, "spend")))


def test_everything_is_told_where_effects_differ() -> None:
    s = study(1.0)
    model = QUICK.fit(s)
    found = varying_effects(s, model, RunContext())
    assert found["left_out"] == {}
    assert {"segments", "toc", "tree", "importance", "map", "curve"} <= set(found)
    json.dumps(found)  # plain data, as the stage keeps it
    assert found["curve"]["column"] == "age"
    assert found["map"]["by"][0] == "age"
    assert found["segments"]["looked_at"] == 10
    assert found["segments"]["columns"][0]["column"] == "age"
    html = page({"varying": found})
    for told in (
        "The effect in a few rules",
        "What the effect goes with",
        "The effect by age",
        "The effect by segment",
    ):
        assert told in html
    assert "may be noise" not in html


def test_noise_gets_segments_alone_with_a_warning() -> None:
    s = study(0.0, n=700, seed=3)
    found = varying_effects(s, QUICK.fit(s), RunContext())
    assert found["calibration"]["code"] == "no_heterogeneity"
    assert "tree" not in found
    assert "may be noise" in page({"varying": found})


def test_several_arms_and_large_studies(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effect_details, "MOST_UNITS", 700)
    s = study(1.0, n=1000, arms=3)
    found = varying_effects(s, QUICK.fit(s), RunContext())
    assert found["units"] == 700
    assert found["contrast"] == "1 - 0"
    names = [name for column in found["segments"]["columns"] for name in column["names"]]
    assert "city = Rome" in names
    assert found["segments"]["looked_at"] == 20
    assert page({"varying": found})


def test_what_is_refused_is_listed_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise ColumnNotFound("age", ["x"])

    for name in ("effect_map", "surrogate_tree", "permutation_importance"):
        monkeypatch.setattr(effect_details, name, refuse)
    s = study(1.0, n=800)
    found = varying_effects(s, QUICK.fit(s), RunContext())
    assert set(found["left_out"]) == {"map", "tree", "importance"}
    assert "age" in found["left_out"]["map"]
    assert "What could not be shown" in page({"varying": found})
    bare = s.with_columns(covariates=np.empty((s.n, 0)), covariate_names=(), source_of={})
    assert varying({"varying": varying_effects(bare, QUICK.fit(bare), RunContext())}, "spend") == []
    assert varying({}, "spend") == []


def test_attacks_are_drawn() -> None:
    s = study(1.0, n=800)
    model = QUICK.fit(s)
    verdict = Sensitivity().refute(s, QUICK, model.ate())
    found = attacked(s, model, [verdict])
    json.dumps(found)
    love, contour = attack_pictures(found)
    assert love.figure.kind == "love"
    assert contour.figure.kind == "heatmap"
    assert contour.figure.data["values"][0][0] == pytest.approx(model.ate().value, rel=1e-3)
    assert "As strong as" in contour.figure.caption
    coin = s.with_columns(propensity=np.full((s.n, 2), 0.5))
    assert "hidden" not in attacked(coin, model, [])
    assert attack_pictures({}) == []
