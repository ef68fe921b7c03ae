"""The effect on compliers."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import InputError, LeakedTreatment, NoInterval, NoOverlap, WeakInstrument
from dorec.estimate import InteractiveIV, TwoStageLeastSquares

CHEAP = InteractiveIV(
    n_folds=2,
    outcome_model=LinearRegression(),
    treatment_model=LogisticRegression(),
    instrument_model=LogisticRegression(),
)


def world(seed: int = 0, n: int = 3_000, comply: float = 0.5, always: float = 0.2) -> dict[str, np.ndarray]:
    """Compliers gain 2 + x, always takers 5; x moves the instrument and the outcome."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    z = (rng.random(n) < 1 / (1 + np.exp(-x))).astype(int)
    kind = rng.random(n)
    t = np.where(kind < comply, z, kind > 1 - always).astype(int)
    y = t * np.where(kind > 1 - always, 5.0, 2.0 + x) + 2 * x + 3.0 * (kind > 1 - always) + rng.normal(size=n)
    return {"x": x, "z": z, "t": t, "y": y}


def study(table: dict[str, np.ndarray], covariates: tuple[str, ...] = ("x",), **more: object) -> Study:
    return Study.from_table(
        table, outcome="y", treatment="t", covariates=list(covariates), **({"instruments": ["z"]} | more)
    )


def test_without_covariates_it_is_walds_ratio_and_two_stage_least_squares() -> None:
    table = world()
    table["w"] = np.random.default_rng(1).uniform(0.5, 2, 3_000)
    for weight in (None, "w"):
        s = study(table, (), weight=weight)
        model = InteractiveIV().fit(s)
        wald, other = model.ate(), TwoStageLeastSquares().fit(s).ate()
        w = np.ones(3_000) if weight is None else table["w"]
        z, t, y = table["z"] == 1, table["t"], table["y"]
        top, bottom = (np.average(v[z], weights=w[z]) - np.average(v[~z], weights=w[~z]) for v in (y, t))
        assert wald.value == pytest.approx(top / bottom, abs=1e-9)
        assert wald.value == pytest.approx(other.value, abs=1e-9)
        assert wald.std_error == pytest.approx(other.std_error, rel=1e-9)
        ours, theirs = model.anderson_rubin(), TwoStageLeastSquares().fit(s).anderson_rubin()
        assert np.allclose(ours, theirs, rtol=2e-3)


def test_compliers_alone_decide() -> None:
    model = CHEAP.fit(study(world(n=6_000)))
    effect = model.ate()
    assert abs(effect.value - 2.0) < 4 * effect.std_error
    assert effect.std_error < 0.2
    shares = model.shares()
    assert shares.value.sum() == pytest.approx(1.0)
    assert np.abs(shares.value - [0.5, 0.2, 0.3]).max() < 0.06
    assert abs(model.complier_means()[0].value) < 4 * model.complier_means()[0].std_error
    high = model.segment(np.asarray(model.study.covariates[:, 0] > 0))
    assert high.value > effect.value + 0.3  # 2 + E[x | x > 0]
    assert model.scores.mean() == pytest.approx(effect.value)
    assert {v.check: v.status for v in effect.verdicts}["instrument strength"] == "passed"
    assert any("monotonicity" in said for said in model.assumptions)


def test_arms_and_the_instrument_may_be_swapped() -> None:
    table = world()
    base = CHEAP.fit(study(table)).ate()
    turned = CHEAP.fit(study({**table, "z": 1 - table["z"]}))
    assert turned.ate().value == pytest.approx(base.value, rel=1e-6)
    assert np.allclose(turned.shares().value, CHEAP.fit(study(table)).shares().value, atol=1e-6)
    swapped = CHEAP.fit(study(table, control=1)).ate()
    assert swapped.value == pytest.approx(-base.value, rel=1e-6)
    order = np.random.default_rng(0).permutation(3_000)
    assert CHEAP.fit(study({k: v[order] for k, v in table.items()})).ate().value == pytest.approx(base.value, rel=1e-9)


def test_one_sided_noncompliance_is_taken_as_it_is() -> None:
    model = CHEAP.fit(study(world(always=0.0)))
    assert (model.scores_by_instrument[:, 1, 0] == 0).all()
    assert model.shares()["always takers"].value == 0.0
    assert abs(model.ate().value - 2.0) < 4 * model.ate().std_error
    assert "one-sided: nobody" in next(v for v in model.verdicts if v.check == "compliance").meaning


def test_a_weak_instrument_has_a_set_and_no_interval() -> None:
    model = CHEAP.fit(study(world(comply=0.01)))
    effect = model.ate()
    assert "weak" in effect.no_interval
    assert {v.code for v in effect.verdicts} >= {"weak_instrument"}
    with pytest.raises(NoInterval):
        effect.interval()
    assert model.anderson_rubin()[0][0] == -np.inf


def test_what_it_is_not_for_is_refused() -> None:
    table = world(n=400)
    with pytest.raises(InputError, match="no instruments"):
        InteractiveIV().fit(study(table, instruments=[]))
    with pytest.raises(InputError, match="one instrument of 400 values"):
        InteractiveIV().fit(study({**table, "z": table["x"]}, ()))
    with pytest.raises(InputError, match="2 instruments"):
        InteractiveIV().fit(study({**table, "q": 1 - table["z"]}, instruments=["z", "q"]))
    with pytest.raises(InputError, match="3 arms"):
        InteractiveIV().fit(study({**table, "t": np.arange(400) % 3}))
    with pytest.raises(InputError, match="is an amount"):
        InteractiveIV().fit(study({**table, "t": table["x"]}, (), continuous=True))
    with pytest.raises(LeakedTreatment, match="tells the z"):
        InteractiveIV().fit(study({**table, "x": 3.0 * table["z"]}))
    with pytest.raises(NoOverlap, match="instrument 'z'"):
        InteractiveIV().fit(study({**table, "z": (table["x"] + 0.05 * np.sin(np.arange(400)) > 0).astype(int)}))
    even = {"z": np.repeat([0, 1], 100), "t": np.tile([0, 1], 100), "y": np.arange(200.0)}
    with pytest.raises(WeakInstrument):
        InteractiveIV().fit(study(even, ()))


def test_clusters_and_repeated_splits() -> None:
    table = world(n=800)
    table["shop"] = np.arange(800) // 4
    plain = CHEAP.fit(study(table)).ate()
    clustered = CHEAP.fit(study(table, cluster="shop"))
    assert clustered.ate().cluster is not None
    again = InteractiveIV(
        n_folds=2, n_repeats=3, outcome_model=LinearRegression(), treatment_model=LogisticRegression(),
        instrument_model=LogisticRegression(),
    ).fit(study(table)).ate()  # fmt: skip
    assert again.value == pytest.approx(plain.value, abs=0.5 * plain.std_error)
