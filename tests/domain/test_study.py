"""Studies from tables: roles, refusals, missing values."""

import numpy as np
import pandas as pd
import polars as pl
import pytest

from dorec import Study
from dorec.domain.errors import (
    BadPropensity,
    ColumnNotFound,
    InputError,
    NotFinite,
    OneArm,
    TooFewUnits,
)

TABLE = {"x": [1.0, 2.0, 3.0, 4.0], "city": ["a", "b", "a", None], "t": [0, 1, 0, 1], "y": [1, 0, 1, 1]}
ROLES = {"outcome": "y", "treatment": "t"}


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame], ids=["dict", "pandas", "polars"])
def test_any_frame_gives_the_same_study(frame: object) -> None:
    study = Study.from_table(frame(TABLE), covariates=["x", "city"], missing="indicator", **ROLES)
    assert study.covariate_names == ("x", "city=b", "city=missing")
    assert study.covariates.tolist() == [[1, 0, 0], [2, 1, 0], [3, 0, 0], [4, 0, 1]]
    assert study.source_of == {"x": "x", "city=b": "city", "city=missing": "city"}
    assert study.outcome.tolist() == [1.0, 0.0, 1.0, 1.0]


def test_no_covariates_is_n_by_0_and_can_be_taken_apart() -> None:
    study = Study.from_table(TABLE, **ROLES)
    assert study.covariates.shape == (4, 0)
    part = study.take(np.array([True, False, True, True]))
    assert (part.n, part.covariates.shape, part.arm_counts) == (3, (3, 0), {0: 2, 1: 1})
    assert part.sample != study.sample
    assert study.with_columns(outcome=study.outcome + 1).sample == study.sample


@pytest.mark.parametrize("frame", [dict, pd.DataFrame, pl.DataFrame], ids=["dict", "pandas", "polars"])
def test_missing_values_are_refused_marked_or_dropped(frame: object) -> None:
    table = frame({"x": np.array([1.0, np.nan, 3.0, 5.0]), "t": np.array([0, 1, 0, 1]), "y": np.arange(4.0)})
    with pytest.raises(NotFinite, match="row 1") as refused:
        Study.from_table(table, covariates=["x"], **ROLES)
    assert "indicator" in refused.value.remedy
    marked = Study.from_table(table, covariates=["x"], missing="indicator", **ROLES)
    assert marked.covariates.tolist() == [[1, 0], [3, 1], [3, 0], [5, 0]]
    assert Study.from_table(table, covariates=["x"], missing="drop", **ROLES).outcome.tolist() == [0.0, 2.0, 3.0]


def test_arms_and_control() -> None:
    table = {"t": ["b", "c", "a", "c"], "y": range(4)}
    study = Study.from_table(table, control="c", **ROLES)
    assert study.arms == ("c", "a", "b")
    assert study.treatment.tolist() == [2, 0, 1, 0]
    with pytest.raises(InputError, match="'a', 'b', 'c'"):
        Study.from_table(table, control="z", **ROLES)
    with pytest.raises(OneArm, match="1: 4"):
        Study.from_table({"t": [1] * 4, "y": range(4)}, **ROLES).check_arms()


def test_rare_levels_share_one_column() -> None:
    city = [f"c{i}" for i in range(100)] + ["big"] * 100
    study = Study.from_table({"city": city, "t": [0, 1] * 100, "y": range(200)}, covariates=["city"], **ROLES)
    assert study.covariates.shape[1] <= 30
    assert "city=other" in study.covariate_names


def test_propensities_of_the_taken_arm_or_of_every_arm() -> None:
    base = {"t": [0, 1, 1], "y": [1, 2, 3]}
    one = Study.from_table(base | {"p": [0.2, 0.7, 0.6]}, propensity="p", **ROLES)
    assert one.propensity == pytest.approx(np.array([[0.2, 0.8], [0.3, 0.7], [0.4, 0.6]]))
    both = Study.from_table(base | {"p0": [0.2] * 3, "p1": [0.8] * 3}, propensity=["p0", "p1"], **ROLES)
    assert both.propensity.shape == (3, 2)
    with pytest.raises(BadPropensity, match="row 1"):
        Study.from_table(base | {"p": [0.2, 1.5, 0.6]}, propensity="p", **ROLES)
    with pytest.raises(BadPropensity, match="3 arms"):
        Study.from_table({"t": [0, 1, 2], "y": [1, 2, 3], "p": [0.5] * 3}, propensity="p", **ROLES)


@pytest.mark.parametrize(
    ("table", "roles", "refusal", "words"),
    [
        (TABLE, {"covariates": ["y"]}, InputError, "more than one role"),
        (TABLE, {"covariates": ["age"]}, ColumnNotFound, "'age'"),
        ({"t": [0.0, np.nan], "y": [1, 2]}, {}, NotFinite, "row 1"),
        ({"t": [0, 1], "y": [1.0, np.inf]}, {}, NotFinite, "row 1"),
        ({"t": [0], "y": [1.0]}, {}, TooFewUnits, "1 unit"),
        ({"t": np.linspace(0, 1, 50), "y": range(50)}, {}, InputError, "continuous"),
        ({"t": [0, 1], "y": ["a", "b"]}, {}, InputError, "not numbers"),
        ({"t": [0, 1], "y": [1, 2], "x": [np.inf, 1.0]}, {"covariates": ["x"]}, NotFinite, "infinite in row 0"),
        (TABLE, {"unit": "city"}, NotFinite, "'city' is missing in 1 row"),
        (TABLE, {"covariates": ["x"], "measured_at": {"x": "y"}}, InputError, "time="),
        (TABLE, {"covariates": ["x"], "measured_at": {"z": "y"}}, ColumnNotFound, "'z'"),
    ],
)
def test_what_cannot_be_a_study(table: object, roles: dict[str, object], refusal: type, words: str) -> None:
    with pytest.raises(refusal, match=words):
        Study.from_table(table, **ROLES, **roles)
