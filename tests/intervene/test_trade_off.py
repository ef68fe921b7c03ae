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


def test_units_count_their_weight() -> None:
    """Scores carry the weights of the units: what a plan brings is the weighted mean of the units' own gains."""
    rng = np.random.default_rng(0)
    x, weight = rng.normal(size=500), rng.exponential(size=500)
    weight = weight / weight.mean()

    class Weighted:
        arms = (0, 1)

        def __init__(self, gain: np.ndarray) -> None:
            own = np.column_stack([50.0 + 0 * x, 50.0 + gain])
            table = {"t": np.arange(500) % 2, "y": own[:, 0], "w": weight}
            self.study = Study.from_table(table, outcome="y", treatment="t", weight="w")
            self.unit_effects, self.own = gain, own
            mean = np.average(own, axis=0, weights=weight)
            self.means = Estimate(mean, weight[:, None] * (own - mean), name=("0", "1"), sample="users")
            self.scores = mean + self.means.influence

        def arm_means(self) -> Estimate:
            return self.means

    models = {"sales": Weighted(x), "liking": Weighted(1 - x)}
    found = trade_off(models, Budget(max_units=200), weights=3)
    for i, plan in enumerate(found.allocations.values()):
        for j, gain in enumerate((x, 1 - x)):
            own = (plan.arm == 1) * gain
            assert found.front.values[i, j] == pytest.approx(np.average(own, weights=weight))


@pytest.mark.parametrize("weights", [2.5, "ab", [{"sales": np.nan}], [{"sales": "a"}], [3]])
def test_mixtures_without_sense_are_refused(weights: object) -> None:
    with pytest.raises(InputError):
        trade_off(MODELS, Budget(max_units=9), weights=weights)


def test_no_mixture_is_lost_for_its_name() -> None:
    weights = [{"sales": 1.0, "liking": w} for w in (0.121, 0.122, 0.123)]
    assert len(trade_off(MODELS, Budget(max_units=9), weights=weights).allocations) == 3
