"""Every estimator of average effects with an interval against the worlds of `check_causal_estimator`.

Matching, TMLE and DoubleML learn any shape; regression adjustment and IPW are linear by design: in the nonlinear world
they see it and withhold the interval, so that few samples mislead.
"""

from typing import Any

import pytest

from dorec.estimate import IPW, TMLE, DoubleML, Matching, RegressionAdjustment
from dorec.refute import check_causal_estimator
from dorec.refute.worlds import WORLDS

FLEXIBLE = {
    "TMLE": (TMLE(), "all"),
    "matching": (Matching(), "all"),
    "matching, propensity": (Matching(distance="propensity"), "all"),
    "DoubleML, partially linear": (DoubleML(), "overlap"),
}
LINEAR = {
    "regression adjustment": (RegressionAdjustment(), "all"),
    "regression adjustment, treated": (RegressionAdjustment(population="treated"), "treated"),
    "IPW": (IPW(), "all"),
    "IPW, raw": (IPW(weights="raw"), "all"),
    "IPW, overlap": (IPW(weights="overlap"), "overlap"),
    "IPW, treated": (IPW(population="treated"), "treated"),
}
CASES = [(name, *case, world) for name, case in FLEXIBLE.items() for world in WORLDS]
CASES += [(name, *case, world) for name, case in LINEAR.items() for world in WORLDS]


@pytest.mark.truth
@pytest.mark.parametrize(("name", "learner", "population", "world"), CASES, ids=[f"{c[0]}, {c[3]}" for c in CASES])
def test_interval_holds(name: str, learner: Any, population: Any, world: str) -> None:
    found = check_causal_estimator(learner, n=1_000, repetitions=400, population=population, worlds=[world])
    for verdict in found[:2]:
        print(f"{name}, {world}: {verdict.check}: {verdict.statistic}")
    assert found.passed, str(found)


@pytest.mark.truth
@pytest.mark.parametrize("name", LINEAR)
def test_linear_estimators_say_where_a_line_is_wrong(name: str) -> None:
    told = withheld = 0
    for seed in range(100):
        ate = LINEAR[name][0].fit(WORLDS["nonlinear"].draw(1_000, seed=seed)).ate()
        told += any(v.code == "not_linear" for v in ate.verdicts)
        withheld += bool(ate.no_interval)
    print(f"{name}, nonlinear: warned {told}, withheld {withheld} of 100")
    assert told == withheld >= 85
