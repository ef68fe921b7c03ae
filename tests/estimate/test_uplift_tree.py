"""Uplift trees: the right splits, honest leaves, confounding weighted away, refusals."""

import numpy as np
import pytest
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import Study
from dorec.domain.errors import ConfigError, InputError, NoInterval
from dorec.estimate import AIPW, UpliftTree, calibration_test, segment_effects

QUICK = AIPW(n_folds=2, outcome_model=LogisticRegression(), propensity_model=LogisticRegression())


def study(n: int = 6000, seed: int = 0, arms: int = 2, confounded: bool = False) -> Study:
    rng = np.random.default_rng(seed)
    x, z, noise = rng.normal(size=n), rng.normal(size=n), rng.normal(size=n)
    chance = 1 / (1 + np.exp(-1.2 * z)) if confounded else np.full(n, 0.5)
    t = (rng.random(n) < chance).astype(int) if arms == 2 else rng.integers(0, arms, size=n)
    y = rng.random(n) < 0.25 + 0.2 * (z > 0) + 0.3 * (t == 1) * (x > 0) + 0.3 * (t == 2) * (x < 0)
    table = {"x": x, "z": z, "noise": noise, "t": t, "y": y.astype(int)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z", "noise"])


@pytest.mark.parametrize("criterion", ["kl", "euclidean", "chi"])
def test_the_modifier_is_split_and_leaves_hold_the_effects(criterion: str) -> None:
    model = UpliftTree(criterion=criterion, max_depth=1, average=QUICK).fit(study())  # type: ignore[arg-type]
    low, high = model.tree.rules()
    assert low.path.startswith("x up to")
    assert high.path.startswith("x above")
    assert low.effects[0].value == pytest.approx(0.0, abs=0.08)
    assert high.effects[0].value == pytest.approx(0.3, abs=0.08)
    assert model.tree.verdicts[0].status == "passed"
    assert calibration_test(model).status == "passed"
    assert np.corrcoef(model.unit_effects, model.study.covariates[:, 0] > 0)[0, 1] > 0.9
    assert len(segment_effects(model, "x").value) == 4


def test_confounding_does_not_lead_the_splits() -> None:
    """The treated have larger z and larger z buys more, so raw shares differ; the effect differs by x alone."""
    model = UpliftTree(max_depth=1, average=QUICK).fit(study(12_000, confounded=True))
    assert model.tree.rules()[1].path.startswith("x above")
    assert model.tree.rules()[1].effects[0].value == pytest.approx(0.3, abs=0.08)


def test_several_arms() -> None:
    model = UpliftTree(max_depth=1, average=QUICK).fit(study(arms=3))
    low, high = model.tree.rules()
    assert low.path.startswith("x up to")
    assert [round(e.value, 1) + 0.0 for e in low.effects] == [0.0, 0.3]
    assert [round(e.value, 1) + 0.0 for e in high.effects] == [0.3, 0.0]
    assert model.effect(np.zeros((3, 3))).shape == (3, 2)
    assert model.unit_effects.shape == (6000, 2)


def test_leaves_cover_where_nothing_is_to_be_found() -> None:
    known = AIPW(n_folds=2, outcome_model=DummyRegressor(), propensity_model=DummyClassifier())
    covered = total = 0
    for seed in range(40):
        rng = np.random.default_rng([8, seed])
        X, t = rng.normal(size=(1200, 6)), rng.integers(0, 2, size=1200)
        table = {f"x{j}": X[:, j] for j in range(6)} | {"t": t, "y": (rng.random(1200) < 0.3).astype(int)}
        s = Study.from_table(table, outcome="y", treatment="t", covariates=[f"x{j}" for j in range(6)])
        tree = UpliftTree(max_depth=2, min_leaf=50, average=known).fit(s).tree
        lower, upper = tree.effects.interval()
        covered += int(((lower <= 0) & (upper >= 0)).sum())
        total += tree.n_leaves
    assert total > 100
    assert 0.9 <= covered / total <= 0.99


def test_order_of_rows_and_columns_does_not_matter() -> None:
    s = study(3000)
    model = UpliftTree(max_depth=2, average=QUICK).fit(s)
    order = np.random.default_rng(1).permutation(s.n)
    again = UpliftTree(max_depth=2, average=QUICK).fit(
        s.take(order).with_columns(covariates=s.covariates[order][:, ::-1], covariate_names=s.covariate_names[::-1])
    )
    assert [r.path for r in again.tree.rules()] == [r.path for r in model.tree.rules()]
    np.testing.assert_allclose(again.tree.effects.value, model.tree.effects.value)


def test_refusals_and_settings() -> None:
    s = study(600)
    with pytest.raises(InputError, match="more than two values"):
        UpliftTree().fit(s.with_columns(outcome=np.arange(600.0)))
    with pytest.raises(InputError, match="no covariates"):
        UpliftTree().fit(s.with_columns(covariates=np.empty((600, 0)), covariate_names=()))
    with pytest.raises(NoInterval, match="leaf"):
        UpliftTree(average=QUICK).fit(s).interval(np.zeros((1, 3)))
    wrong: list[dict[str, object]] = [{"criterion": "gini"}, {"max_depth": 0}, {"min_leaf": 0}, {"alpha": 2.0}]
    for settings in wrong:
        with pytest.raises(ConfigError):
            UpliftTree(**settings)  # type: ignore[arg-type]


def test_a_numeric_outcome_of_two_values_counts_in_its_own_unit() -> None:
    s = study(4000)
    model = UpliftTree(max_depth=1, average=AIPW(n_folds=2, outcome_model=LinearRegression())).fit(
        s.with_columns(outcome=5.0 + 10.0 * s.outcome)
    )
    assert model.tree.rules()[1].effects[0].value == pytest.approx(3.0, abs=0.8)
