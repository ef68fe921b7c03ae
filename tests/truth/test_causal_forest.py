"""The forest's pointwise intervals hold where effects are smooth, and the rate of false alarms of the tests on top."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.estimate import AIPW, CausalForest, DRLearner, best_linear_projection, calibration_test
from dorec.evaluate import rate

SMOOTH: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "constant": lambda x: np.ones(len(x)),
    "linear": lambda x: 1 + 0.3 * x[:, 0],
    "bend": lambda x: 1 + 0.5 * np.tanh(x[:, 0]) + 0.3 * np.tanh(x[:, 1]),
    "sigmoids": lambda x: expit(2 * x[:, 0]) * expit(2 * x[:, 1]) * 2,
    "product": lambda x: 1 + 0.5 * np.tanh(x[:, 0]) + 0.4 * np.tanh(x[:, 1] * x[:, 3]),
}
SIZES = ((2_000, 5), (2_000, 10), (10_000, 20))  # units, covariates


def draw(effect: Callable[[np.ndarray], np.ndarray], n: int, seed: int, p: int = 5) -> tuple[Study, np.ndarray]:
    """A confounded study, and the covariates of 500 fresh units."""
    rng = np.random.default_rng([3, seed])
    x = rng.normal(size=(n, p))
    t = (rng.random(n) < expit(0.6 * x[:, 0] - 0.4 * x[:, 2])).astype(int)
    names = [f"x{j}" for j in range(p)]
    y = x[:, 0] + np.sin(x[:, 1]) + t * effect(x) + rng.normal(size=n)
    table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=names), rng.normal(size=(500, p))


@pytest.mark.truth
@pytest.mark.parametrize(("n", "p"), SIZES)
@pytest.mark.parametrize("name", SMOOTH)
def test_pointwise_intervals_hold(name: str, n: int, p: int) -> None:
    held, error = [], []
    for seed in range(10 if n < 5_000 else 3):
        study, fresh = draw(SMOOTH[name], n, seed, p)
        model = CausalForest().fit(study, context=RunContext(threads=1))
        lower, upper = model.interval(fresh)
        truth = SMOOTH[name](fresh)
        held.append(np.mean((lower <= truth) & (truth <= upper)))
        error.append(np.sqrt(np.mean((model.effect(fresh) - truth) ** 2)))
    print(f"{name}, n={n}, p={p}: pointwise coverage {np.mean(held):.3f}, PEHE {np.mean(error):.3f}")
    assert np.mean(held) >= 0.90


@pytest.mark.truth
def test_a_constant_effect_is_not_taken_for_heterogeneity() -> None:
    """What a forest says of the units it learned from must not know their outcomes."""
    cheap = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    alarms, ranked, reps = 0, 0, 100
    for seed in range(reps):
        rng = np.random.default_rng(seed)
        x, noise = rng.normal(size=(800, 8)), rng.normal(size=800)
        t = (rng.random(800) < expit(0.5 * x[:, 0])).astype(int)
        names = [f"x{j}" for j in range(8)]
        table = dict(zip(names, x.T, strict=True)) | {"t": t, "y": x[:, 0] + t + noise}
        study = Study.from_table(table, outcome="y", treatment="t", covariates=names)
        model = CausalForest(n_trees=100, average=cheap).fit(study, context=RunContext(threads=1))
        alarms += calibration_test(model).code != "no_heterogeneity"
        area = rate(model.unit_effects, model.scores)
        ranked += not area.no_interval and area.p_value(alternative="greater") < 0.05
    print(f"false alarms of the forest: slope {alarms / reps:.2f}, AUTOC {ranked / reps:.2f}")
    assert alarms / reps <= 0.10
    assert ranked / reps <= 0.10


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
