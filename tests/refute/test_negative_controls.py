"""Negative controls pass on right analyses, find what was left out, and refuse what is no control."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ArmTooSmall, ColumnNotFound, ConstantColumn, InputError, NotFinite
from dorec.domain.run import RunContext
from dorec.estimate import AIPW, naive_difference
from dorec.refute import DummyOutcome, NegativeControlExposure, NegativeControlOutcome

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def world(seed: int = 0, n: int = 800) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    x, u = rng.normal(size=(2, n))
    t = (rng.random(n) < expit(0.6 * x + 0.9 * u)).astype(int)
    return {
        "x": x,
        "u": u,
        "t": t,
        "last": x + u + rng.normal(size=n),
        "later": (rng.random(n) < expit(0.4 * x + 0.9 * u)).astype(int),
        "y": t + x + u + rng.normal(size=n),
    }


def study(covariates: tuple[str, ...], seed: int = 0) -> Study:
    return Study.from_table(world(seed), outcome="y", treatment="t", covariates=list(covariates))


@pytest.mark.parametrize("attack", [NegativeControlOutcome(column="last"), NegativeControlExposure(column="later")])
def test_a_left_out_cause_leaves_its_trace(attack: NegativeControlOutcome | NegativeControlExposure) -> None:
    found, alarms = 0, 0
    for seed in range(20):
        whole = study(("x", "u", attack.column), seed)
        lacking = study(("x", attack.column), seed)
        alarms += attack.refute(whole, CHEAP, naive_difference(whole)).status == "failed"
        verdict = attack.refute(lacking, CHEAP, naive_difference(lacking))
        assert verdict.p_value is not None
        assert 0 <= verdict.p_value <= 1
        found += verdict.code == "control_effect"
    assert found >= 18
    assert alarms <= 4


def test_a_column_and_its_values_are_the_same() -> None:
    table = world()
    bare, with_last = study(("x", "u")), study(("x", "u", "last"))
    by_values = NegativeControlOutcome(column="last", values=table["last"]).refute(bare, CHEAP, naive_difference(bare))
    by_name = NegativeControlOutcome(column="last").refute(with_last, CHEAP, naive_difference(bare))
    assert by_values.p_value == pytest.approx(by_name.p_value)
    assert "'last'" in by_name.meaning


def test_a_fine_exposure_is_cut_at_its_median_and_the_treatment_is_kept() -> None:
    seen: list[Study] = []

    class Spy:
        def fit(self, data: Study, *, context: RunContext) -> object:
            seen.append(data)
            return CHEAP.fit(data, context=context)

    s = study(("x", "u"))
    fine = np.random.default_rng(1).normal(size=s.n)
    NegativeControlExposure(column="fine", values=fine).refute(s, Spy(), naive_difference(s))
    assert seen[0].covariate_names == ("x", "u", "t=1")
    np.testing.assert_array_equal(seen[0].treatment, fine > np.median(fine))


def test_refusals() -> None:
    s = study(("x",))
    estimate = naive_difference(s)
    for control in (NegativeControlOutcome, NegativeControlExposure):
        with pytest.raises(ColumnNotFound):
            control(column="nothing").refute(s, CHEAP, estimate)
        with pytest.raises(InputError, match="numbers"):
            control(column="c", values=np.ones(3)).refute(s, CHEAP, estimate)
        with pytest.raises(NotFinite):
            control(column="c", values=np.full(s.n, np.nan)).refute(s, CHEAP, estimate)
        with pytest.raises(ConstantColumn):
            control(column="c", values=np.ones(s.n)).refute(s, CHEAP, estimate)
    with pytest.raises(ArmTooSmall):
        NegativeControlExposure(column="c", values=np.arange(s.n) < 3).refute(s, CHEAP, estimate)
    with pytest.raises(InputError, match="n_runs"):
        DummyOutcome(n_runs=0)


class TestDummyOutcome:
    """An outcome that was made up."""

    def test_finds_a_missing_adjustment_and_passes_a_right_one(self) -> None:
        class Naive:
            def fit(self, data: Study, *, context: RunContext) -> object:
                del context
                difference = naive_difference(data)

                class Model:
                    def ate(self) -> object:
                        return difference

                return Model()

        found = 0
        for seed in range(10):
            s = study(("x", "u"), seed)
            found += DummyOutcome(n_runs=1).refute(s, Naive(), naive_difference(s)).status == "failed"
        assert found >= 9
        assert DummyOutcome(effect=0.5).refute(s, CHEAP, naive_difference(s), RunContext(seed=3)).status == "passed"

    def test_noise_moves_between_clusters_whole(self) -> None:
        s = study(("x",)).with_columns(cluster=np.repeat(np.arange(80), 10))
        verdict = DummyOutcome(n_runs=1).refute(s, CHEAP, naive_difference(s))
        assert 0 <= verdict.p_value <= 1
        assert verdict.evidence["n_units"] == s.n
