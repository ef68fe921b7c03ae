"""Faults against every estimator with an instrument: no silent number."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import InputError, Refusal
from dorec.estimate import DRIV, InteractiveIV, OrthogonalIV, TwoStageLeastSquares

N = 240
CHEAP: dict[str, Any] = {
    "n_folds": 2,
    "outcome_model": LinearRegression(),
    "treatment_model": LogisticRegression(),
    "instrument_model": LogisticRegression(),
}
LEARNERS: dict[str, Any] = {
    "2SLS": TwoStageLeastSquares(),
    "LIML": TwoStageLeastSquares(method="liml"),
    "InteractiveIV": InteractiveIV(**CHEAP),
    "OrthogonalIV": OrthogonalIV(**CHEAP),
    "DRIV": DRIV(**CHEAP, effect_model=LinearRegression()),
}


def sound(seed: int = 0, n: int = N) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(2, n))
    z = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    kind = rng.random(n)
    t = np.where(kind < 0.7, z, kind > 0.85).astype(int)
    return {"x": x, "w": w, "z": z, "t": t, "y": t + x + (kind > 0.85) + rng.normal(size=n)}


def study(covariates: tuple[str, ...] = ("x", "w"), **changed: np.ndarray) -> Study:
    table = {**sound(), **changed}
    return Study.from_table(table, outcome="y", treatment="t", covariates=list(covariates), instruments=["z"])


def _hole(column: str) -> Study:
    values = np.array(getattr(study(), column), dtype=np.float64)
    values[3] = np.nan
    return study().with_columns(**{column: values})


FAULTS: dict[str, Callable[[], Study]] = {
    "missing covariate": lambda: _hole("covariates"),
    "missing instrument": lambda: _hole("instruments"),
    "missing outcome": lambda: _hole("outcome"),
    "no instrument": lambda: study().with_columns(instruments=None, instrument_names=()),
    "instrument of one value": lambda: study().with_columns(instruments=np.ones((N, 1))),
    "one arm": lambda: study().with_columns(treatment=np.zeros(N, dtype=np.int64)),
    "instrument among the covariates": lambda: study(("x", "w", "copy"), copy=3.0 - sound()["z"]),
    "outcome among the covariates": lambda: study(("x", "leak"), leak=2.0 * sound()["y"] - 1.0),
    "too few units": lambda: study().take(np.arange(8)),
}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_sound_study_has_an_interval_that_holds(name: str) -> None:
    effect = LEARNERS[name].fit(study()).ate()
    assert abs(effect.value - 1.0) < 4 * effect.std_error
    assert effect.estimand == ""
    assert effect.verdicts


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", LEARNERS)
def test_a_fault_is_refused_before_any_number(name: str, fault: str) -> None:
    with pytest.raises((Refusal, InputError)) as caught:
        LEARNERS[name].fit(FAULTS[fault]()).ate()
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("name", LEARNERS)
def test_duplicated_units_and_useless_instruments_are_told(name: str) -> None:
    doubled = LEARNERS[name].fit(study().take(np.repeat(np.arange(N), 2))).ate()
    assert "duplicated_rows" in {v.code for v in doubled.verdicts}
    idle = study(z=np.random.default_rng(9).integers(0, 2, N))
    found = LEARNERS[name].fit(idle).ate()
    assert "weak_instrument" in {v.code for v in found.verdicts}
    assert found.no_interval
