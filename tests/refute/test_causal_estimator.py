from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec.domain.errors import ConfigError
from dorec.domain.estimate import Estimate
from dorec.estimate import AIPW, naive_difference
from dorec.refute import check_causal_estimator


@dataclass(frozen=True)
class Fitted:
    estimate: Estimate

    def ate(self):
        return self.estimate


@dataclass(frozen=True)
class Naive:
    """A difference of means: fine in experiments, wrong where treatment is confounded."""

    scale: float = 1.0  # of the standard error
    careless: bool = False  # draws from the global random state, looks at nothing

    def fit(self, study, *, context=None):
        if self.careless:
            y, t = study.outcome + 1e-3 * np.random.normal(size=study.n), study.treatment  # noqa: NPY002
            value = float(np.nan_to_num(y)[t == 1].mean() - np.nan_to_num(y)[t == 0].mean())
            return Fitted(Estimate(value, np.random.normal(size=study.n), name="careless"))  # noqa: NPY002
        found = naive_difference(study)
        return Fitted(replace(found, influence=found.influence * self.scale))


def failed(found):
    return {v.check for v in found if v.status == "failed"}


def test_a_sound_estimator_passes_everything():
    learner = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
    assert failed(check_causal_estimator(learner, n=400, repetitions=40, worlds=["linear"])) == set()


def test_confounding_that_is_ignored_shows_in_coverage_alone():
    found = failed(check_causal_estimator(Naive(), n=1000, repetitions=30, worlds=["linear", "nonlinear"]))
    assert {"coverage, linear"} <= found
    assert "size, no effect" not in found
    assert not {check for check in found if check.startswith("invariant")}


def test_a_standard_error_that_is_too_small_or_too_large_is_found():
    small = check_causal_estimator(Naive(scale=0.5), n=500, repetitions=60, worlds=[])
    assert "size, no effect" in failed(small)
    large = check_causal_estimator(Naive(scale=3.0), n=500, repetitions=60, worlds=["5% binary"])
    assert "standard error, 5% binary" in failed(large)


@pytest.mark.filterwarnings("ignore")
def test_a_careless_estimator_is_found_out():
    found = failed(check_causal_estimator(Naive(careless=True), n=300, repetitions=10, worlds=[]))
    assert "invariant: the order of rows" in found
    assert "invariant: the global random state and earlier fits" in found
    assert {"refuses: missing covariate", "refuses: no overlap", "refuses: outcome among the covariates"} <= found


def test_an_estimator_without_interval_is_not_asked_for_coverage():
    @dataclass(frozen=True)
    class Silent(Naive):
        def fit(self, study, *, context=None):
            return Fitted(replace(super().fit(study).estimate, no_interval="it has none"))

    found = check_causal_estimator(Silent(), n=300, repetitions=10, worlds=["linear"])
    assert next(v for v in found if v.check == "coverage, linear").status == "passed"
    assert not [v for v in found if v.check.startswith(("size", "standard error"))]


@pytest.mark.parametrize(
    ("settings", "said"), [({"repetitions": 3}, "10 or more"), ({"worlds": ["lineal"]}, "Worlds:")]
)
def test_settings_out_of_bounds(settings, said):
    with pytest.raises(ConfigError, match=said):
        check_causal_estimator(AIPW(), **settings)


def test_who_sometimes_withholds_is_judged_by_how_often_it_misleads():
    @dataclass(frozen=True)
    class Shy(Naive):
        every: int = 2

        def fit(self, study, *, context=None):
            found = super().fit(study).estimate
            quiet = int(abs(found.value) * 1e6) % self.every
            return Fitted(replace(found, no_interval="it is shy") if quiet else found)

    for every, expected in ((2, True), (50, False)):  # confounded: half of the samples mislead, or one in fifty
        found = check_causal_estimator(Shy(every=every), n=300, repetitions=60, worlds=["linear"])
        assert ("coverage, linear" in failed(found)) == expected
        assert next(v for v in found if v.check == "coverage, linear").evidence["given"] < 0.9


def test_arms_are_swapped_only_where_the_population_stays():
    learner = AIPW(
        n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression(), population="treated"
    )
    found = check_causal_estimator(learner, n=300, repetitions=10, population="treated", worlds=[])
    assert found.passed
    assert "invariant: which arm is the reference" not in [v.check for v in found]


def test_the_report_is_a_table():
    told = str(check_causal_estimator(Naive(), n=300, repetitions=10, worlds=[])).splitlines()
    assert told[0].endswith("checks passed")
    assert any(line.startswith("failed   refuses: no overlap") for line in told)
    assert any(line.startswith("refuses: no overlap: Raise a `Refusal`") for line in told)
