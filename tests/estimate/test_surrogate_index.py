"""The surrogate index against worlds with truth, an oracle, and broken assumptions."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import (
    ColumnNotFound,
    ConstantColumn,
    InputError,
    NoInterval,
    NoOverlap,
    NotFinite,
    TooFewUnits,
)
from dorec.domain.protocols import EffectModel
from dorec.estimate import SurrogateIndex

MODELS = {
    "index_model": LinearRegression(),
    "outcome_model": LinearRegression(),
    "propensity_model": LogisticRegression(),
    "sample_model": LogisticRegression(),
}
LEARNER = SurrogateIndex(surrogates=("s1", "s2"), outcome="y", n_folds=2, **MODELS)
TRUTH = 0.65


def sample(n: int, seed: int, shift: float, arm: np.ndarray, direct: float = 0.0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng([31, seed])
    x = rng.normal(shift, 1, n)
    s1 = 0.5 * arm + 0.6 * x + rng.normal(size=n)
    s2 = 0.3 * arm + rng.normal(size=n)
    return {"x": x, "s1": s1, "s2": s2, "y": s1 + 0.5 * s2 + 0.5 * x + direct * arm + rng.normal(size=n), "t": arm}


def experiment(n: int = 600, seed: int = 0) -> Study:
    table = sample(n, seed, 0.0, np.arange(n) % 2)
    return Study.from_table(table, outcome="s1", treatment="t", covariates=["x", "s2"])


def history(n: int = 600, seed: int = 1, direct: float = 0.0, treated: bool = False) -> dict[str, np.ndarray]:
    table = sample(n, seed, 0.3, (np.arange(n) % 3 == 0).astype(int) if treated else np.zeros(n), direct)
    return table if treated else {k: v for k, v in table.items() if k != "t"}


def test_the_long_term_effect_is_found_from_short_term_outcomes() -> None:
    model = LEARNER.fit(experiment(), history())
    effect = model.ate()
    assert isinstance(model, EffectModel)
    assert effect.n == 1_200
    lower, upper = effect.interval(0.999)
    assert lower < TRUTH < upper
    assert upper - lower < 0.8
    means = model.arm_means()
    assert means.value[1] - means.value[0] == pytest.approx(effect.value)
    np.testing.assert_allclose(model.scores.mean(axis=0), means.value)


def test_both_samples_have_their_share_of_the_error() -> None:
    """With much of one sample, the other one's size decides."""
    small, large = experiment(400), history(4_000)
    found = LEARNER.fit(small, large).ate()
    parts = (found.influence[:400] / found.n).var() * 400, (found.influence[400:] / found.n).var() * 4_000
    assert parts[0] > parts[1] > 0
    assert sum(parts) == pytest.approx(found.std_error**2, rel=0.02)


def test_coverage_is_near_its_level() -> None:
    """20 small worlds; the truth lane has 400 of the full size."""
    held = []
    for rep in range(20):
        lower, upper = LEARNER.fit(experiment(300, 2 * rep), history(300, 2 * rep + 1)).ate().interval()
        held.append(lower < TRUTH < upper)
    assert sum(held) >= 16


def test_a_treatment_that_works_beside_the_surrogates_is_told() -> None:
    sound = LEARNER.fit(experiment(), history(1_500, treated=True)).verdicts[0]
    broken = LEARNER.fit(experiment(), history(1_500, direct=0.5, treated=True)).verdicts[0]
    blind = LEARNER.fit(experiment(), history()).verdicts[0]
    assert (sound.check, sound.status) == ("surrogacy", "passed")
    assert (broken.status, broken.code) == ("failed", "surrogacy_violated")
    assert broken.evidence["direct"][0] == pytest.approx(0.5, abs=0.2)
    assert (blind.status, blind.code) == ("warning", "assumption_untested")


def test_the_bounds_hold_the_truth_where_surrogacy_fails() -> None:
    """A direct effect of 0.5 explains 0.25 * 0.25 / 1.06 of what the surrogates leave, in the experiment."""
    model = LEARNER.fit(experiment(4_000), history(4_000))
    truth, share = TRUTH + 0.5, 0.0625 / 1.0625
    assert model.ate().interval().upper < truth
    lower, upper = model.sensitivity(share)
    assert lower < truth < upper
    at = float(model.robustness()[0])
    assert model.sensitivity(at).lower == pytest.approx(0.0, abs=1e-9)
    assert model.if_bypassed(0.5).value == pytest.approx(2 * model.ate().value)
    with pytest.raises(InputError, match="share from 0"):
        model.sensitivity(2.0)
    with pytest.raises(InputError, match="below 1"):
        model.if_bypassed(1.0)


