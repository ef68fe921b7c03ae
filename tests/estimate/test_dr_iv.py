"""Effects given covariates with an instrument."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import InputError, NoInterval, NoOverlap
from dorec.estimate import DRIV

LINE, LOGIT = LinearRegression(), LogisticRegression()
CHEAP = DRIV(n_folds=2, outcome_model=LINE, treatment_model=LOGIT, instrument_model=LOGIT, effect_model=LINE)
AMOUNTS = DRIV(n_folds=2, outcome_model=LINE, treatment_model=LINE, instrument_model=LINE, effect_model=LINE)


def world(seed: int = 0, n: int = 4_000, comply: float = 0.6) -> dict[str, np.ndarray]:
    """The effect is 1 + x for everyone; who takes the treatment unasked also has a higher outcome."""
    rng = np.random.default_rng(seed)
    x, w = rng.normal(size=(2, n))
    z = (rng.random(n) < 1 / (1 + np.exp(-0.5 * x))).astype(int)
    kind = rng.random(n)
    t = np.where(kind < comply, z, kind > 0.8).astype(int)
    y = t * (1.0 + x) + x + 2.0 * (kind > 0.8) + rng.normal(size=n)
    return {"x": x, "w": w, "z": z, "t": t, "y": y}


def study(table: dict[str, np.ndarray], covariates: tuple[str, ...] = ("x", "w"), **more: object) -> Study:
    roles = {"outcome": "y", "treatment": "t", "covariates": list(covariates), "instruments": ["z"]}
    return Study.from_table(table, **(roles | more))


def test_effects_go_with_the_covariate_that_makes_them() -> None:
    model = CHEAP.fit(study(world()))
    truth = 1.0 + model.study.covariates[:, 0]
    assert np.corrcoef(model.unit_effects, truth)[0, 1] > 0.95
    points = np.array([[-1.0, 0.0], [0.0, 0.0], [1.0, 3.0]])
    assert np.abs(model.effect(points) - [0.0, 1.0, 2.0]).max() < 0.7
    effect = model.ate()
    assert abs(effect.value - 1.0) < 4 * effect.std_error
    assert model.scores.mean() == pytest.approx(effect.value)
    line = model.linear_projection()
    for value, error, right in zip(line.value, line.std_error, (1.0, 1.0, 0.0), strict=True):
        assert abs(value - right) < 4 * error
    high = model.segment(model.study.covariates[:, 0] > 0)
    assert abs(high.value - 1.8) < 4 * high.std_error
    with pytest.raises(NoInterval):
        model.interval(points)


def test_amounts_with_an_instrument_by_amount() -> None:
    rng = np.random.default_rng(1)
    x, w, u = rng.normal(size=(3, 3_000))
    z = 0.5 * x + rng.normal(size=3_000)
    d = (1.0 + 0.3 * np.tanh(x)) * z + u + 0.5 * rng.normal(size=3_000)
    table = {"x": x, "w": w, "z": z, "t": d, "y": (0.5 + x) * d + 2 * u + x}
    effect = AMOUNTS.fit(study(table, continuous=True))
    assert effect.ate().name == "one more of t"
    assert abs(effect.ate().value - 0.5) < 4 * effect.ate().std_error
    slope = effect.linear_projection(["x"])
    assert abs(slope.value[1] - 1.0) < 4 * slope.std_error[1]


def test_the_average_hardly_depends_on_the_model_of_effects() -> None:
    table = world(3, n=1_500)
    base = CHEAP.fit(study(table)).ate()
    silly = DRIV(n_folds=2, outcome_model=LINE, treatment_model=LOGIT, instrument_model=LOGIT)
    other = silly.fit(study(table)).ate()
    assert abs(base.value - other.value) < 2 * base.std_error


def test_rows_and_columns_and_scale_do_not_matter() -> None:
    table = world(n=800)
    base = CHEAP.fit(study(table)).ate()
    order = np.random.default_rng(0).permutation(800)
    turned = CHEAP.fit(study({k: v[order] for k, v in table.items()}, ("w", "x"))).ate()
    assert turned.value == pytest.approx(base.value, rel=1e-6)
    scaled = CHEAP.fit(study({**table, "y": 100 * table["y"] + 7, "z": 1 - table["z"]})).ate()
    assert scaled.value == pytest.approx(100 * base.value, rel=1e-4)


def test_units_that_the_instrument_does_not_move_take_the_interval_away() -> None:
    weak = CHEAP.fit(study(world(comply=0.01, n=1_000))).ate()
    assert "weak" in weak.no_interval
    table = world(5)
    off = table["x"] < 0
    table["t"] = np.where(off, np.random.default_rng(2).integers(0, 2, 4_000), table["t"])
    model = DRIV(n_folds=2, outcome_model=LINE, instrument_model=LOGIT, effect_model=LINE).fit(study(table))
    assert "unmoved_units" in {v.code for v in model.verdicts}
    assert "guesses" in model.ate().no_interval


def test_what_it_is_not_for_is_refused() -> None:
    table = world(n=400)
    with pytest.raises(InputError, match="takes one of each"):
        CHEAP.fit(study({**table, "q": table["x"] ** 2}, ("w",), instruments=["z", "q"]))
    with pytest.raises(NoOverlap, match="instrument 'z'"):
        AMOUNTS.fit(study({**table, "z": 2 * table["x"] + 1e-3 * table["y"]}))
    with pytest.raises(InputError, match="min_correlation is 0"):
        DRIV(min_correlation=0)
    model = CHEAP.fit(study(table))
    with pytest.raises(InputError, match="is no covariate"):
        model.linear_projection(["q"])
