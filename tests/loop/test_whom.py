"""What a plan is worth: for all the units that it is for, whatever the population that the effect was asked for."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec.domain.run import RunContext
from dorec.domain.study import Study
from dorec.estimate import AIPW
from dorec.loop.stages.effects import _whom
from dorec.loop.study_file import PolicySettings


@pytest.mark.parametrize("population", ["all", "overlap"])
def test_the_value_of_a_plan_speaks_of_all_units(population):
    rng = np.random.default_rng(0)
    x = rng.normal(size=3_000)
    t = (rng.random(3_000) < expit(1.2 * x)).astype(int)
    y = 100 + 5 * x + t * x + rng.normal(size=3_000)
    study = Study.from_table({"x": x, "t": t, "y": y}, outcome="y", treatment="t", covariates=["x"])
    learner = AIPW(
        n_folds=2, population=population, outcome_model=LinearRegression(), propensity_model=LogisticRegression()
    )
    asked = SimpleNamespace(settings=SimpleNamespace(policy=PolicySettings(max_share=0.5)), context=RunContext())
    _, tables, estimates = _whom(asked, study, learner.fit(study))
    given = np.array(tables["allocation"]["arm"].to_pylist()) == "1"
    lower, upper = estimates["policy/value"].interval()
    assert lower < (given * x).mean() < upper
