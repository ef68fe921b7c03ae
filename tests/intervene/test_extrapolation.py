"""Values that units like these never had."""

import numpy as np
import pytest

from dorec.domain.errors import InputError, NoSupport, NotFinite, TooFewUnits
from dorec.intervene.extrapolation import Beyond, beyond_support, extrapolation_verdict

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2_000, 3))
DOSE = X[:, 0] + 0.5 * RNG.uniform(-1, 1, size=2_000)


def test_a_value_is_beyond_where_such_units_never_came_near_it() -> None:
    """Given x, doses lie within x - 0.5 to x + 0.5; what is found is nearly that, from the outside."""
    for asked in (-1.0, 0.0, 1.5):
        found = beyond_support(DOSE, asked, X)
        truly = np.abs(asked - X[:, 0]) > 0.5
        assert not found.outside.any()
        assert (found.unlikely & ~truly).mean() < 0.01
        assert (found.unlikely & truly).sum() > 0.8 * truly.sum()


def test_what_was_had_is_within() -> None:
    assert beyond_support(DOSE, DOSE, X).unlikely.mean() < 0.03
    assert beyond_support(DOSE, DOSE + 0.05, X).unlikely.mean() < 0.06


def test_no_unit_had_it_at_all() -> None:
    found = beyond_support(DOSE, DOSE.max() + 1.0, X)
    assert found.outside.all()
    with pytest.raises(NoSupport, match="100% get values that were never seen"):
        extrapolation_verdict("price", found, seen="1 to 2")


def test_a_rule_without_exception_leaves_half_of_the_units_alone() -> None:
    arm = (X[:, 0] > 0).astype(float)
    found = beyond_support(arm, 1.0, X)
    assert 0.4 < found.unlikely.mean() < 0.52
    assert found.unlikely[X[:, 0] > 0].mean() < 0.01


def test_without_covariates_the_order_of_the_units_says_nothing() -> None:
    dose = np.linspace(0, 1, 400)
    assert not beyond_support(dose, 0.5, np.empty((400, 0))).unlikely.any()
    gap = np.concatenate([np.linspace(0, 0.3, 300), np.linspace(0.7, 1.0, 300)])
    assert beyond_support(gap, 0.5, np.empty((600, 0))).unlikely.mean() > 0.9


def test_a_sample_of_many_units_says_the_same_of_all() -> None:
    x = RNG.normal(size=(60_000, 1))
    dose = x[:, 0] + 0.5 * RNG.uniform(-1, 1, size=60_000)
    assert beyond_support(dose, 0.0, x).unlikely.mean() == pytest.approx((np.abs(x) > 0.5).mean(), abs=0.03)


@pytest.mark.parametrize(("share", "status"), [(0.04, "passed"), (0.2, "warning"), (0.6, "failed")])
def test_the_share_decides(share: float, status: str) -> None:
    far = np.arange(100) < 100 * share
    verdict = extrapolation_verdict("price", Beyond(np.zeros(100, dtype=bool), far))
    assert (verdict.status, verdict.statistic) == (status, pytest.approx(share))
    assert verdict.code == ("" if status == "passed" else "extrapolation")


def test_chances_count() -> None:
    far = np.array([True, False])
    verdict = extrapolation_verdict("mail", Beyond(np.zeros(2, dtype=bool), far), chance=np.array([0.1, 0.9]))
    assert verdict.statistic == pytest.approx(0.1)
    with pytest.raises(InputError, match="give"):
        beyond_support(DOSE, 1.0, X[:5])


def test_doses_that_are_mostly_none_are_no_arms() -> None:
    """A thousand zeros in front do not turn a dose into a yes or no."""
    rng = np.random.default_rng(0)
    dose = np.concatenate([np.zeros(1_500), rng.uniform(0.1, 0.4, size=1_500), [1.0]])
    assert beyond_support(dose, 0.85, rng.normal(size=(3_001, 1))).unlikely.mean() > 0.9


@pytest.mark.parametrize(
    ("observed", "asked", "covariates", "kind"),
    [
        ([0.0, np.nan, 1.0], 0.5, np.zeros((3, 1)), NotFinite),
        ([0.0, 0.5, 1.0], np.nan, np.zeros((3, 1)), NotFinite),
        ([0.0, 0.5, 1.0], 0.5, np.full((3, 1), np.nan), NotFinite),
        ([0.0, 0.5, 1.0], [0.5, 0.5], np.zeros((3, 1)), InputError),
        (["a", "b", "c"], 0.5, np.zeros((3, 1)), InputError),
        ([], 0.5, np.empty((0, 1)), TooFewUnits),
    ],
)
def test_what_says_nothing_of_support_is_refused(
    observed: object, asked: object, covariates: object, kind: type
) -> None:
    with pytest.raises(kind):
        beyond_support(observed, asked, covariates)
