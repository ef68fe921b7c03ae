"""The forest's pointwise intervals hold where effects are smooth, and the rate of false alarms of the tests on top."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit

from dorec import RunContext, Study
from dorec.estimate import AIPW, CausalForest, DRLearner, best_linear_projection, calibration_test
from dorec.evaluate import rate

P = 5
SMOOTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda x: np.ones(len(x)),
    "linear": lambda x: 1 + 0.3 * x[:, 0],
    "bend": lambda x: 1 + 0.5 * np.tanh(x[:, 0]) + 0.3 * np.tanh(x[:, 1]),
    "sigmoids": lambda x: expit(2 * x[:, 0]) * expit(2 * x[:, 1]) * 2,
}


def draw(effect: Callable[[np.ndarray], np.ndarray], n: int, seed: int) -> tuple[Study, np.ndarray]:
    """A confounded study, and the covariates of 500 fresh units."""
    rng = np.random.default_rng([3, seed])
    x = rng.normal(size=(n, P))
    t = (rng.random(n) < expit(0.6 * x[:, 0] - 0.4 * x[:, 2])).astype(int)
    names = [f"x{j}" for j in range(P)]
    y = x[:, 0] + np.sin(x[:, 1]) + t * effect(x) + rng.normal(size=n)
    table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=names), rng.normal(size=(500, P))


@pytest.mark.truth
@pytest.mark.parametrize("name", SMOOTH)
def test_pointwise_intervals_hold(name: str) -> None:
    held = []
    for seed in range(8):
        study, fresh = draw(SMOOTH[name], 5_000, seed)
        lower, upper = CausalForest().fit(study, context=RunContext(threads=1)).interval(fresh)
        truth = SMOOTH[name](fresh)
        held.append(np.mean((lower <= truth) & (truth <= upper)))
    print(f"{name}: pointwise coverage {np.mean(held):.3f}")
    assert np.mean(held) >= 0.90


@pytest.mark.truth
def test_lines_hold_and_noise_is_not_taken_for_heterogeneity() -> None:
    covered, alarms, ranked = 0, 0, 0
    reps = 100
    for seed in range(reps):
        study, _ = draw(SMOOTH["constant"], 1_000, seed)
        model = DRLearner(average=AIPW(n_folds=3)).fit(study, context=RunContext(threads=1))
        lower, upper = best_linear_projection(model).interval()
        covered += int(((lower <= [1.0, 0, 0, 0, 0, 0]) & (upper >= [1.0, 0, 0, 0, 0, 0])).sum())
        alarms += calibration_test(model).code != "no_heterogeneity"
        area = rate(model.unit_effects, model.scores)
        ranked += not area.no_interval and area.p_value(alternative="greater") < 0.05
    found = f"projection covers {covered / reps / 6:.3f}"
    print(f"{found}; false alarms: slope {alarms / reps:.2f}, AUTOC {ranked / reps:.2f}")
    assert 0.92 <= covered / reps / 6 <= 0.98
    assert alarms / reps <= 0.12
    assert ranked / reps <= 0.12
