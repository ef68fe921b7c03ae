"""Balance, negative controls, dummy outcomes and the bootstrap leave right analyses alone."""

from collections.abc import Callable

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.protocols import Refuter
from dorec.estimate import AIPW
from dorec.numeric.arrays import AnyArray
from dorec.refute import Balance, BootstrapRefuter, DummyOutcome, NegativeControlExposure, NegativeControlOutcome

REPS = 500
Make = Callable[[AnyArray, AnyArray], Refuter]
ATTACKS: dict[str, Make] = {
    "balance": lambda last, later: Balance(),
    "negative control outcome": lambda last, later: NegativeControlOutcome(column="last", values=last),
    "negative control exposure": lambda last, later: NegativeControlExposure(column="later", values=later),
    "dummy outcome": lambda last, later: DummyOutcome(n_runs=2),
    "bootstrap": lambda last, later: BootstrapRefuter(n_runs=6),
}


@pytest.mark.truth
@pytest.mark.parametrize("name", ATTACKS)
def test_false_alarms(name: str) -> None:
    learner = AIPW(n_folds=3, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    p, failed = np.empty(REPS), 0
    for rep in range(REPS):
        rng = np.random.default_rng([11, rep])
        x = rng.normal(size=(500, 2))
        t = (rng.random(500) < expit(0.7 * x[:, 0])).astype(int)
        y = t + x[:, 0] + rng.normal(size=500)
        last = x[:, 0] + rng.normal(size=500)
        later = (rng.random(500) < expit(0.7 * x[:, 0] + 0.5 * x[:, 1])).astype(int)
        table = {"a": x[:, 0], "b": x[:, 1], "t": t, "y": y}
        study = Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"])
        attack = ATTACKS[name](last, later)
        verdict = attack.refute(study, learner, learner.fit(study).ate(), RunContext(seed=rep))
        assert verdict.p_value is not None
        p[rep], failed = verdict.p_value, failed + (verdict.status == "failed")
    print(f"{name}: {failed / REPS:.3f} of {REPS} correct analyses failed at the 5% level")
    assert ((p >= 0) & (p <= 1)).all()
    assert failed / REPS <= 0.065
