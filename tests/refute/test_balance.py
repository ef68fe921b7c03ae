"""Balance against its definition, known confounding, and what chance allows."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import BadPropensity, InputError, OneArm
from dorec.estimate import AIPW, DoubleML, naive_difference
from dorec.refute import Balance, balance_table

CHEAP = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def confounded(seed: int = 0, n: int = 600, strength: float = 1.0) -> tuple[Study, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    e = expit(strength * x[:, 0])
    t = (rng.random(n) < e).astype(int)
    table = {"a": x[:, 0], "b": x[:, 1], "t": t, "y": t + x[:, 0] + rng.normal(size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["a", "b"]), e


def test_equals_the_definition() -> None:
    study, e = confounded()
    found = balance_table(study, e)
    t, x = study.treatment, study.covariates
    sd = np.sqrt((x[t == 1].var(axis=0, ddof=1) + x[t == 0].var(axis=0, ddof=1)) / 2)
    np.testing.assert_allclose(found.before[0], (x[t == 1].mean(axis=0) - x[t == 0].mean(axis=0)) / sd)
    means = [np.average(x[t == a], axis=0, weights=1 / np.where(t == 1, e, 1 - e)[t == a]) for a in (0, 1)]
    np.testing.assert_allclose(found.after[0], (means[1] - means[0]) / sd)
    np.testing.assert_allclose(found.ratio_before[0], x[t == 1].var(axis=0, ddof=1) / x[t == 0].var(axis=0, ddof=1))
    w = 1 / e[t == 1]
    assert found.effective[1] == pytest.approx(w.sum() ** 2 / (w**2).sum())
    assert found.worst[0] in study.covariate_names
    assert abs(found.after[0, 0]) < 0.3 < 0.7 < abs(found.before[0, 0])
    assert len(found.rows()) == 2


def test_a_model_an_array_and_known_propensities_agree() -> None:
    study, _ = confounded()
    model = CHEAP.fit(study)
    e = model.nuisances.propensity
    by_model = balance_table(study, model).after
    np.testing.assert_allclose(by_model, balance_table(study, e).after)
    np.testing.assert_allclose(by_model, balance_table(study.with_columns(propensity=e)).after)
    np.testing.assert_allclose(by_model, balance_table(study, e[:, 1]).after)


def test_populations_balance_towards_their_own_mean() -> None:
    study, e = confounded(n=20_000)
    for population in ("all", "treated", "control", "overlap"):
        found = balance_table(study, e, population=population)
        assert abs(found.after).max() < 0.08
    assert balance_table(study, e, population="treated").effective[1] == pytest.approx((study.treatment == 1).sum())


def test_errors_are_the_spread() -> None:
    z = []
    for seed in range(300):
        study, e = confounded(seed, n=400, strength=0.5)
        found = balance_table(study, e).difference
        z.append(found.value / found.std_error)
    assert np.std(z, axis=0) == pytest.approx([1.0, 1.0], abs=0.13)


def test_constant_columns_no_covariates_and_unit_shifts() -> None:
    study, e = confounded()
    constant = study.with_columns(covariates=np.column_stack([np.full(study.n, 7.0), study.covariates[:, 1]]))
    found = balance_table(constant, e)
    assert found.before[0, 0] == found.after[0, 0] == 0
    assert found.ratio_before[0, 0] == 1
    shifted = study.with_columns(covariates=study.covariates * 1e6 + 1e9)
    np.testing.assert_allclose(balance_table(shifted, e).after, balance_table(study, e).after, atol=1e-6)
    bare = study.with_columns(covariates=np.empty((study.n, 0)), covariate_names=())
    assert balance_table(bare, e).worst == ("", 0.0)
    assert Balance().refute(bare, CHEAP, naive_difference(bare)).status == "passed"


def test_three_arms() -> None:
    study, _ = confounded()
    three = study.with_columns(treatment=np.arange(study.n) % 3, arms=("a", "b", "c"))
    found = balance_table(three, np.full((study.n, 3), 1 / 3))
    assert found.before.shape == (2, 2)
    assert found.difference.name[-1] == "b, c"
    np.testing.assert_allclose(found.before, found.after)


def test_refuses_what_has_no_weights() -> None:
    study, e = confounded()
    with pytest.raises(InputError, match="no known propensities"):
        balance_table(study)
    with pytest.raises(InputError, match="shape"):
        balance_table(study, e[:-1])
    with pytest.raises(BadPropensity):
        balance_table(study, np.where(np.arange(study.n) == 3, 0.0, e))
    with pytest.raises(OneArm):
        balance_table(study.with_columns(treatment=np.zeros(study.n, dtype=np.int64)), e)


def test_a_wrong_propensity_is_found_and_a_right_one_is_not() -> None:
    study, e = confounded(n=1_500)
    right = study.with_columns(propensity=np.column_stack([1 - e, e]))
    verdict = Balance().refute(right, CHEAP, naive_difference(study))
    assert verdict.status == "passed"
    assert 0 <= verdict.p_value <= 1
    wrong = study.with_columns(propensity=np.full((study.n, 2), 0.5))
    verdict = Balance().refute(wrong, CHEAP, naive_difference(study))
    assert (verdict.status, verdict.code) == ("failed", "unbalanced")
    assert "'a'" in verdict.meaning


def test_large_studies_in_part_and_learners_without_propensities() -> None:
    study, _ = confounded(n=900)
    verdict = Balance(max_units=500).refute(study, CHEAP, naive_difference(study), RunContext(seed=2))
    assert verdict.evidence["n_units"] == 500
    partly = DoubleML(n_folds=2, outcome_model=LinearRegression(), treatment_model=LogisticRegression())
    assert Balance().refute(study, partly, naive_difference(study)).status == "passed"
