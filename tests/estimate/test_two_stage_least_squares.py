import numpy as np
import pandas as pd
import pytest

from dorec import Study
from dorec.domain.errors import Collinear, InputError, LeakedTreatment, NoInterval, NotFinite, OneArm
from dorec.estimate import AIPW, TwoStageLeastSquares
from dorec.numeric.k_class import anderson_rubin, k_class, partial_out

REGIONS = [f"reg66{i}" for i in range(2, 10)]
CONTROLS = ["exper", "expersq", "black", "smsa", "south", "smsa66", *REGIONS]


def world(seed=0, n=2000, strength=1.0, effect=0.5, spread=1.0):
    rng = np.random.default_rng(seed)
    z, u, x = rng.normal(size=(3, n))
    d = strength * z + 0.5 * x + u + rng.normal(size=n)
    y = effect * d + 0.3 * x + u + spread * (1 + 0.5 * np.abs(z)) * rng.normal(size=n)
    return {"z": z, "x": x, "d": d, "y": y}


def study(table, **more):
    roles = {"outcome": "y", "treatment": "d", "covariates": ["x"], "instruments": ["z"], "continuous": True}
    return Study.from_table(table, **(roles | more))


def test_card_1995_to_four_digits(shared):
    card = pd.read_csv(shared / "data" / "iv" / "card.csv.gz")
    roles = {"outcome": "lwage", "treatment": "educ", "covariates": CONTROLS, "continuous": True}
    near = Study.from_table(card, instruments=["nearc4"], **roles)
    model = TwoStageLeastSquares().fit(near)
    assert round(model.ate().value, 4) == 0.1315
    assert model.ate().std_error == pytest.approx(0.054, abs=0.001)  # robust
    parts = partial_out(
        np.column_stack([near.outcome, near.dose]), np.column_stack([np.ones(near.n), near.covariates]), np.ones(near.n)
    )
    assert round(k_class(parts[:, 0], parts[:, 1:], parts[:, 1:], 0.0).value[0], 4) == 0.0747
    both = TwoStageLeastSquares().fit(Study.from_table(card, instruments=["nearc4", "nearc2"], **roles))
    assert both.verdicts[0].code == "weak_instrument"
    assert both.ate().no_interval


def test_one_instrument_is_the_ratio_of_two_covariances():
    table = world()
    z, y, d, x = (table[k] for k in "zydx")
    rest = [v - np.column_stack([np.ones(len(x)), x]) @ np.linalg.lstsq(
        np.column_stack([np.ones(len(x)), x]), v, rcond=None)[0] for v in (z, y, d)]  # fmt: skip
    for method in ("2sls", "liml"):
        found = TwoStageLeastSquares(method=method).fit(study(table)).ate()
        assert found.value == pytest.approx(rest[0] @ rest[1] / (rest[0] @ rest[2]))


def test_intervals_cover_and_the_anderson_rubin_set_covers_even_where_instruments_are_weak():
    strong, ar_strong, ar_weak, weak_flagged = 0, 0, 0, 0
    for seed in range(300):
        model = TwoStageLeastSquares().fit(study(world(seed, n=400)))
        lower, upper = model.ate().interval()
        strong += lower <= 0.5 <= upper
        ar_strong += any(a <= 0.5 <= b for a, b in model.anderson_rubin())
        weak = TwoStageLeastSquares().fit(study(world(seed, n=400, strength=0.02)))
        ar_weak += any(a <= 0.5 <= b for a, b in weak.anderson_rubin())
        weak_flagged += bool(weak.ate().no_interval)
    for covered in (strong, ar_strong, ar_weak):
        assert 0.91 <= covered / 300 <= 0.985
    assert weak_flagged >= 290


