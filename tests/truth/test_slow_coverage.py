"""2,000 samples of each estimator whose models fit, coverage in [.935, .965]: the slow lane of the benchmark."""

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dorec import RunContext
from dorec.estimate import AIPW, DoubleML, DRLearner, RLearner, SLearner, TLearner, XLearner
from dorec.refute import WORLDS, coverage_of


def lanes() -> Any:
    """The cells of the benchmark, which is a script."""
    file = Path(__file__).resolve().parents[2] / "benchmarks" / "interval_coverage.py"
    spec = importlib.util.spec_from_file_location("interval_coverage", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


LANES = lanes()
SLOW = {LANES.key("slow", cell): cell for cell in LANES.slow()}


@pytest.mark.truth
@pytest.mark.parametrize("name", SLOW)
def test_intervals_hold_where_the_models_fit(name: str) -> None:
    for row in LANES.count(SLOW[name], RunContext(threads=1)):
        print(f"{name}, {row['effect']}: coverage {row['covered']:.3f}, se / sd {row['se_over_sd']:.2f}")
        assert 0.935 <= row["covered"] <= 0.965
        assert 0.95 <= row["se_over_sd"] <= 1.05


@pytest.mark.parametrize("world", WORLDS)
def test_learners_of_effects_share_aipw_s_average(world: str) -> None:
    """Which is why the lanes count AIPW's alone."""
    study, context = WORLDS[world].draw(400, seed=1), RunContext(threads=1)
    average = AIPW(n_folds=2)
    expected = average.fit(study, context=context).ate()
    for make in (SLearner, TLearner, XLearner, RLearner, DRLearner):
        found = make(average=average).fit(study, context=context).ate()
        assert (found.value, found.std_error) == (expected.value, expected.std_error)
    found = DoubleML(model="interactive", n_folds=2).fit(study, context=context).ate()
    assert (found.value, found.std_error) == (expected.value, expected.std_error)


@pytest.mark.truth
def test_the_truth_of_a_world_is_what_a_huge_sample_tells() -> None:
    learner = AIPW(n_folds=2, **LANES.linear("linear"))
    [counted] = coverage_of(learner, WORLDS["linear"], n=200_000, repetitions=1)
    assert abs(counted.bias) < 5 * counted.std_error
    assert np.isfinite(counted.truth)