def test_histories_without_such_units_are_refused() -> None:
    far = history()
    with pytest.raises(NoOverlap, match="beyond the history's"):
        LEARNER.fit(experiment(), far | {"s1": far["s1"] + 10})
    with pytest.raises(NoOverlap, match="hardly occur in the history"):
        LEARNER.fit(experiment(), far | {"x": far["x"] + 6})


def test_what_can_t_be_used_is_refused() -> None:
    old = history()
    with pytest.raises(ColumnNotFound, match="'s2'"):
        LEARNER.fit(experiment(), {k: v for k, v in old.items() if k != "s2"})
    with pytest.raises(ColumnNotFound, match="the experiment"):
        SurrogateIndex(surrogates="s3", outcome="y").fit(experiment(), old)
    with pytest.raises(ConstantColumn, match="s2"):
        LEARNER.fit(experiment(), old | {"s2": np.zeros(600)})
    with pytest.raises(TooFewUnits, match="history has 15"):
        LEARNER.fit(experiment(), {k: v[:15] for k, v in old.items()})
    with pytest.raises(NotFinite, match="history"):
        LEARNER.fit(experiment(), old | {"y": np.where(np.arange(600) == 3, np.nan, old["y"])})
    with pytest.raises(InputError, match="name of the outcome"):
        SurrogateIndex(surrogates="s1").fit(experiment(), old)
    with pytest.raises(InputError, match="at least one surrogate"):
        SurrogateIndex(surrogates=())
    with pytest.raises(NoInterval):
        LEARNER.fit(experiment(), old).interval(np.zeros((1, 1)))


def test_the_order_of_rows_and_columns_changes_nothing() -> None:
    plain = LEARNER.fit(experiment(), history()).ate()
    table, order = sample(600, 0, 0.0, np.arange(600) % 2), np.random.default_rng(0).permutation(600)
    mixed = {name: values[order] for name, values in reversed(table.items())}
    other = Study.from_table(mixed, outcome="s1", treatment="t", covariates=["s2", "x"])
    old = {name: values[order] for name, values in reversed(history().items())}
    found = LEARNER.fit(other, old).ate()
    assert found.value == pytest.approx(plain.value, abs=1e-9)
    assert found.std_error == pytest.approx(plain.std_error, rel=1e-9)


def test_a_history_may_be_a_study_and_have_text() -> None:
    rng = np.random.default_rng(3)
    city = np.array(["rome", "oslo", "bonn"])[rng.integers(0, 3, 600)]
    here = sample(600, 0, 0.0, np.arange(600) % 2) | {"city": city}
    trial = Study.from_table(here, outcome="s1", treatment="t", covariates=["x", "s2", "city"])
    there = history(treated=True) | {"city": city}
    past = Study.from_table(there, outcome="y", treatment="t", covariates=["x", "s1", "s2", "city"])
    by_table = LEARNER.fit(trial, there).ate()
    by_study = SurrogateIndex(surrogates=("s1", "s2"), n_folds=2, **MODELS).fit(trial, past).ate()
    assert by_study.value == pytest.approx(by_table.value, abs=1e-9)


def test_several_arms_and_repeated_units() -> None:
    rng = np.random.default_rng(4)
    arm = np.arange(900) % 3
    s = 0.5 * arm + rng.normal(size=900)
    unit = np.repeat(np.arange(300), 3)
    trial = Study.from_table({"t": arm, "s1": s, "id": unit}, outcome="s1", treatment="t", unit="id")
    old = rng.normal(size=500)
    found = SurrogateIndex(surrogates="s1", outcome="y", n_folds=2, **MODELS).fit(
        trial, {"s1": old, "y": 2 * old + rng.normal(size=500)}
    )
    assert found.ate().value == pytest.approx([1.0, 2.0], abs=0.5)
    assert found.ate().cluster is not None
    assert len(found.robustness()) == 2
    assert len(found.sensitivity(0.01).lower) == 2
    assert found.effect(np.empty((2, 0))).shape == (2, 2)


@pytest.mark.parametrize(
    "wrong",
    [
        {"surrogates": None},
        {"surrogates": (1,)},
        {"n_folds": 2.5},
        {"n_folds": "a"},
        {"min_per_fold": -1},
        {"min_propensity": "a"},
    ],
    ids=str,
)
def test_settings_of_another_kind_are_refused(wrong) -> None:
    with pytest.raises(InputError):
        SurrogateIndex(**({"surrogates": ("s1",)} | wrong))


def test_an_experiment_is_a_study() -> None:
    with pytest.raises(InputError, match=r"The experiment is NoneType"):
        LEARNER.fit(None, {})
