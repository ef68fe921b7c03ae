"""Importance of effect modifiers: what shuffling costs, and Shapley values with their axioms."""

import numpy as np
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression

from dorec import RunContext, Study
from dorec.domain.errors import InputError
from dorec.estimate import AIPW, CausalForest, TLearner, explain_effect, permutation_importance
from dorec.estimate.modifier_importance import exact_shapley, sampled_shapley

QUICK = AIPW(n_folds=2, outcome_model=LinearRegression(), propensity_model=LogisticRegression())
LINES = TLearner(outcome_model=LinearRegression(), average=QUICK)


def study(n: int = 2000, seed: int = 0, p: int = 3, noise: float = 1.0, arms: int = 2) -> Study:
    rng = np.random.default_rng(seed)
    X, t = rng.normal(size=(n, p)), rng.integers(0, arms, size=n)
    city = np.array(["Bari", "Oslo", "Rome"])[rng.integers(0, 3, size=n)]
    y = t * (1.0 + 2.0 * X[:, 0] + (city == "Rome")) + X[:, 1] + noise * rng.normal(size=n)
    names = [f"x{j}" for j in range(p)]
    table = dict(zip(names, X.T, strict=True)) | {"city": city, "t": t, "y": y}
    return Study.from_table(table, outcome="y", treatment="t", covariates=[*names, "city"])


def test_shuffling_a_modifier_costs_its_variance_twice() -> None:
    """E[(f(x') - f(x))^2] = 2 var f for a shuffled term of the true effect."""
    found = permutation_importance(LINES.fit(study(2000)))
    assert found.name == ("x0", "x1", "x2", "city")
    lower, upper = found.interval(joint=True)
    assert lower[0] < 8.0 < upper[0]
    assert lower[3] < 2 * (1 / 3) * (2 / 3) < upper[3]
    assert abs(found.value[1]) < 0.1
    assert abs(found.value[2]) < 0.1
    assert found["x0"].p_value() < 1e-6


def test_intervals_count_that_a_unit_lends_its_values() -> None:
    held = 0
    for seed in range(20):
        rng = np.random.default_rng([6, seed])
        x, t = rng.normal(size=400), rng.integers(0, 2, size=400)
        table = {"x": x, "t": t, "y": 3.0 * t * x + 0.5 * rng.normal(size=400)}
        s = Study.from_table(table, outcome="y", treatment="t", covariates=["x"])
        lower, upper = permutation_importance(LINES.fit(s), n_repeats=3)["x"].interval()
        held += bool(lower < 18.0 < upper)
    assert held >= 16  # 19 expected


def test_a_column_of_no_use_is_found_useful_at_most_at_the_level() -> None:
    alarms = 0
    for seed in range(12):
        rng = np.random.default_rng([4, seed])
        x, t = rng.normal(size=400), rng.integers(0, 2, size=400)
        s = Study.from_table(
            {"x": x, "t": t, "y": t + rng.normal(size=400)}, outcome="y", treatment="t", covariates=["x"]
        )
        alarms += permutation_importance(LINES.fit(s), n_repeats=2)["x"].p_value(alternative="greater") < 0.05
    assert alarms <= 3  # less than 1 expected: a useless term costs even before it is shuffled


def test_several_arms_forests_and_seeds() -> None:
    model = LINES.fit(study(800, arms=3))
    assert permutation_importance(model).value[0] > 4
    forest = CausalForest(n_trees=40, average=QUICK).fit(study(1000, noise=0.2))
    one = permutation_importance(forest, n_repeats=1)
    again = permutation_importance(forest, n_repeats=1)
    assert one.value.tolist() == again.value.tolist()
    assert one.value.argmax() == 0
    with pytest.raises(InputError):
        permutation_importance(forest, n_repeats=0)


def test_shapley_values_of_a_linear_effect_are_its_terms() -> None:
    model = LINES.fit(study(1000, noise=0.0))
    x = np.array([1.0, 0.5, -1.0, 0.0, 1.0])  # city = Rome
    why = explain_effect(model, x, n_background=50)
    rows = RunContext().rng("background").permutation(1000)[:50]
    mean = model.study.covariates[rows].mean(axis=0)
    assert list(why.parts) == ["average effect", "x0 = 1", "x1 = 0.5", "x2 = -1", "city = Rome"]
    assert why.parts["x0 = 1"] == pytest.approx(2.0 * (1.0 - mean[0]), abs=1e-6)
    assert why.parts["x1 = 0.5"] == pytest.approx(0.0, abs=1e-6)
    assert why.parts["city = Rome"] == pytest.approx(1.0 - mean[4], abs=1e-6)
    assert sum(why.parts.values()) == pytest.approx(float(model.effect(x[None])[0]))
    assert why.figures[0].data["labels"][0] == "x0 = 1"
    assert "most of all because of x0 = 1" in why.summary


def test_exact_values_satisfy_the_axioms() -> None:
    rng = np.random.default_rng(1)
    p = 5
    table = {frozenset(s): rng.normal() for s in _subsets(p)}

    def game(sets: object) -> np.ndarray:  # player 4 is a dummy, 2 and 3 are alike
        out = []
        for s in sets:  # type: ignore[attr-defined]
            alike = len(s & {2, 3})
            out.append(table[frozenset(s & {0, 1})] + alike**2 * 0.7)
        return np.array(out)

    parts = exact_shapley(game, p)
    everyone, nobody = game([frozenset(range(p)), frozenset()])
    assert parts.sum() == pytest.approx(everyone - nobody)  # efficiency
    assert parts[4] == pytest.approx(0.0, abs=1e-12)  # dummy
    assert parts[2] == pytest.approx(parts[3])  # symmetry
    sampled, error = sampled_shapley(game, p, 400, np.random.default_rng(0))
    assert sampled.sum() == pytest.approx(everyone - nobody)
    assert (np.abs(sampled - parts) < 4 * error + 1e-9).all()


def _subsets(p: int) -> list[set[int]]:
    return [{j for j in range(p) if code >> j & 1} for code in range(2**p)]


def test_many_columns_are_sampled_and_still_add_up() -> None:
    model = LINES.fit(study(800, p=9))
    x = model.study.covariates[3]
    why = explain_effect(model, x, n_permutations=40, n_background=20)
    assert sum(why.parts.values()) == pytest.approx(float(model.effect(x[None])[0]))
    assert set(why.details["std_error"]) == set(why.parts) - {"average effect"}
    # a linear game has the same increments in every order, so sampling makes no error
    assert max(why.details["std_error"].values()) < 1e-9
    with pytest.raises(InputError, match="give one unit's"):
        explain_effect(model, [1.0])
    with pytest.raises(InputError, match="arm is 2"):
        explain_effect(model, x, arm=2)
