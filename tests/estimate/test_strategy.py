"""From an estimand to its estimator."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import CausalGraph, CausalQuery, Estimand, Study
from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.expression import Probability
from dorec.estimate import (
    AIPW,
    ComplierModel,
    InstrumentModel,
    MediationModel,
    PartiallyLinearModel,
    PlugInModel,
    adjusted_for,
    estimate,
)
from dorec.identify import identify, identify_mediation

RNG = np.random.default_rng(0)
N = 2_000
Z, W = RNG.normal(size=(2, N))
T = (RNG.random(N) < 1 / (1 + np.exp(-Z))).astype(int)
CITY = np.array(["ams", "ber", "cph"], dtype=object)[RNG.integers(0, 3, N)]
TABLE = {"z": Z, "w": W, "city": CITY, "t": T, "y": T + Z + RNG.normal(size=N)}
STUDY = Study.from_table(TABLE, outcome="y", treatment="t", covariates=["z", "w", "city"])
CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def estimand(strategy: str = "back-door", adjustment_set: tuple[str, ...] = (), **query: object) -> Estimand:
    asked = CausalQuery(**({"treatments": "t", "outcomes": "y"} | query))
    return Estimand(
        query=asked, strategy=strategy, expression=Probability(("y",), ("t",)), adjustment_set=adjustment_set
    )


def test_back_door_adjusts_for_the_set_and_nothing_else() -> None:
    right = estimate(STUDY, estimand(adjustment_set=("z", "city")), CHEAP)
    assert right.study.covariate_names == ("z", "city=ber", "city=cph")
    assert right.ate().value == pytest.approx(1.0, abs=0.2)
    assert right.ate().estimand == "P(y | do(t)) = P(y | t)"
    assert right.study.sample == STUDY.sample
    wrong = estimate(STUDY, estimand(adjustment_set=("w",)), CHEAP)
    assert wrong.ate().value > 1.5
    assert (wrong.ate() - right.ate()).std_error > 0


def test_randomised_uses_every_covariate() -> None:
    assert estimate(STUDY, estimand("randomised"), CHEAP).study.covariate_names == STUDY.covariate_names


def test_the_population_of_the_query_is_estimated() -> None:
    model = estimate(STUDY, estimand(adjustment_set=("z",), population="overlap"))
    assert model.learner.population == "overlap"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="'selection'"):
        estimate(STUDY, estimand("selection"))
    with pytest.raises(InputError, match="at least one mediator"):
        estimate(STUDY, estimand("mediation"))
    with pytest.raises(InputError, match="within levels of z"):
        estimate(STUDY, estimand(conditions="z"))
    with pytest.raises(InputError, match="at least one mediator"):
        estimate(STUDY, estimand("front-door"))
    with pytest.raises(InputError, match="no instruments"):
        estimate(STUDY, estimand("instrument"))
    with pytest.raises(ColumnNotFound, match="Did you mean 'city'"):
        estimate(STUDY, estimand(adjustment_set=("cty",)))
    with pytest.raises(InputError, match="outcome 'y'"):
        estimate(STUDY, estimand(outcomes="sales"))


def test_instruments_go_to_two_stage_least_squares() -> None:
    rng = np.random.default_rng(1)
    near, far, hidden, z = rng.normal(size=(4, N))
    t = (near + hidden + rng.normal(size=N) > 0).astype(int)
    table = {"z": z, "near": near, "far": far, "t": t, "y": t + hidden + z + rng.normal(size=N)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["z"], instruments=["near", "far"])
    asked = replace(estimand("instrument", ("z",)), instruments=("near",))
    model = estimate(study, asked)
    assert isinstance(model, InstrumentModel)
    assert model.study.instrument_names == ("near",)
    assert abs(model.ate().value - 1.0) < 4 * model.ate().std_error
    assert model.ate().estimand == str(asked)
    with pytest.raises(ColumnNotFound, match="instruments of the study"):
        estimate(study, replace(asked, instruments=("moon",)))


def test_front_doors_go_through_their_mediators() -> None:
    rng = np.random.default_rng(2)
    hidden = rng.random(4_000)
    t = (rng.random(4_000) < hidden).astype(int)
    m = (rng.random(4_000) < 0.2 + 0.6 * t).astype(int)
    table = {"t": t, "m": m, "y": m + 2 * hidden + rng.normal(size=4_000)}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["m"])
    graph = CausalGraph.from_edges("tmy", directed=[("t", "m"), ("m", "y")], bidirected=[("t", "y")])
    effect = estimate(study, identify(graph, CausalQuery("t", "y"))).ate()
    assert abs(effect.value - 0.6) < 4 * effect.std_error
    assert "Σ_{m}" in effect.estimand


def test_an_instrument_of_two_values_goes_to_the_compliers() -> None:
    rng = np.random.default_rng(4)
    z, hidden = rng.integers(0, 2, 600), rng.random(600)
    t = np.where(hidden < 0.6, z, hidden > 0.8).astype(int)
    study = Study.from_table({"z": z, "t": t, "y": t + hidden}, outcome="y", treatment="t", instruments=["z"])
    assert isinstance(estimate(study, replace(estimand("instrument"), instruments=("z",))), ComplierModel)


def test_amounts_go_to_the_partially_linear_model() -> None:
    rng = np.random.default_rng(5)
    x, noise = rng.normal(size=(2, 300))
    table = {"x": x, "t": x + noise, "y": x}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=[], continuous=True)
    assert isinstance(estimate(study, estimand()), PartiallyLinearModel)


def test_mediation_splits_at_the_mediators_of_the_query() -> None:
    rng = np.random.default_rng(6)
    z, t = rng.normal(size=200), rng.integers(0, 2, 200)
    m = 0.5 * t + z + rng.normal(size=200)
    table = {"z": z, "t": t, "m": m, "y": m + t + z + rng.normal(size=200), "w": z}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["z", "m", "w"])
    edges = [("t", "m"), ("m", "y"), ("t", "y"), ("z", "m"), ("z", "y")]
    graph = CausalGraph.from_edges("ztmy", directed=edges)
    model = estimate(study, identify_mediation(graph, CausalQuery("t", "y", mediators="m")))
    assert isinstance(model, MediationModel)
    assert model.study.covariate_names == ("z", "m")
    assert abs(model.effects()["tie"].value - 0.5) < 4 * model.effects()["tie"].std_error
    early = [("t", "x"), ("x", "y"), ("t", "m"), ("m", "y")]
    other = identify_mediation(CausalGraph.from_edges("txmy", directed=early), CausalQuery("t", "y", mediators="m"))
    with pytest.raises(InputError, match="not the mediation formula"):
        estimate(study, other)


def test_any_other_formula_is_plugged_in() -> None:
    rng = np.random.default_rng(7)
    hidden, other = rng.random((2, 8_000))
    w = (0.5 * hidden + 0.5 * other + 0.3 * rng.normal(size=8_000) > 0.5).astype(int)
    z = (rng.random(8_000) < 0.2 + 0.6 * w).astype(int)
    t = (rng.random(8_000) < 0.2 + 0.3 * z + 0.4 * hidden).astype(int)
    y = 2.0 * t + 3.0 * other + rng.normal(size=8_000)
    study = Study.from_table({"w": w, "z": z, "t": t, "y": y}, outcome="y", treatment="t", covariates=["w", "z"])
    edges = [("w", "z"), ("z", "t"), ("t", "y")]
    napkin = CausalGraph.from_edges("wzty", directed=edges, bidirected=[("w", "t"), ("w", "y")])
    model = estimate(study, identify(napkin, CausalQuery("t", "y")))
    assert isinstance(model, PlugInModel)
    effect = model.ate()
    assert abs(effect.value - 2.0) < 4 * effect.std_error
    assert "Σ" in effect.estimand


def test_adjusting_for_nothing_leaves_no_covariates() -> None:
    assert adjusted_for(STUDY, ()).covariates.shape == (N, 0)
