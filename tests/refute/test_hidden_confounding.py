"""The bound on hidden confounding against a confounder that is really there, and against the linear formulae."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ColumnNotFound, InputError
from dorec.estimate import AIPW, DoubleML
from dorec.refute import benchmark_strengths, hidden_confounding, robustness_value

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def confounded(n: int = 4_000, seed: int = 0, covariates: tuple[str, ...] = ("x", "u")) -> Study:
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(2, n))
    t = (rng.random(n) < expit(0.4 * x + 0.5 * u)).astype(int)
    table = {"x": x, "u": u, "t": t, "y": t + x + 0.8 * u + rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=list(covariates))


@pytest.fixture(scope="module")
def short() -> Study:
    return confounded(covariates=("x",))


def test_the_bound_holds_a_bias_that_is_really_there(short: Study) -> None:
    strength = benchmark_strengths(confounded(), CHEAP, ["u"])["u"]
    hidden = hidden_confounding(short, CHEAP.fit(short))
    bias = hidden.effect.value - 1.0
    assert bias > 0.2
    # relative to the residual without u, the share of the outcome is smaller than the gain over the one with it
    of_outcome = 0.8**2 / (0.8**2 + 1.0)
    left = hidden.left(strength[0], of_outcome)
    assert left < 1.0 < hidden.effect.value
    assert left > 1.0 - bias  # and not hopelessly wide: the confounder works through both at once
    low, high = hidden.interval(strength[0], of_outcome)
    assert low < 1.0 < high


def test_robustness_is_the_partial_r2_formula_on_its_own_spread(short: Study) -> None:
    hidden = hidden_confounding(short, CHEAP.fit(short))
    spread = np.sqrt(hidden.residual.value * hidden.weight.value)
    assert hidden.robustness_value() == pytest.approx(robustness_value(hidden.effect.value / spread, 1.0), abs=1e-6)
    r = hidden.robustness_value()
    assert hidden.left(r, r) == pytest.approx(0.0, abs=1e-6)
    assert hidden.tipping_point(r) == pytest.approx(r, abs=1e-6)
    assert hidden.robustness_value(0.975) < r


def test_contour_falls_with_strength_and_starts_at_the_effect(short: Study) -> None:
    hidden = hidden_confounding(short, CHEAP.fit(short))
    grid = np.linspace(0, 0.5, 6)
    found = hidden.contour(grid, grid[:4])
    assert found.shape == (4, 6)
    assert found[0] == pytest.approx(hidden.effect.value)
    assert (np.diff(found, axis=1)[1:] < 0).all()
    assert hidden.tipping_point(0.0) == 1.0
    assert hidden.times_as_strong((0.1, 0.2), 2) == (0.2, 0.4)
    assert hidden.times_as_strong((0.6, 0.7), 2) == (0.999, 1.0)


def test_effect_is_the_estimators_own_and_mirrors(short: Study) -> None:
    model = CHEAP.fit(short)
    hidden = hidden_confounding(short, model)
    assert hidden.effect.value == pytest.approx(model.ate().value)
    assert hidden.effect.std_error == pytest.approx(model.ate().std_error, rel=0.01)
    flipped = short.with_columns(outcome=-short.outcome)
    mirrored = hidden_confounding(flipped, CHEAP.fit(flipped))
    assert mirrored.left(0.1, 0.1) == pytest.approx(-hidden.left(0.1, 0.1))
    assert mirrored.robustness_value(0.95) == pytest.approx(hidden.robustness_value(0.95), abs=1e-6)


def test_errors_of_the_spread_are_honest() -> None:
    moves, errors = [], []
    for seed in range(150):
        s = confounded(800, seed, ("x",))
        move = hidden_confounding(s, CHEAP.fit(s))._move(0.1, 0.1)
        moves.append(move.value)
        errors.append(move.std_error)
    assert np.mean(errors) / np.std(moves) == pytest.approx(1.0, abs=0.2)


def test_refusals(short: Study) -> None:
    model = CHEAP.fit(short)
    hidden = hidden_confounding(short, model)
    with pytest.raises(InputError, match="r2_treatment"):
        hidden.left(1.0, 0.1)
    with pytest.raises(InputError, match="r2_outcome"):
        hidden.left(0.1, 1.1)
    with pytest.raises(InputError, match="arm is 2"):
        hidden_confounding(short, model, arm=2)
    with pytest.raises(InputError, match="fit on it"):
        hidden_confounding(short.take(np.arange(100)), model)
    with pytest.raises(ColumnNotFound):
        benchmark_strengths(short, CHEAP, ["age"])
    partly = DoubleML(n_folds=2, outcome_model=LinearRegression(), treatment_model=LogisticRegression())
    with pytest.raises(InputError, match="does not tell"):
        hidden_confounding(short, partly.fit(short))
