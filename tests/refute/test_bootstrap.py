"""Draws with replacement spread as an honest interval says, and more than a narrow one does."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

from dorec import Estimate, RunContext, Study
from dorec.domain.errors import InputError
from dorec.estimate import naive_difference
from dorec.refute import BootstrapRefuter
from dorec.refute.bootstrap import resampled


def study(seed: int = 0, n: int = 400) -> Study:
    rng = np.random.default_rng(seed)
    t = rng.integers(0, 2, size=n)
    return Study.from_table({"t": t, "y": t + rng.normal(size=n)}, outcome="y", treatment="t")


@dataclass(frozen=True)
class Difference:
    """The naive difference with an interval of another width."""

    narrow: float = 1.0

    def fit(self, data: Study, *, context: RunContext | None = None) -> "Difference.Model":
        del context
        right = naive_difference(data)
        return Difference.Model(replace(right, influence=np.asarray(right.influence) * self.narrow))

    @dataclass(frozen=True)
    class Model:
        found: Estimate

        def ate(self) -> Estimate:
            return self.found


def test_narrow_intervals_are_found_and_honest_ones_are_not() -> None:
    alarms, found = 0, 0
    for seed in range(60):
        s = study(seed)
        honest, narrow = Difference(), Difference(narrow=0.4)
        context = RunContext(seed=seed)
        verdict = BootstrapRefuter().refute(s, honest, honest.fit(s).ate(), context)
        assert 0 <= verdict.p_value <= 1
        alarms += verdict.status == "failed"
        found += BootstrapRefuter().refute(s, narrow, narrow.fit(s).ate(), context).code == "unstable_in_draws"
    assert found >= 54
    assert alarms <= 8


def test_copies_share_their_unit_and_clusters_stay_whole() -> None:
    s = study()
    drawn = resampled(s, np.random.default_rng(0))
    assert drawn.n == s.n
    assert 0.5 < len(np.unique(drawn.unit)) / s.n < 0.75
    clustered = s.with_columns(cluster=np.repeat(np.arange(40), 10))
    drawn = resampled(clustered, np.random.default_rng(0))
    assert drawn.n == s.n
    assert (np.unique(drawn.unit, return_counts=True)[1] % 10 == 0).all()


def test_needs_two_runs() -> None:
    with pytest.raises(InputError, match="n_runs"):
        BootstrapRefuter(n_runs=1)
