"""Twelve faults against every estimator of effects that is handed on: no silent number.

The list of estimators is that of `dorec.estimate.__all__`: whatever fits a study or a panel is tried, and one that
needs more than its defaults has to be named in `GIVEN`, or the suite fails.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

import dorec.estimate
from dorec import Study
from dorec.domain.errors import InputError, Refusal
from dorec.domain.estimand import Estimand
from dorec.domain.estimate import Estimate
from dorec.domain.expression import Probability, Product, Sum
from dorec.domain.panel import Panel
from dorec.domain.query import CausalQuery
from dorec.estimate import AIPW

N = 240
DOOR = Sum(("m",), Product((Probability(("y",), ("t", "m")), Probability(("m",)))))
BACK_DOOR = Estimand(query=CausalQuery("t", "y"), strategy="general", expression=DOOR)


def sound(seed: int = 0, n: int = N) -> dict[str, np.ndarray]:
    """Covariates, a coin that moves the treatment, and a class that may be a mediator."""
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, n))
    coin = rng.integers(0, 2, n)
    t = (rng.random(n) < 1 / (1 + np.exp(2.0 - 0.5 * x - 4.0 * coin))).astype(int)
    m = (rng.random(n) < 0.3 + 0.3 * t).astype(int)
    y = t + x + 0.5 * m + rng.normal(size=n)
    ids = np.array([f"u{i}" for i in range(n)])
    late = {"at": np.zeros(n), "measured": np.full(n, -1.0)}
    return {"x": x, "z": z, "t": t, "m": m, "coin": coin, "y": y, "id": ids, **late}


@dataclass(frozen=True)
class Case:
    """A learner, and the roles in which it reads the table."""

    learner: Any
    covariates: tuple[str, ...] = ("x", "z")
    roles: dict[str, Any] = field(default_factory=dict)
    changed: Callable[[dict[str, np.ndarray]], dict[str, np.ndarray]] = lambda table: table

    def study(self, *more: str, n: int = N, **columns: Any) -> Study:
        """The sound study, with columns that are changed, or more covariates."""
        table = self.changed(sound(n=n)) | {k: v for k, v in columns.items() if k not in ("roles",)}
        roles = {"outcome": "y", "treatment": "t", **self.roles, **columns.get("roles", {})}
        table.pop("roles", None)
        return Study.from_table(table, covariates=[*self.covariates, *more], **roles)

    def answer(self, study: Study) -> Estimate:
        return self.learner.fit(study).ate()


def by_threshold(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    t = np.where(np.random.default_rng(1).random(len(table["x"])) < 0.9, table["x"] > 0, table["coin"]).astype(int)
    return table | {"t": t, "y": table["y"] - table["t"] + t}


def by_amount(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    amount = table["t"] + np.random.default_rng(1).normal(size=len(table["t"]))
    return table | {"t": amount, "y": table["y"] - table["t"] + amount}


def in_two(table: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return table | {"y": (table["y"] > 0.5).astype(float)}


def _given() -> dict[str, Callable[[Any], Case]]:
    """How to make the learners that need more than their defaults, or less time."""
    histories = {"unit": np.array([f"u{i}" for i in range(N)]), "event": np.array(["view", "cart"] * (N // 2))}
    moved = {"instruments": ["coin"]}
    short = {"epochs": 2}
    return {
        "CausalForest": lambda make: Case(make(n_trees=20)),
        "TARNet": lambda make: Case(make(**short)),
        "CFRNet": lambda make: Case(make(**short)),
        "DragonNet": lambda make: Case(make(**short)),
        "SequenceEffect": lambda make: Case(
            make(
                histories=dorec.estimate.Histories.from_events(
                    histories | {"at": np.arange(N)}, unit="unit", token="event", time="at"
                ),
                **short,
            ),
            roles={"unit": "id"},
        ),
        "DeepIV": lambda make: Case(make(epochs=2), roles=moved | {"continuous": True}),
        "DoseResponse": lambda make: Case(make(n_folds=2), changed=by_amount, roles={"continuous": True}),
        "QuantileEffect": lambda make: Case(make(quantiles=(0.5,), n_folds=2)),
        "FrontDoor": lambda make: Case(make(mediators=("m",)), ("m", "x")),
        "Mediation": lambda make: Case(make(mediators=("m",), nested_model=LinearRegression()), ("x", "z", "m")),
        "PlugIn": lambda make: Case(make(estimand=BACK_DOOR), ("m",)),
        "UpliftTree": lambda make: Case(make(), changed=in_two),
        "DRIV": lambda make: Case(make(), roles=moved),
        "TwoStageLeastSquares": lambda make: Case(make(), roles=moved),
        "InteractiveIV": lambda make: Case(make(), roles=moved),
        "OrthogonalIV": lambda make: Case(make(), roles=moved),
        "RegressionDiscontinuity": lambda make: Case(make(running="x", cutoff=0.0), changed=by_threshold),
    }


GIVEN = _given()


def learners(first: str) -> dict[str, type]:
    """The public classes whose `fit` takes a study, or a panel."""
    found = {}
    for name in dorec.estimate.__all__:
        thing = getattr(dorec.estimate, name)
        if inspect.isclass(thing) and hasattr(thing, "fit") and first in inspect.signature(thing.fit).parameters:
            found[name] = thing
    return found


def quick(made: type) -> Callable[..., Any]:
    """Fewer folds and linear models where a learner has a place for them: the refusals are the same."""
    places = inspect.signature(made).parameters
    models = {"outcome_model": LinearRegression(), "propensity_model": LogisticRegression()}
    cheap = {"n_folds": 2, "average": AIPW(n_folds=2, **models), "effect_model": LinearRegression()}
    chosen = {name: value for name, value in cheap.items() if name in places}
    return partial(made, **chosen, **(models if set(models) <= set(places) else {}))


CASES = {
    name: GIVEN[name](quick(made)) if name in GIVEN else Case(quick(made)()) for name, made in learners("study").items()
}


def _hole(case: Case) -> Study:
    X = case.study().covariates.copy()
    X[3, 0] = np.nan
    return case.study().with_columns(covariates=X)


def _infinite(case: Case) -> Study:
    y = case.study().outcome.copy()
    y[5] = np.inf
    return case.study().with_columns(outcome=y)


def _copy(case: Case) -> Study:
    s = case.study()
    return case.study("copy", copy=3.0 - (s.treatment if s.dose is None else s.dose))


def _tiny_arm(case: Case) -> Study:
    s = case.study()
    return s.take(np.sort(np.r_[np.flatnonzero(s.treatment == 0), np.flatnonzero(s.treatment == 1)[:2]]))


def _dose(case: Case) -> Study:
    amount = 0.3 * sound()["z"] + sound()["coin"] + np.random.default_rng(1).normal(size=N)
    return case.study(t=amount, roles={"continuous": True})


REFUSED: dict[str, Callable[[Case], Study]] = {
    "missing covariate": _hole,
    "infinite outcome": _infinite,
    "one arm": lambda case: case.study().with_columns(treatment=np.zeros(N, dtype=np.int64)),
    "tiny arm": _tiny_arm,
    "no overlap": lambda case: case.study(t=(sound()["x"] > 0).astype(int)),
    "outcome among the covariates": lambda case: case.study("leak", leak=2.0 * case.study().outcome - 1.0),
    "treatment among the covariates": _copy,
    "covariate measured after the treatment": lambda case: case.study(
        measured=np.ones(N), roles={"time": "at", "measured_at": {case.covariates[0]: "measured"}}
    ),
    "treatment by amount": _dose,
    "wrong known propensities": lambda case: case.study().with_columns(propensity=np.tile([0.05, 0.95], (N, 1))),
}

# what is no fault to a learner, and why; it has to give the number of the sound study, or one for the amount
AMOUNT = {"treatment by amount": "it takes amounts"}
UNREAD = {"wrong known propensities": "propensities of the treatment are not what it reads"}
COLUMNS = ("no overlap", "outcome among the covariates", "treatment among the covariates")
BESIDE = dict.fromkeys(COLUMNS, "it reads other columns")
NO_FAULT: dict[str, dict[str, str]] = {
    "PlugIn": {"no overlap": "its formula has another covariate"},
    "RegressionDiscontinuity": BESIDE | UNREAD,
    "DeepIV": AMOUNT | UNREAD | dict.fromkeys(("one arm", "tiny arm", "no overlap"), "an amount has no arms"),
    "DoubleML": AMOUNT,
    "DoseResponse": AMOUNT | UNREAD | dict.fromkeys(("one arm", "tiny arm"), "an amount has no arms"),
    "CausalForest": AMOUNT,
    "RobustRegression": AMOUNT,
    "DRIV": AMOUNT | UNREAD,
    "TwoStageLeastSquares": AMOUNT | UNREAD,
    "OrthogonalIV": AMOUNT | UNREAD,
    "InteractiveIV": UNREAD,
}


OTHERS = {
    "HierarchicalEffect": "it fits effects of groups",
    "InterruptedTimeSeries": "it fits one series",
    "SurrogateIndex": "it fits two samples",
}


def refused(case: Case, fault: str) -> bool:
    """Before any number; with instruments, an answer that they are too weak for an interval does too."""
    try:
        found = case.answer(REFUSED[fault](case))
    except (Refusal, InputError) as caught:
        return len(str(caught)) > 20
    told = any(v.code == "weak_instrument" for v in found.verdicts)
    return "instruments" in case.roles and bool(found.no_interval) and told


def test_every_estimator_that_is_handed_on_is_tried() -> None:
    assert set(GIVEN) <= set(CASES)
    assert set(NO_FAULT) <= set(CASES)
    assert {"AIPW", "IPW", "TMLE", "RegressionAdjustment", "Matching", "DoubleML", "CausalForest"} <= set(CASES)
    assert set(learners("panel")) == set(PANELS)
    fitting = {n for n in dorec.estimate.__all__ if hasattr(getattr(dorec.estimate, n), "fit")}
    assert fitting == {*CASES, *PANELS, *OTHERS}


@pytest.mark.parametrize("name", CASES)
def test_ten_faults_are_refused_before_any_number(name: str) -> None:
    case, spared = CASES[name], NO_FAULT.get(name, {})
    silent = [fault for fault in REFUSED if fault not in spared and not refused(case, fault)]
    assert silent == []


@pytest.mark.parametrize(("name", "fault"), [(name, fault) for name, why in NO_FAULT.items() for fault in why])
def test_what_is_no_fault_is_answered(name: str, fault: str) -> None:
    case = CASES[name]
    found = case.answer(REFUSED[fault](case))
    assert np.isfinite(found.value)
    if fault == "wrong known propensities":
        assert found.value == pytest.approx(case.answer(case.study()).value, rel=1e-9)


@pytest.mark.parametrize("name", CASES)
def test_duplicated_units_are_told(name: str) -> None:
    case = CASES[name]
    estimate = case.answer(case.study().take(np.repeat(np.arange(N), 2)))
    assert estimate.no_interval or {"duplicated_rows", "repeated_units"} & {v.code for v in estimate.verdicts}


@pytest.mark.parametrize("name", CASES)
def test_a_constant_outcome_has_no_made_up_interval(name: str) -> None:
    """Refused, or the right answer, which is 0 without an interval."""
    case = CASES[name]
    try:
        estimate = case.answer(case.study().with_columns(outcome=np.full(N, 3.0)))
    except (Refusal, InputError):
        return
    assert estimate.value == pytest.approx(0.0, abs=1e-9)
    assert estimate.no_interval or estimate.std_error < 1e-9


def panel(**changed: Any) -> Panel:
    """Forty shops over eight weeks; ten are treated from the fifth on."""
    rng = np.random.default_rng(0)
    starts = np.where(np.arange(40) < 10, 5, 8)
    y = (
        rng.normal(size=(40, 1))
        + np.arange(8)
        + 1.0 * (np.arange(8) >= starts[:, None])
        + 0.3 * rng.normal(size=(40, 8))
    )
    sound = {"outcome": y, "units": np.arange(40), "times": np.arange(8), "starts": starts}
    return Panel(**{**sound, "covariates": np.empty((40, 0)), **changed})


PANELS = {name: made() for name, made in learners("panel").items()}
PANEL_FAULTS: dict[str, Callable[[], Panel]] = {
    "missing outcome": lambda: panel(outcome=np.where(np.eye(40, 8) > 0, np.nan, panel().outcome)),
    "infinite outcome": lambda: panel(outcome=np.where(np.eye(40, 8) > 0, np.inf, panel().outcome)),
    "nobody treated": lambda: panel(starts=np.full(40, 8)),
    "all treated at once": lambda: panel(starts=np.full(40, 5)),
    "no time before": lambda: panel(starts=np.where(np.arange(40) < 10, 0, 8)),
}


@pytest.mark.parametrize("name", PANELS)
def test_faults_of_panels_are_refused(name: str) -> None:
    silent = []
    for fault, made in PANEL_FAULTS.items():
        try:
            PANELS[name].fit(made()).ate()
        except (Refusal, InputError):
            continue
        silent.append(fault)
    assert silent == []
    assert PANELS[name].fit(panel()).ate().value == pytest.approx(1.0, abs=0.5)
