"""From options to an estimand with its assumptions."""

from pathlib import Path
from typing import Any

import pytest

from dorec import Estimand
from dorec.domain.errors import BadControl, ConfigError, InputError, NotIdentifiable
from dorec.domain.mediation import MediationEstimand
from dorec.estimate.mediation_formula import splits_by_covariates
from dorec.loop.effect_question import EstimateRequest, estimand_of

COLUMNS = ["z", "x", "t", "m", "y"]


def ask(**options: Any) -> Any:
    request = EstimateRequest(source=Path("shop.csv"), outcome="y", treatment="t", **options)
    return estimand_of(request, COLUMNS)[0]


def test_each_reason_has_its_strategy() -> None:
    assert ask(covariates=["x"]).strategy == "back-door"
    assert ask(randomised=True, covariates=["x"]).strategy == "randomised"
    found = ask(instruments=["z"], covariates=["x"])
    assert (found.strategy, found.adjustment_set, found.instruments) == ("instrument", ("x",), ("z",))
    assert ask(graph="x -> t; x -> y; t -> y").adjustment_set == ("x",)
    assert ask(graph="t -> m; m -> y; t <-> y").strategy == "front-door"
    assert isinstance(ask(covariates=["x"], population="treated"), Estimand)


def test_mediators_split_by_a_formula_or_by_a_graph() -> None:
    given = ask(mediators=["m"], covariates=["x", "z"])
    assert isinstance(given, MediationEstimand)
    assert splits_by_covariates(given) == ("x", "z")
    drawn = ask(mediators=["m"], graph="t -> m; m -> y; t -> y; x -> m; x -> y; z -> t; z -> m")
    assert set(splits_by_covariates(drawn)) <= {"x", "z"}
    assert "assigned at random" in ask(mediators=["m"], randomised=True).assumptions[0]


def test_a_graph_decides_about_instruments_and_hidden_nodes() -> None:
    graph = "z -> t; t -> y; t <-> y; x -> z; x -> y"
    found = ask(graph=graph, instruments=["z"])
    assert found.adjustment_set == ("x",)
    with pytest.raises(BadControl, match="x is no instrument"):
        ask(graph=graph, instruments=["x"])
    with pytest.raises(NotIdentifiable, match="mood was not measured"):
        ask(graph="mood -> t; mood -> y; t -> y")


def test_what_says_nothing_or_two_things_is_refused() -> None:
    with pytest.raises(ConfigError, match="Nothing says why"):
        ask()
    with pytest.raises(ConfigError, match="leave out --covariates"):
        ask(graph="t -> y", covariates=["x"])
    with pytest.raises(ConfigError, match="no instrument is needed"):
        ask(randomised=True, instruments=["z"])
    with pytest.raises(InputError, match="more than one role"):
        ask(instruments=["z"], covariates=["z"])
    with pytest.raises(BadControl):
        ask(covariates=["y"])
