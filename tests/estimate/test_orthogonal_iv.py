"""Partially linear instruments by double machine learning."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression

from dorec import Study
from dorec.domain.errors import InputError, NoOverlap
from dorec.estimate import OrthogonalIV, TwoStageLeastSquares
from dorec.numeric.k_class import overidentification

LINE = LinearRegression()
CHEAP = OrthogonalIV(n_folds=2, outcome_model=LINE, treatment_model=LINE, instrument_model=LINE)


def world(seed: int = 0, n: int = 2_000, strength: float = 1.0, bent: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, u, e, f = rng.normal(size=(4, n))
    curve = bent * np.sin(2 * x)
    z = 0.5 * x + 2 * curve + rng.normal(size=n)
    d = strength * z + x + u + e
    return {"x": x, "z": z, "q": f, "d": d + 0.5 * f, "y": 0.5 * (d + 0.5 * f) + x - 3 * curve + u + rng.normal(size=n)}


def study(table: dict[str, np.ndarray], **more: object) -> Study:
    roles = {"outcome": "y", "treatment": "d", "covariates": ["x"], "instruments": ["z"], "continuous": True}
    return Study.from_table(table, **(roles | more))


def test_without_covariates_it_is_two_stage_least_squares() -> None:
    """But for the folds' means, which differ from the whole's by chance."""
    s = study(world(), covariates=[])
    ours, theirs = CHEAP.fit(s).ate(), TwoStageLeastSquares().fit(s).ate()
    assert ours.value == pytest.approx(theirs.value, abs=0.01 * theirs.std_error + 1e-3)
    assert ours.std_error == pytest.approx(theirs.std_error, rel=0.01)


def test_bent_covariates_are_no_trouble() -> None:
    s = study(world(bent=1.0))
    effect = OrthogonalIV(n_folds=2).fit(s).ate()
    linear = TwoStageLeastSquares().fit(s).ate()
    assert abs(effect.value - 0.5) < 4 * effect.std_error
    assert abs(linear.value - 0.5) > 4 * linear.std_error
    assert effect.name == "one more of d"
    assert effect.method == "orthogonal IV"


def test_several_instruments_are_asked_whether_they_agree() -> None:
    table = world()
    both = CHEAP.fit(study(table, instruments=["z", "q"]))
    assert [v.code for v in both.verdicts] == ["", ""]
    assert both.ate().std_error < CHEAP.fit(study(table)).ate().std_error
    torn = CHEAP.fit(study({**table, "y": table["y"] + 0.5 * table["q"]}, instruments=["z", "q"]))
    assert "instruments_disagree" in {v.code for v in torn.verdicts}


def test_hansens_test_holds_its_level_under_unequal_variances() -> None:
    rejected = 0
    for seed in range(300):
        rng = np.random.default_rng([9, seed])
        Z, u = rng.normal(size=(400, 2)), rng.normal(size=400)
        d = Z.sum(axis=1) + u
        y = 0.5 * d + u + (np.abs(Z[:, 0]) + 0.2) * rng.normal(size=400)
        rejected += overidentification(y, d[:, None], Z)[1] < 0.05
    assert 0.02 <= rejected / 300 <= 0.085


def test_a_weak_instrument_has_a_set_and_no_interval() -> None:
    model = CHEAP.fit(study(world(strength=0.01, n=500)))
    assert "weak" in model.ate().no_interval
    assert any(a <= 0.5 <= b for a, b in model.anderson_rubin(0.99))


def test_arms_repeats_weights_and_order() -> None:
    table = world(n=600)
    table["t"] = (table["d"] > 0).astype(int)
    table["w"] = np.random.default_rng(3).uniform(0.5, 2, 600)
    arms = {"treatment": "t", "continuous": False, "weight": "w"}
    base = CHEAP.fit(study(table, **arms)).ate()
    assert base.name == "1 - 0"
    order = np.random.default_rng(0).permutation(600)
    turned = CHEAP.fit(study({k: v[order] for k, v in table.items()}, **arms)).ate()
    assert turned.value == pytest.approx(base.value, rel=1e-9)
    more = OrthogonalIV(n_folds=2, n_repeats=3, outcome_model=LINE, treatment_model=LINE, instrument_model=LINE)
    assert more.fit(study(table, **arms)).ate().value == pytest.approx(base.value, abs=base.std_error)


def test_what_it_is_not_for_is_refused() -> None:
    table = world(n=300)
    with pytest.raises(InputError, match="no instruments"):
        CHEAP.fit(study(table, instruments=[]))
    with pytest.raises(NoOverlap, match="instrument 'z'"):
        CHEAP.fit(study({**table, "z": 2 * table["x"] + 1e-3 * table["q"]}))
    with pytest.raises(InputError, match="n_folds is 1"):
        OrthogonalIV(n_folds=1)
