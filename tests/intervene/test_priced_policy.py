import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.intervene import DRPolicy, PolicyTree, policy_within_budget

RNG = np.random.default_rng(0)
X = RNG.uniform(size=(600, 2))
SCORES = np.column_stack([np.zeros(600), 2 * X[:, 0], 3 * X[:, 1]]) + 0.1 * RNG.normal(size=(600, 3))
COSTS = np.array([0.0, 1.0, 2.0])


@pytest.mark.parametrize("per_unit", [0.0, 0.1, 0.5, 1.0])
@pytest.mark.parametrize("learner", [PolicyTree(min_leaf=10), PolicyTree(max_depth=1), DRPolicy(reg=0.01)])
def test_the_budget_is_kept_and_cheaper_prices_would_break_it(learner, per_unit):
    if per_unit == 0 and isinstance(learner, DRPolicy):
        return
    made = policy_within_budget(learner, X, SCORES, COSTS, per_unit=per_unit)
    spent = (made.policy.propensities(X) @ COSTS).mean()
    assert spent == pytest.approx(made.spent)
    assert spent <= per_unit
    if made.price > 0.05:
        dearer = learner.fit_scores(X, SCORES, costs=(made.price - 0.05) * COSTS)
        assert (dearer.propensities(X) @ COSTS).mean() >= spent - 1e-9


def test_a_budget_that_does_not_bind_costs_nothing():
    made = policy_within_budget(PolicyTree(), X, SCORES, COSTS, per_unit=2.0)
    assert made.price == 0.0
    assert made.policy.to_text() == PolicyTree().fit_scores(X, SCORES).to_text()


def test_a_tree_of_one_split_spends_as_the_best_of_all_stumps_with_a_price():
    made = policy_within_budget(PolicyTree(max_depth=1, min_leaf=1), X, SCORES[:, :2], COSTS[:2], per_unit=0.3)
    assert 0.25 < made.spent <= 0.3
    order = np.argsort(-X[:, 0])
    best = SCORES[order[: int(0.3 * 600)], 1].sum()
    assert SCORES[np.arange(600), made.policy.choose(X)].sum() > 0.85 * best


def test_refusals():
    with pytest.raises(InputError, match="budget"):
        policy_within_budget(PolicyTree(), X, SCORES, COSTS + 1, per_unit=0.5)
    with pytest.raises(InputError, match="0 or more"):
        policy_within_budget(PolicyTree(), X, SCORES, -COSTS, per_unit=0.5)
    with pytest.raises(InputError, match="at any price"):
        policy_within_budget(PolicyTree(epsilon=0.5), X, SCORES, COSTS, per_unit=0.1)