def test_the_set_is_what_the_test_does_not_reject_point_by_point():
    rng = np.random.default_rng(3)
    for strength in (0.03, 0.3, 2.0):
        z = rng.normal(size=(300, 2))
        u = rng.normal(size=300)
        d = strength * z.sum(axis=1) + u + rng.normal(size=300)
        y = 0.7 * d + u
        found = anderson_rubin(y, d, z, 0.9)
        for beta in np.linspace(-30, 30, 401):
            e = y - beta * d
            moment, scores = z.T @ e, z * e[:, None]
            accepted = moment @ np.linalg.solve(scores.T @ scores, moment) <= 4.605170185988092
            inside = any(a - 1e-6 <= beta <= b + 1e-6 for a, b in found)
            near_an_end = any(min(abs(beta - a), abs(beta - b)) < 1e-3 for a, b in found)
            assert inside == accepted or near_an_end


def test_two_arms_give_the_effect_on_those_whom_the_instrument_moves():
    rng = np.random.default_rng(5)
    n = 20_000
    z = rng.integers(0, 2, n)
    kind = rng.choice(["never", "complier", "always"], n, p=[0.3, 0.5, 0.2])
    d = np.where(kind == "always", 1, np.where(kind == "complier", z, 0))
    y = d * np.where(kind == "complier", 2.0, 5.0) + (kind == "always") + rng.normal(size=n)
    found = TwoStageLeastSquares().fit(study({"z": z, "d": d, "y": y}, covariates=[], continuous=False)).ate()
    assert found.name == "1 - 0"
    assert abs(found.value - 2.0) < 3 * found.std_error


def test_instruments_that_disagree_are_found():
    rng = np.random.default_rng(6)
    n = 3000
    good, bad, u = rng.normal(size=(3, n))
    d = good + bad + u + rng.normal(size=n)
    y = 0.5 * d + u + 0.4 * bad + rng.normal(size=n)
    both = study({"g": good, "b": bad, "d": d, "y": y}, covariates=[], instruments=["g", "b"])
    assert {v.code for v in TwoStageLeastSquares().fit(both).verdicts} == {"", "instruments_disagree"}


def test_rows_columns_scale_and_shift_do_not_matter():
    table = world()
    base = TwoStageLeastSquares().fit(study(table)).ate()
    order = np.random.default_rng(0).permutation(2000)
    turned = TwoStageLeastSquares().fit(study({k: v[order] for k, v in table.items()})).ate()
    scaled = TwoStageLeastSquares().fit(study({**table, "y": 100 * table["y"] + 7, "z": -3 * table["z"]})).ate()
    assert turned.value == pytest.approx(base.value, rel=1e-9)
    assert scaled.value == pytest.approx(100 * base.value, rel=1e-9)
    assert scaled.std_error == pytest.approx(100 * base.std_error, rel=1e-9)


def test_bad_input_is_refused():
    table = world(n=200)
    with pytest.raises(InputError, match="no instruments"):
        TwoStageLeastSquares().fit(study(table, instruments=[]))
    with pytest.raises(Collinear, match="follow from the covariates"):
        TwoStageLeastSquares().fit(study({**table, "z": 2 * table["x"] + 1}))
    with pytest.raises(InputError, match="one value"):
        TwoStageLeastSquares().fit(study({**table, "z": np.ones(200)}))
    with pytest.raises(OneArm):
        study({**table, "d": np.ones(200)})
    with pytest.raises(NotFinite):
        study({**table, "z": np.where(np.arange(200) == 3, np.nan, table["z"])})
    with pytest.raises(InputError, match="is an amount"):
        AIPW().fit(study(table))
    with pytest.raises(NoInterval):
        TwoStageLeastSquares().fit(study(table)).interval(np.zeros((1, 1)))
    with pytest.raises(InputError, match="has no arms"):
        study(table, control=0)


def test_a_copy_of_the_treatment_among_the_covariates_is_refused():
    table = world(0, n=400)
    copied = {**table, "copy": 3.0 - 2.0 * np.asarray(table["d"], dtype=float)}
    with pytest.raises(LeakedTreatment, match="without error"):
        TwoStageLeastSquares().fit(study(copied, covariates=["x", "copy"]))
