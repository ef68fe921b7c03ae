"""Several outcomes are several fits, made once where they share and judged together."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.errors import InputError, NotFinite
from dorec.estimate import AIPW, effects_on_outcomes

LEARNER = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def drawn(seed=0, n=600, arms=2):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    t = rng.integers(0, arms, size=n)
    clicks = x + t + rng.normal(size=n)
    spend = 3 * x + rng.normal(size=n)
    table = {"x": x, "t": t, "y": clicks}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x"]), {"clicks": clicks, "spend": spend}


@pytest.mark.parametrize("arms", [2, 3])
def test_each_part_is_the_fit_of_its_outcome_alone(arms):
    study, outcomes = drawn(arms=arms)
    found = effects_on_outcomes(study, outcomes, LEARNER)
    for i, (name, y) in enumerate(outcomes.items()):
        alone = LEARNER.fit(study.with_columns(outcome=y, outcome_name=name)).ate()
        part = slice(i * (arms - 1), (i + 1) * (arms - 1))
        np.testing.assert_array_equal(np.atleast_1d(found.value)[part], alone.value)
        np.testing.assert_allclose(np.atleast_1d(found.std_error)[part], alone.std_error, rtol=1e-12)
    assert found.name[0] == "clicks: 1 - 0"


def test_propensities_are_fitted_once():
    study, outcomes = drawn()
    context = RunContext()
    effects_on_outcomes(study, {**outcomes, "more": outcomes["spend"] * 2 + study.outcome}, LEARNER, context=context)
    assert context.memo.hits >= 2


def test_joint_intervals_are_wider_and_know_that_equal_outcomes_are_one():
    study, outcomes = drawn()
    found = effects_on_outcomes(study, outcomes, LEARNER)
    joint, alone = found.interval(joint=True), found.interval()
    assert (joint.upper - joint.lower > alone.upper - alone.lower).all()
    same = effects_on_outcomes(study, {"a": outcomes["spend"], "b": outcomes["spend"]}, LEARNER)
    joint, alone = same.interval(joint=True), same.interval()
    np.testing.assert_allclose(joint.upper - joint.lower, alone.upper - alone.lower, rtol=0.03)


def test_bad_outcomes_are_refused_by_name():
    study, outcomes = drawn()
    with pytest.raises(InputError, match="no outcome"):
        effects_on_outcomes(study, {}, LEARNER)
    with pytest.raises(InputError, match="'short' has shape"):
        effects_on_outcomes(study, {"short": np.ones(3)}, LEARNER)
    with pytest.raises(InputError, match="'x' is the treatment or a covariate"):
        effects_on_outcomes(study, {"x": outcomes["spend"]}, LEARNER)
    with pytest.raises(NotFinite, match="gap"):
        effects_on_outcomes(study, {"gap": np.where(np.arange(600) == 5, np.nan, 1.0)}, LEARNER)
