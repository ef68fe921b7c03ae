"""Intervals are counted as they are given, withheld or refused."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from dorec import Study
from dorec.domain.errors import InputError, OneArm
from dorec.domain.estimate import Estimate
from dorec.refute import coverage_of


@dataclass(frozen=True)
class Normal:
    """Samples whose mean is known."""

    name: str = "normal"
    effects: int = 1

    def draw(self, n, seed):
        y = np.random.default_rng(seed).normal(size=(n, self.effects))
        return Study.from_table({"y": y[:, 0], "t": np.arange(n) % 2}, outcome="y", treatment="t")

    def truth(self, population="all"):
        return {"all": 0.0, "treated": 9.0}[population] + np.arange(self.effects)


@dataclass(frozen=True)
class Mean:
    """The mean outcome; withheld or refused where it is above a bound."""

    scale: float = 1.0
    withheld_above: float = np.inf
    refused_above: float = np.inf

    def fit(self, study, *, context=None):
        found = Estimate.of_mean(study.outcome, name="mean")
        if found.value > self.refused_above:
            raise OneArm("it is too large", remedy="none")
        if found.value > self.withheld_above:
            found = replace(found, no_interval="it is too large")
        self_ = replace(found, influence=found.influence * self.scale)
        return type("Fitted", (), {"ate": lambda _: self_})()


def test_an_exact_interval_holds_and_its_error_is_honest():
    [counted] = coverage_of(Mean(), Normal(), n=50, repetitions=600)
    assert 0.92 <= counted.covered <= 0.98
    assert counted.se_over_sd == pytest.approx(1.0, abs=0.08)
    assert abs(counted.bias) < 4 * counted.sd / np.sqrt(600)
    assert counted.misled == pytest.approx(1 - counted.covered)


def test_a_wrong_error_and_a_wrong_population_are_seen():
    [narrow] = coverage_of(Mean(scale=0.5), Normal(), n=50, repetitions=200)
    assert narrow.covered < 0.8
    assert narrow.se_over_sd == pytest.approx(0.5, abs=0.07)
    [other] = coverage_of(Mean(), Normal(), n=50, repetitions=20, population="treated")
    assert (other.covered, round(other.bias)) == (0.0, -9)


@pytest.mark.parametrize("learner", [Mean(withheld_above=0.0), Mean(refused_above=0.0)])
def test_what_is_withheld_or_refused_misleads_nobody(learner):
    [counted] = coverage_of(learner, Normal(), n=50, repetitions=200)
    assert 0.4 < counted.given < 0.6
    assert counted.misled == pytest.approx(counted.given * (1 - counted.covered))
    assert counted.repetitions == 200


def test_none_given_and_all_refused():
    [counted] = coverage_of(Mean(withheld_above=-9.0), Normal(), n=50, repetitions=10)
    assert (counted.given, counted.misled) == (0.0, 0.0)
    assert np.isnan(counted.covered)
    with pytest.raises(InputError, match=r"Every sample.*too large"):
        coverage_of(Mean(refused_above=-9.0), Normal(), n=50, repetitions=10)


def test_several_effects_are_counted_one_by_one():
    both = np.array([0.0, 1.0])
    answer = lambda model: Estimate(  # noqa: E731
        model.ate().value + both, np.repeat(model.ate().influence[:, None], 2, axis=1), name=("a", "b")
    )
    found = coverage_of(Mean(), Normal(effects=2), n=50, repetitions=20, answer=answer)
    assert [(c.effect, c.truth) for c in found] == [("a", 0.0), ("b", 1.0)]
    assert found[0].covered == found[1].covered
    with pytest.raises(InputError, match="gives 1 effects, the world 'normal' knows 2"):
        coverage_of(Mean(), Normal(effects=2), n=50, repetitions=2)
