"""The units of a causal forest."""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.estimate import AIPW
from dorec.estimate.forest_parts import dense, forest_units


def test_codes_follow_the_order_of_appearance() -> None:
    assert dense(np.array([9, 4, 9, 0])).tolist() == [0, 1, 0, 2]


def test_each_arm_is_a_part_of_its_units_and_the_reference() -> None:
    rng = np.random.default_rng(0)
    table = {"x": rng.normal(size=300), "t": np.arange(300) % 3, "y": rng.normal(size=300)}
    s = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
    cheap = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    units = forest_units(cheap.fit(s, context=RunContext(threads=1)))
    assert units.arms
    assert [len(part.rows) for part in units.parts] == [200, 200]
    assert units.codes.shape == (1, 300)
    assert all(abs(part.w.mean()) < 0.05 for part in units.parts)
