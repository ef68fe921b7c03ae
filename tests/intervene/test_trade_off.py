"""Plans between two aims."""

import numpy as np
import pytest

from dorec import Study
from dorec.domain.errors import ConfigError, InputError, OtherUnits
from dorec.domain.estimate import Estimate
from dorec.domain.intervention import Budget
from dorec.intervene.trade_off import trade_off


class Known:
    """Effects that are known, scores with noise."""

    arms = ("none", "mail")

    def __init__(self, effects: np.ndarray, seed: int, sample: str = "users") -> None:
        noise = np.random.default_rng(seed).normal(size=(len(effects), 2))
        self.unit_effects, self.sample = effects, sample
        self.scores = noise + np.column_stack([np.zeros(len(effects)), effects])

    def arm_means(self) -> Estimate:
        return Estimate.of_mean(self.scores, name=("none", "mail"), sample=self.sample)


X = np.random.default_rng(0).normal(size=(1_000, 2))
MODELS = {"sales": Known(10 * X[:, 0], 1), "liking": Known(X[:, 1], 2)}


def test_mixtures_lie_between_the_ends_and_keep_the_budget() -> None:
    found = trade_off(MODELS, Budget(total=200.0, cost={"mail": 1.0}), weights=3)
    assert list(found.allocations) == ["liking", "0.5 sales + 0.5 liking", "sales"]
    assert all(plan.spent <= 200.0 for plan in found.allocations.values())
    sales, liking = found.front.values.T
    assert (np.diff(sales) > 0).all()
    assert (np.diff(liking) < 0).all()
    assert len(found.front.front) == 3


def test_what_is_promised_is_the_mean_of_the_scores() -> None:
    plans = trade_off(MODELS, Budget(max_units=100), weights=[{"sales": 1.0}, {"sales": 1.0, "liking": 4.0}])
    arm = plans.allocations["1 sales + 4 liking"].arm
    s = MODELS["liking"].scores
    by_hand = (s[np.arange(1_000), arm] - s[:, 0]).mean()
    assert plans.front.values[1, 1] == pytest.approx(by_hand)


def test_aims_on_other_units_or_arms_are_refused() -> None:
    with pytest.raises(OtherUnits):
        trade_off({"sales": MODELS["sales"], "liking": Known(X[:, 1], 2, "others")}, Budget())
    other = Known(X[:, 1], 2)
    other.arms = ("none", "call")  # type: ignore[misc]
    with pytest.raises(InputError, match="has the arms"):
        trade_off({"sales": MODELS["sales"], "liking": other}, Budget())
    with pytest.raises(InputError, match="two or more"):
        trade_off({"sales": MODELS["sales"]}, Budget())
    with pytest.raises(ConfigError, match="mixture"):
        trade_off(MODELS, Budget(), weights=[{"sales": -1.0}, {"sales": 1.0}])
    with pytest.raises(InputError, match="weights is 1"):
        trade_off(MODELS, Budget(), weights=1)


def test_two_fitted_models_give_a_front_in_one_call() -> None:
    from sklearn.linear_model import LinearRegression, LogisticRegression

    from dorec.estimate import AIPW

    rng = np.random.default_rng(3)
    t = rng.integers(0, 2, 1_000)
    table = {"a": X[:, 0], "b": X[:, 1], "t": t, "sales": 3 * t * X[:, 0] + rng.normal(size=1_000)}
    study = Study.from_table(table, outcome="sales", treatment="t", covariates=["a", "b"])
    liking = study.with_columns(outcome=3 * t * X[:, 1] + rng.normal(size=1_000), outcome_name="liking")
    learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    found = trade_off({"sales": learner.fit(study), "liking": learner.fit(liking)}, Budget(max_units=300), weights=3)
    assert found.front.values[2, 0] > found.front.values[0, 0] + 0.3
    assert found.front.values[0, 1] > found.front.values[2, 1] + 0.3
