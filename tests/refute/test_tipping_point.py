"""The tipping point: where a hidden confounder would take the effect, against measured ones."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import InputError
from dorec.estimate import AIPW, RegressionAdjustment
from dorec.refute import TippingPoint, hidden_confounding

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def study(effect: float, k: int = 2, seed: int = 0, **roles: object) -> Study:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=(2, 800))
    t = (x + 2 * rng.normal(size=800) > np.linspace(-1, 1, k + 1)[1:-1, None]).sum(axis=0)
    table = {"x": x, "z": z, "t": t, "y": effect * t + x + rng.normal(size=800)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z"]).with_columns(**roles)


def test_a_large_effect_holds_and_a_small_one_tips() -> None:
    large, small, none = study(2.0), study(0.35), study(0.0)
    held = TippingPoint().refute(large, CHEAP, CHEAP.fit(large).ate())
    assert held.status == "passed"
    assert "'x'" in held.meaning
    hidden = hidden_confounding(large, CHEAP.fit(large))
    assert held.statistic == pytest.approx(hidden.robustness_value(0.975))
    assert held.evidence["robustness_value"] > held.statistic
    tipped = TippingPoint().refute(small, CHEAP, CHEAP.fit(small).ate())
    assert (tipped.status, tipped.code) == ("warning", "sensitive_to_confounding")
    assert tipped.remedy
    zero = TippingPoint().refute(none, CHEAP, CHEAP.fit(none).ate())
    assert (zero.code, zero.statistic) == ("interval_includes_zero", 0.0)


def test_of_several_arms_the_weakest_counts() -> None:
    s = study(1.0, k=3)
    verdict = TippingPoint().refute(s, CHEAP, CHEAP.fit(s).ate())
    model = CHEAP.fit(s)
    limits = [hidden_confounding(s, model, arm=a).robustness_value(0.975) for a in (1, 2)]
    assert verdict.statistic == pytest.approx(min(limits))


def test_where_it_says_nothing() -> None:
    s = study(1.0, propensity=np.full((800, 2), 0.5))
    coin = TippingPoint().refute(s, CHEAP, CHEAP.fit(study(1.0)).ate())
    assert coin.status == "passed"
    assert "known" in coin.meaning
    other = study(1.0)
    learner = RegressionAdjustment()
    assert TippingPoint().refute(other, learner, learner.fit(other).ate()).code == "not_applicable"
    with pytest.raises(InputError):
        TippingPoint(level=1.5)
