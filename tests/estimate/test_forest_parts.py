"""The units of a causal forest, and the check that leaves its smooth part out."""

import numpy as np
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.estimate import AIPW
from dorec.estimate.forest_parts import _clearly_positive, dense, forest_units


def test_codes_follow_the_order_of_appearance() -> None:
    assert dense(np.array([9, 4, 9, 0])).tolist() == [0, 1, 0, 2]


def test_units_that_belong_together_count_once() -> None:
    gains, alone = np.tile([1.0, -0.5], 40), np.arange(80)
    assert _clearly_positive(gains, alone)
    assert not _clearly_positive(-gains, alone)
    assert not _clearly_positive(np.repeat([3.0, -1.0], 40), np.repeat([0, 1], 40))
    assert _clearly_positive(np.where(alone == 3, np.nan, gains), alone)


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
