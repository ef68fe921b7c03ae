"""From an estimand to its estimator."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import CausalQuery, Estimand, Study
from dorec.domain.errors import ColumnNotFound, InputError
from dorec.domain.expression import Probability
from dorec.estimate import AIPW, adjusted_for, estimate

RNG = np.random.default_rng(0)
N = 2_000
Z, W = RNG.normal(size=(2, N))
T = (RNG.random(N) < 1 / (1 + np.exp(-Z))).astype(int)
CITY = np.array(["ams", "ber", "cph"], dtype=object)[RNG.integers(0, 3, N)]
TABLE = {"z": Z, "w": W, "city": CITY, "t": T, "y": T + Z + RNG.normal(size=N)}
STUDY = Study.from_table(TABLE, outcome="y", treatment="t", covariates=["z", "w", "city"])
CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def estimand(strategy: str = "back-door", adjustment_set: tuple[str, ...] = (), **query: object) -> Estimand:
    asked = CausalQuery(**({"treatments": "t", "outcomes": "y"} | query))
    return Estimand(
        query=asked, strategy=strategy, expression=Probability(("y",), ("t",)), adjustment_set=adjustment_set
    )


def test_back_door_adjusts_for_the_set_and_nothing_else() -> None:
    right = estimate(STUDY, estimand(adjustment_set=("z", "city")), CHEAP)
    assert right.study.covariate_names == ("z", "city=ber", "city=cph")
    assert right.ate().value == pytest.approx(1.0, abs=0.2)
    assert right.ate().estimand == "P(y | do(t)) = P(y | t)"
    assert right.study.sample == STUDY.sample
    wrong = estimate(STUDY, estimand(adjustment_set=("w",)), CHEAP)
    assert wrong.ate().value > 1.5
    assert (wrong.ate() - right.ate()).std_error > 0


def test_randomised_uses_every_covariate() -> None:
    assert estimate(STUDY, estimand("randomised"), CHEAP).study.covariate_names == STUDY.covariate_names


def test_the_population_of_the_query_is_estimated() -> None:
    model = estimate(STUDY, estimand(adjustment_set=("z",), population="overlap"))
    assert model.learner.population == "overlap"


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(InputError, match="'front-door'"):
        estimate(STUDY, estimand("front-door"))
    with pytest.raises(ColumnNotFound, match="Did you mean 'city'"):
        estimate(STUDY, estimand(adjustment_set=("cty",)))
    with pytest.raises(InputError, match="outcome 'y'"):
        estimate(STUDY, estimand(outcomes="sales"))


def test_adjusting_for_nothing_leaves_no_covariates() -> None:
    assert adjusted_for(STUDY, ()).covariates.shape == (N, 0)
