"""Mediation: parts that add up, the truth in large samples, refusals."""

from typing import Any

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ColumnNotFound, InputError, LeakedTreatment, NoOverlap
from dorec.estimate.mediation import Mediation, divided, mediated_outcomes

NAMES = ["x", "m"]
FAST = {"n_folds": 2, "outcome_model": LinearRegression(), "propensity_model": LogisticRegression()}


def study_of(n: int = 2_000, seed: int = 0, arms: int = 2, **columns: Any) -> Study:
    """P(m) = .2 + .4 t whatever x, y = t + 2 m + t m + x and noise: the effects in `TRUTH`."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t = np.minimum((rng.random(n) * arms).astype(int) + (x > 1.5) * (rng.random(n) < 0.3), arms - 1)
    m = (rng.random(n) < 0.2 + 0.4 * (t > 0)).astype(float)
    table = {"x": x, "t": t, "m": m, "y": t + 2 * m + t * m + x + 0.5 * rng.normal(size=n)} | columns
    return Study.from_table(table, outcome="y", treatment="t", covariates=NAMES)


TRUTH = {"total": 2.4, "nde": 1.2, "tie": 1.2, "tde": 1.6, "nie": 0.8}


def test_effects_near_the_truth_and_adding_up() -> None:
    effects = Mediation(mediators=("m",), **FAST).fit(study_of()).effects()
    for name, value in TRUTH.items():
        assert abs(effects[name].value - value) < 4 * effects[name].std_error < 0.4
    total = effects["nde"] + effects["tie"]
    assert total.value == pytest.approx(effects["total"].value, abs=1e-12)
    assert total.std_error == pytest.approx(effects["total"].std_error)
    assert effects["tde"].value + effects["nie"].value == pytest.approx(effects["total"].value, abs=1e-12)


def test_one_mediator_by_its_name_alone_and_the_share() -> None:
    model = Mediation(mediators="m", **FAST).fit(study_of())  # type: ignore[arg-type]
    share = model.indirect() / model.ate()
    assert abs(share.value - 0.5) < 4 * share.std_error < 0.3
    assert model.direct().name == "nde"


def test_controlled_effect_at_each_level() -> None:
    model = Mediation(mediators=("m",), **FAST).fit(study_of())
    for level, truth in ((0.0, 1.0), (1.0, 2.0)):
        found = model.controlled((level,))
        assert abs(found.value - truth) < 4 * found.std_error < 0.4
    with pytest.raises(InputError, match="No unit has"):
        model.controlled((7.0,))
    with pytest.raises(InputError, match=r"2 value\(s\)"):
        model.controlled((1.0, 2.0))


def test_swapping_the_arms_turns_the_effects() -> None:
    study = study_of(600)
    swapped = study.with_columns(treatment=1 - study.treatment, arms=study.arms[::-1])
    one, two = (Mediation(mediators=("m",), **FAST).fit(s).effects() for s in (study, swapped))
    assert one["total"].value == pytest.approx(-two["total"].value)
    assert one["nde"].value == pytest.approx(-two["tde"].value)


def test_rows_in_another_order_change_nothing() -> None:
    study = study_of(600)
    moved = study.take(np.random.default_rng(0).permutation(600))
    one, two = (Mediation(mediators=("m",), **FAST).fit(s).effects().value for s in (study, moved))
    assert one == pytest.approx(two)


def test_score_is_right_where_one_kind_of_model_is_wrong() -> None:
    rng = np.random.default_rng(0)
    n = 200_000
    t = rng.integers(0, 2, n)
    m = (rng.random(n) < 0.2 + 0.4 * t).astype(float)
    y = t + 2 * m + t * m + rng.normal(size=n)
    even = np.full((n, 2), 0.5)
    p1 = np.where(m == 1, 0.6, 0.4)
    p0 = np.where(m == 1, 0.2, 0.8)
    given = np.stack([p0 / (p0 + p1), p1 / (p0 + p1)], axis=1)
    mean = np.stack([2 * m, 1 + 3 * m], axis=1)
    nested = np.tile(np.array([[0.4, 1.2], [1.6, 2.8]]), (n, 1, 1))
    wrong, wrong_nested = np.zeros((n, 2)), np.zeros((n, 2, 2))
    skewed = np.tile([0.3, 0.7], (n, 1))
    for outcomes, chances in (
        ((wrong, wrong, wrong_nested), (even, given)),  # the treatment models are right
        ((wrong, mean, wrong_nested), (even, even)),  # the outcome given mediators and P(arm | x) are
        ((wrong, mean, nested), (skewed, even)),  # both outcome models are
    ):
        scores = mediated_outcomes(y, t, outcomes, chances, np.ones(n))
        assert scores.mean(axis=0)[1, 0] == pytest.approx(1.6, abs=0.05)


def test_refusals() -> None:
    study = study_of(400)
    with pytest.raises(ColumnNotFound, match="covariates of the study"):
        Mediation(mediators=("cart",)).fit(study)
    with pytest.raises(InputError, match="3 arms"):
        Mediation(mediators=("m",)).fit(study_of(400, arms=3))
    with pytest.raises(InputError, match="at least one"):
        Mediation(mediators=())
    with pytest.raises(LeakedTreatment):
        Mediation(mediators=("m",), **FAST).fit(study_of(400, m=study.treatment.astype(float)))
    noisy = np.where(np.random.default_rng(0).random(400) < 0.01, 1 - study.treatment, study.treatment)
    with pytest.raises(NoOverlap, match="given the mediators m"):
        Mediation(mediators=("m",), n_folds=2).fit(study_of(400, m=noisy.astype(float)))


def test_divided_takes_indicator_columns_with_their_source() -> None:
    table = {"t": [0, 1] * 6, "y": range(12), "x": range(12), "stage": ["a", "b", "c"] * 4}
    study = Study.from_table(table, outcome="y", treatment="t", covariates=["stage", "x"])
    base, mediators = divided(study, ("stage",))
    assert base.covariate_names == ("x",)
    assert mediators.shape == (12, 2)
