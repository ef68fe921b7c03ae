"""Twelve faults against every estimator of effects that a study alone can feed: no silent number."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import dorec.estimate
from dorec import Study
from dorec.domain.errors import InputError, Refusal

N = 240
NEEDS_MORE = {"CausalForest": {"n_trees": 20}}  # what keeps a learner quick here


def sound(seed: int = 0, n: int = N) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    t = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    return {"x": x, "z": z, "t": t, "y": t + x + rng.normal(size=n), "at": np.zeros(n), "measured": np.full(n, -1.0)}


def study(table: dict[str, np.ndarray] | None = None, covariates: tuple[str, ...] = ("x", "z"), **roles: Any) -> Study:
    chosen = sound() if table is None else table
    return Study.from_table(chosen, outcome="y", treatment="t", covariates=list(covariates), **roles)


def changed(**columns: np.ndarray) -> dict[str, np.ndarray]:
    return {**sound(), **columns}


def _hole() -> Study:
    X = study().covariates.copy()
    X[3, 0] = np.nan
    return study().with_columns(covariates=X)


def _infinite() -> Study:
    y = study().outcome.copy()
    y[5] = np.inf
    return study().with_columns(outcome=y)


def _tiny_arm() -> Study:
    s = study()
    return s.take(np.sort(np.r_[np.flatnonzero(s.treatment == 0), np.flatnonzero(s.treatment == 1)[:2]]))


def _no_overlap() -> Study:
    x = sound()["x"]
    return study(changed(t=(x > 0).astype(int)))


def _leak() -> Study:
    return study(changed(leak=2.0 * sound()["y"] - 1.0), ("x", "z", "leak"))


def _copy() -> Study:
    return study(changed(copy=3.0 - sound()["t"]), ("x", "z", "copy"))


def _late() -> Study:
    return study(changed(measured=np.ones(N)), time="at", measured_at={"x": "measured"})


def _dose() -> Study:
    return study(changed(t=sound()["x"] + np.random.default_rng(1).normal(size=N)), ("z",), continuous=True)


def _wrong_propensities() -> Study:
    return study().with_columns(propensity=np.tile([0.05, 0.95], (N, 1)))


REFUSED: dict[str, Callable[[], Study]] = {
    "missing covariate": _hole,
    "infinite outcome": _infinite,
    "one arm": lambda: study().with_columns(treatment=np.zeros(N, dtype=np.int64)),
    "tiny arm": _tiny_arm,
    "no overlap": _no_overlap,
    "outcome among the covariates": _leak,
    "treatment among the covariates": _copy,
    "covariate measured after the treatment": _late,
    "treatment by amount": _dose,
    "wrong known propensities": _wrong_propensities,
}
FOR_DOSES = {"DoubleML"}  # a treatment by amount is what these take


def learners() -> dict[str, Any]:
    """Every public class that fits a study, as it comes, and answers a sound one without an instrument or mediator."""
    found = {}
    for name in dorec.estimate.__all__:
        thing = getattr(dorec.estimate, name)
        if not inspect.isclass(thing) or not hasattr(thing, "fit"):
            continue
        parameters = inspect.signature(thing.fit).parameters
        if list(parameters)[1:2] != ["study"]:
            continue
        required = [
            p
            for p in inspect.signature(thing).parameters.values()
            if p.default is inspect.Parameter.empty and p.kind is not inspect.Parameter.VAR_KEYWORD
        ]
        if required:
            continue
        learner = thing(**NEEDS_MORE.get(name, {}))
        try:
            learner.fit(study())
        except (Refusal, InputError):
            continue  # it asks for an instrument or a panel
        found[name] = learner
    return found


LEARNERS = learners()


def test_the_list_is_not_empty() -> None:
    assert {"AIPW", "IPW", "TMLE", "RegressionAdjustment", "Matching", "DoubleML", "CausalForest"} <= set(LEARNERS)


@pytest.mark.parametrize("fault", REFUSED)
@pytest.mark.parametrize("name", LEARNERS)
def test_a_fault_is_refused_before_any_number(name: str, fault: str) -> None:
    if fault == "treatment by amount" and name in FOR_DOSES:
        assert LEARNERS[name].fit(REFUSED[fault]()).ate().std_error > 0
        return
    with pytest.raises((Refusal, InputError)) as caught:
        LEARNERS[name].fit(REFUSED[fault]()).ate()
    assert len(str(caught.value)) > 20


@pytest.mark.parametrize("name", LEARNERS)
def test_duplicated_units_are_told(name: str) -> None:
    s = study()
    estimate = LEARNERS[name].fit(s.take(np.repeat(np.arange(N), 2))).ate()
    assert {"duplicated_rows", "repeated_units"} & {v.code for v in estimate.verdicts}


@pytest.mark.parametrize("name", LEARNERS)
def test_a_constant_outcome_has_no_made_up_interval(name: str) -> None:
    """Refused, or the right answer, which is 0 without an interval."""
    s = study()
    try:
        estimate = LEARNERS[name].fit(s.with_columns(outcome=np.full(s.n, 3.0))).ate()
    except (Refusal, InputError):
        return
    assert estimate.value == pytest.approx(0.0, abs=1e-9)
    assert estimate.no_interval or estimate.std_error < 1e-9
