"""Keys of units without ids: nothing may follow from where a row stands."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from dorec import Study
from dorec.estimate import AIPW

N = 400


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
