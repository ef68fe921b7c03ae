"""Refuters leave right analyses alone: p-values in [0, 1], and failures no more often than the level."""

import numpy as np
import pytest
from scipy import stats
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.protocols import Refuter
from dorec.estimate import AIPW
from dorec.refute import DataSubset, PlaceboTreatment, RandomCommonCause

REPS = 500


@pytest.mark.truth
@pytest.mark.parametrize("refuter", [PlaceboTreatment(n_runs=2), DataSubset(n_runs=2), RandomCommonCause(n_runs=1)])
def test_false_alarms(refuter: Refuter) -> None:
    learner = AIPW(n_folds=3, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    p = np.empty(REPS)
    for rep in range(REPS):
        rng = np.random.default_rng([11, rep])
        x = rng.normal(size=(500, 2))
        t = (rng.random(500) < expit(0.7 * x[:, 0])).astype(int)
        table = {"a": x[:, 0], "b": x[:, 1], "t": t, "y": t + x[:, 0] + rng.normal(size=500)}
        study = Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"])
        p[rep] = refuter.refute(study, learner, learner.fit(study).ate(), RunContext(seed=rep)).p_value
    alarms = float((p < 0.05).mean())
    print(f"{type(refuter).__name__}: {alarms:.3f} of {REPS} correct analyses failed at the 5% level")
    assert ((p >= 0) & (p <= 1)).all()
    assert alarms <= 0.07  # 5% plus two Monte-Carlo standard errors
    if not isinstance(refuter, RandomCommonCause):
        assert stats.kstest(p, "uniform").pvalue > 1e-3
