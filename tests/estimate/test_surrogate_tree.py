"""A tree that tells in rules what a model learned: right rules, honest leaves, no rules about noise."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import InputError, NoHeterogeneity
from dorec.estimate import AIPW, TMLE, CausalForest, TLearner, surrogate_tree
from dorec.estimate.effect_tree import pruned
from dorec.estimate.surrogate_tree import explained, first_half, round_between
from dorec.numeric.tree_rules import Branches, fall

QUICK = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())


def study(n: int = 3000, seed: int = 0, effect: float = 2.0, arms: int = 2, **roles: object) -> Study:
    rng = np.random.default_rng(seed)
    x, z = rng.normal(size=n), rng.normal(size=n)
    city = np.array(["Oslo", "Rome"])[rng.integers(0, 2, size=n)]
    t = rng.integers(0, arms, size=n)
    y = t * (1.0 + effect * ((x > 0) & (city == "Rome"))) + z + rng.normal(size=n)
    table = {"x": x, "z": z, "city": city, "t": t, "y": y, "who": rng.integers(0, n // 4, size=n)}
    return Study.from_table(table, outcome="y", treatment="t", covariates=["x", "z", "city"], **roles)  # type: ignore[arg-type]


def test_rules_name_what_matters_and_leaves_are_right() -> None:
    model = CausalForest(n_trees=100, average=QUICK).fit(study())
    tree = surrogate_tree(model, max_leaves=3)
    assert tree.n_leaves == 3
    effects = {rule.path: rule.effects[0].value for rule in tree.rules()}
    best = max(effects, key=lambda path: effects[path])
    assert "city is Rome" in best
    assert "x above" in best
    assert effects[best] == pytest.approx(3.0, abs=0.4)
    assert tree.fidelity is not None
    assert tree.fidelity > 0.6
    assert tree.share.sum() == pytest.approx(1.0)
    assert tree.verdicts[0].check == "segments differ"
    text = tree.to_text()
    assert "city is Rome" in text
    assert f"R2 {tree.fidelity:.2f}" in text
    assert text.count("of the units") == 3
    assert tree.to_dict()["rules"][0]["effects"][0]["n"] == 3000
    np.testing.assert_allclose(
        tree.effect(model.study.covariates)[:5], tree.leaf_effects[tree.leaf_of(model.study.covariates[:5]), 0]
    )


def test_leaves_cover_although_the_rules_were_learned() -> None:
    """Without the other half, the best of many random splits would look like an effect."""
    apart, covered, total = TLearner(outcome_model=LinearRegression(), average=QUICK), 0, 0
    for seed in range(25):
        rng = np.random.default_rng([3, seed])
        X, t = rng.normal(size=(500, 8)), rng.integers(0, 2, size=500)
        table = {f"x{j}": X[:, j] for j in range(8)} | {"t": t, "y": t + rng.normal(size=500)}
        s = Study.from_table(table, outcome="y", treatment="t", covariates=[f"x{j}" for j in range(8)])
        tree = surrogate_tree(apart.fit(s), max_leaves=4, alpha=0.9999999)
        lower, upper = tree.effects.interval()
        covered += int(((lower <= 1) & (upper >= 1)).sum())
        total += tree.n_leaves
    assert total > 60
    assert 0.89 <= covered / total <= 0.99


def test_noise_gets_no_rules() -> None:
    with pytest.raises(NoHeterogeneity, match="not shown to differ") as caught:
        surrogate_tree(QUICK.fit(study(800, seed=1, effect=0.0)))
    assert caught.value.remedy


def test_several_arms_groups_and_other_estimators() -> None:
    tree = surrogate_tree(QUICK.fit(study(1500, arms=3)), max_leaves=2)
    assert tree.leaf_effects.shape == (2, 2)
    assert tree.contrasts == ("1 - 0", "2 - 0")
    assert "1 - 0 " in tree.to_text()
    grouped = study(600, cluster="who")
    half = first_half(grouped.treatment, QUICK.fit(grouped).units, 0)
    for who in np.unique(grouped.cluster)[:20]:
        assert len(set(half[grouped.cluster == who].tolist())) == 1
    assert surrogate_tree(TMLE(n_folds=2).fit(study(1500)), max_leaves=3).n_leaves >= 2


def test_halves_follow_the_units_and_the_seed() -> None:
    s = study(600)
    units = QUICK.fit(s).units
    half = first_half(s.treatment, units, 0)
    assert 0.45 < half.mean() < 0.55
    order = np.random.default_rng(0).permutation(s.n)
    again = s.take(order)
    np.testing.assert_array_equal(first_half(again.treatment, QUICK.fit(again).units, 0), half[order])
    assert 0.3 < (first_half(s.treatment, units, 1) == half).mean() < 0.7
    trees = [surrogate_tree(QUICK.fit(study(1000)), max_leaves=2, context=RunContext(seed=seed)) for seed in (0, 0, 4)]
    assert trees[0].effects.value.tolist() == trees[1].effects.value.tolist()
    assert trees[0].effects.value.tolist() != trees[2].effects.value.tolist()


def test_splits_without_enough_held_out_units_are_undone() -> None:
    X = np.arange(10.0)[:, None]
    branches = Branches(
        np.array([0, -1, 0, -1, -1]),
        np.array([4.0, 0, 8.0, 0, 0]),
        np.array([1, 0, 3, 0, 0]),
        np.array([2, 0, 4, 0, 0]),
    )
    assert fall(branches, X).tolist() == [1] * 5 + [3] * 4 + [4]
    kept = pruned(branches, X, lambda mask: mask.sum() >= 2, np.ones(10, dtype=bool))
    assert fall(kept, X).tolist() == [1] * 5 + [2] * 5


def test_thresholds_are_short_and_cut_alike() -> None:
    rng = np.random.default_rng(0)
    for low, high in np.sort(rng.normal(size=(200, 2)), axis=1):
        found = round_between(float(low), float(high))
        assert low <= found < high
        assert len(f"{found:g}") <= 9
    assert round_between(1e9, 1e9 + 1) == 1e9 + 0.5


def test_explained_is_r2() -> None:
    effects, leaf = np.array([[0.0], [2.0], [4.0], [6.0]]), np.array([0, 0, 1, 1])
    assert explained(effects, leaf, np.ones(4)) == pytest.approx(1 - 1 / 5)
    assert explained(np.ones((4, 1)), leaf, np.ones(4)) == 0.0


def test_wrong_settings_are_refused() -> None:
    model = QUICK.fit(study(400))
    for wrong in ({"max_leaves": 1}, {"max_depth": 0}, {"min_leaf": 0.6}):
        with pytest.raises(InputError):
            surrogate_tree(model, **wrong)
