"""Arrays for effects: canonical order, and residuals of one arm and the reference."""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.estimate import AIPW
from dorec.estimate.centred import centred, in_order

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
ONE = RunContext(threads=1)


def study(n: int = 300) -> Study:
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=n), "a": rng.normal(size=n), "t": rng.integers(0, 3, size=n)}
    table |= {"y": table["x"] + table["t"] + rng.normal(size=n), "shop": rng.integers(0, 60, size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "a"], cluster="shop")


def test_order_follows_from_the_units_and_names() -> None:
    s = study()
    rows = np.random.default_rng(1).permutation(s.n)
    one, other = (in_order(CHEAP.fit(each, context=ONE)) for each in (s, s.take(rows)))
    for name in ("X", "y", "arm", "propensity", "outcome", "score", "folds", "group"):
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-12)
    assert one.columns.tolist() == [1, 0]
    np.testing.assert_array_equal(one.restore(one.y), s.outcome)
    assert one.group.max() + 1 == len(np.unique(s.cluster))


def test_residuals_of_an_arm_and_the_reference() -> None:
    units = in_order(CHEAP.fit(study(), context=ONE))
    part = centred(units, 2)
    assert set(units.arm[part.rows].tolist()) == {0, 2}
    e, mu = units.propensity[part.rows], units.outcome[part.rows]
    share = e[:, 2] / (e[:, 0] + e[:, 2])
    np.testing.assert_allclose(part.w, (units.arm[part.rows] == 2) - share)
    np.testing.assert_allclose(part.y, units.y[part.rows] - (1 - share) * mu[:, 0] - share * mu[:, 2])
    assert abs(part.w.mean()) < 0.05
