"""Keys of units without ids: nothing may follow from where a row stands; nuisances: fitted once."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression, Ridge

from dorec import RunContext, Study
from dorec.estimate import AIPW, TMLE
from dorec.numeric.memo import Memo

N = 400


def confounded():
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(2, N))
    t = (rng.random(N) < 1 / (1 + np.exp(-a))).astype(int)
    table = {"a": a, "b": b, "t": t, "y": t + a + b**2 + rng.normal(size=N)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"])


@pytest.mark.parametrize("weighted", [False, True])
def test_the_order_of_rows_of_a_discrete_table_does_not_matter(weighted: bool) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 2, size=(2, N))
    t = (rng.random(N) < 0.3 + 0.2 * a).astype(int)
    y = (rng.random(N) < 0.2 + 0.2 * t + 0.3 * b).astype(float)
    table = {"a": a, "b": b, "t": t, "y": y, "w": rng.integers(1, 4, N).astype(float)}
    learner = AIPW(n_folds=3, outcome_model=LogisticRegression(), propensity_model=LogisticRegression())
    found = []
    for order in (np.arange(N), *(rng.permutation(N) for _ in range(3))):
        rows = {name: values[order] for name, values in table.items()}
        study = Study.from_table(
            rows, outcome="y", treatment="t", covariates=["a", "b"], weight="w" if weighted else None
        )
        found.append(learner.fit(study).ate())
    assert [e.value for e in found] == pytest.approx([found[0].value] * 4, abs=1e-9)
    assert [e.std_error for e in found] == pytest.approx([found[0].std_error] * 4, abs=1e-9)


def test_estimators_on_one_study_share_nuisances_and_nothing_changes():
    study = confounded()
    shared, apart = RunContext(), RunContext(memo=Memo(limit=0))
    found = [
        [learner.fit(study, context=context).ate() for learner in (AIPW(n_folds=2), TMLE(n_folds=2), AIPW(n_folds=2))]
        for context in (shared, apart)
    ]
    assert shared.memo.hits >= 3
    assert apart.memo.hits == 0
    for a, b in zip(*found, strict=True):
        assert a.value == b.value
        np.testing.assert_array_equal(a.influence, b.influence)


def test_what_a_nuisance_is_made_of_decides_whether_it_is_shared():
    study = confounded()
    context = RunContext()
    AIPW(n_folds=2, outcome_model=Ridge(1.0)).fit(study, context=context)
    before = context.memo.hits
    AIPW(n_folds=3, outcome_model=Ridge(1.0)).fit(study, context=context)  # other folds
    assert context.memo.hits == before
    AIPW(n_folds=2, outcome_model=Ridge(2.0)).fit(study, context=context)  # the same propensity, another outcome
    assert context.memo.hits == before + 1
