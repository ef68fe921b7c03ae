"""The best dose against worlds whose best dose is known."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline

from dorec import Study
from dorec.domain.errors import InputError, NoOverlap
from dorec.domain.estimate import Estimate
from dorec.estimate import AIPW, DoseResponse
from dorec.estimate.additive_basis import RIDGE_GRID, AdditiveBasis
from dorec.intervene.dose_search import dose_search


class Known:
    """A curve with errors that doses share in part."""

    def __init__(self, truth: object, seed: int, n: int = 400) -> None:
        rng = np.random.default_rng([21, seed])
        dose = np.linspace(0, 4, n)
        self.truth, self.noise = truth, rng.normal(size=(n, 1)) + 0.5 * rng.normal(size=(n, 9))
        table = {"price": dose, "sold": truth(dose)}
        self.study = Study.from_table(table, outcome="sold", treatment="price", continuous=True)
        self.support, self.found = (0.1, 3.9), None

    def curve(self, doses: object) -> Estimate:
        at = np.asarray(doses, dtype=float)
        noise = self.noise[:, np.round(at * 2).astype(int)]
        mean = self.truth(at) + noise.mean(axis=0)
        names = tuple(f"mean at {d:g}" for d in at)
        return Estimate(mean, noise - noise.mean(axis=0), name=names, sample=self.study.sample)


DOSES = np.arange(1, 8) / 2
FLAT = {"truth": lambda d: 4 - 0.1 * (d - 2) ** 2}


def test_intervals_regret_and_sets_hold_although_the_dose_was_chosen() -> None:
    truth = FLAT["truth"](DOSES)
    covered = held = regret = naive = 0
    for rep in range(60):
        found = dose_search(Known(FLAT["truth"], rep), DOSES)
        at = FLAT["truth"](found.dose)
        covered += found.value.lower <= at <= found.value.upper
        naive += found.choice.value.interval().lower <= at <= found.choice.value.interval().upper
        held += 2.0 in found.not_worse
        regret += truth.max() - at <= found.regret
    assert covered >= 53
    assert held >= 54
    assert regret >= 54
    assert naive <= covered


def test_costs_and_worth_move_the_best_dose() -> None:
    model = Known(lambda d: 4 - d, 0)
    assert dose_search(model, DOSES).dose == 0.5
    assert dose_search(model, DOSES, value=lambda sold, price: sold * (price - 1)).dose == 2.5
    assert dose_search(model, DOSES, value=lambda sold, price: sold * price, cost=2.0).dose == 1.0
    with pytest.raises(InputError, match="bends with the outcome"):
        dose_search(model, DOSES, value=lambda sold, price: sold**2)


def test_the_best_at_the_end_is_flagged() -> None:
    assert [v.code for v in dose_search(Known(lambda d: -d, 0), DOSES).verdicts] == ["", "best_at_edge"]
    assert [v.code for v in dose_search(Known(FLAT["truth"], 0), DOSES).verdicts[:1]] == [""]


def prices(n: int = 500) -> Study:
    rng = np.random.default_rng(8)
    x = rng.normal(size=n)
    group = rng.integers(0, 2, n)
    price = 3 + 0.3 * x + rng.normal(size=n)
    sold = 10 + x + price * (2 + 2 * group) - 0.5 * price**2 + rng.normal(size=n)
    return Study.from_table(
        {"x": x, "price": price, "sold": sold, "group": group},
        outcome="sold",
        treatment="price",
        covariates=["x", "group"],
        continuous=True,
    )


def test_a_fitted_curve_is_searched_for_all_and_by_segment() -> None:
    """The best price is 2 in one group, 4 in the other, and 3 for all."""
    smooth = make_pipeline(AdditiveBasis(), RidgeCV(RIDGE_GRID))
    study = prices()
    model = DoseResponse(n_folds=2, outcome_model=smooth, treatment_model=LinearRegression()).fit(study)
    group = study.covariates[:, study.covariate_names.index("group")].astype(int)
    found = dose_search(model, points=9, segments=group)
    assert found.dose == pytest.approx(3.0, abs=0.8)
    assert found.segments["0"].dose < found.dose < found.segments["1"].dose
    assert found.gain.lower < found.gain.upper
    assert [row["segment"] for row in found.to_table()] == ["all", "0", "1"]
    assert "worth" in str(found)
    assert found.figure().data["lines"][0]["x"] == found.doses.tolist()
    with pytest.raises(NoOverlap):
        dose_search(model, [3.0, 12.0])


def test_arms_that_are_numbers_are_doses() -> None:
    rng = np.random.default_rng(9)
    t = rng.integers(0, 3, 900) * 5
    x = rng.normal(size=900)
    y = x + 0.4 * t * (x > 0) + 0.5 * rng.normal(size=900)
    study = Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"])
    model = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression()).fit(study)
    found = dose_search(model, cost=0.15, segments=np.where(x > 0, "warm", "cold"))
    assert found.dose == 10.0
    assert (found.segments["warm"].dose, found.segments["cold"].dose) == (10.0, 0.0)
    warm = found.segments["warm"].values.value - model.segment(x > 0).value.tolist()[1]
    assert np.isfinite(warm).all()
    assert found.segments["warm"].gain.lower > 0
    with pytest.raises(InputError, match="7 is no arm"):
        dose_search(model, [0.0, 7.0])


def test_what_can_t_be_searched_is_refused() -> None:
    model = Known(FLAT["truth"], 0)
    with pytest.raises(InputError, match="two doses or more"):
        dose_search(model, [1.0])
    with pytest.raises(InputError, match="a label for each"):
        dose_search(model, DOSES, segments=np.zeros(3))
    words = Study.from_table({"t": ["a", "b"] * 20, "y": range(40)}, outcome="y", treatment="t")
    with pytest.raises(InputError, match="no numbers"):
        dose_search(AIPW(n_folds=2).fit(words))


@pytest.mark.parametrize(
    "settings",
    [
        {"doses": ["a", "b"]},
        {"cost": "a"},
        {"level": 2.0},
        {"level": np.nan},
        {"doses": None, "points": 2.5},
        {"value": lambda sold, price: None},
        {"value": lambda sold, price: np.nan},
        {"value": 3},
        {"value": lambda sold, price: min(sold, 3.9) * price},  # bends within the outcomes, beyond 2
        {"segments": np.where(np.arange(400) % 3 == 0, np.nan, 1.0)},
        {"segments": np.where(np.arange(400) % 3 == 0, None, "a")},
        {"segments": np.array([1, "1"] * 200, dtype=object)},
    ],
)
def test_settings_without_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(InputError):
        dose_search(Known(FLAT["truth"], 0), **({"doses": DOSES} | settings))


def test_what_is_no_model_is_refused() -> None:
    with pytest.raises(InputError, match="a fitted model"):
        dose_search(3)
