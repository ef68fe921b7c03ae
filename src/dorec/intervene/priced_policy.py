"""A policy that keeps a budget: the price of money at which a learner spends no more than allowed."""

from typing import NamedTuple

import numpy as np

from dorec.domain.errors import InputError
from dorec.domain.protocols import Policy
from dorec.intervene.dr_scores import cost_table, net_scores
from dorec.intervene.learned_value import ScoreLearner
from dorec.numeric.arrays import AnyArray, FloatArray


class Priced(NamedTuple):
    """A policy, the price at which it was learned, and what it spends for each unit.

    Example:
        >>> from dorec.intervene import SoftmaxPolicy
        >>> Priced(SoftmaxPolicy(scores=np.zeros_like), price=0.5, spent=0.2).price
        0.5
    """

    policy: Policy
    price: float  # in units of the scores, for one unit of money; 0 where the budget does not bind
    spent: float  # per unit that it was learned from


def policy_within_budget(
    learner: ScoreLearner,
    covariates: AnyArray,
    scores: AnyArray,
    costs: AnyArray,
    *,
    per_unit: float,
    n_steps: int = 12,
) -> Priced:
    """The policy of a learner that spends at most `per_unit` on average, at the least price that achieves it.

    Each cost counts `price` times against the scores (a Lagrangian), and the price is found by bisection. Spending
    falls in steps where the policy has few leaves, so some of the budget may be left.

    Args:
        learner: DRPolicy, PolicyTree, or whatever has their `fit_scores`.
        covariates: (n, p).
        scores: what each arm is worth for each unit, (n, k).
        costs: in money, of each arm, (k,) or (n, k), 0 or more; one arm costs nothing.
        per_unit: money for each unit, on average.
        n_steps: of the bisection; each learns a policy.

    Raises:
        InputError: a cost or the budget is negative, or a unit has no arm within the budget.

    Example:
        >>> from dorec.intervene import PolicyTree
        >>> x = np.arange(100.0)[:, None]
        >>> scores = np.column_stack([np.zeros(100), x[:, 0]])
        >>> stump, costs = PolicyTree(max_depth=1, min_leaf=1), np.array([0.0, 1.0])
        >>> made = policy_within_budget(stump, x, scores, costs, per_unit=0.2)
        >>> made.spent
        0.2
        >>> print(made.policy.to_text())
        x0 up to 79.5: 0, 80% of the rows
        x0 above 79.5: 1, 20% of the rows
    """
    x, worth = net_scores(covariates, scores, None)
    money = cost_table(costs, *worth.shape)
    if money.min() < 0 or not per_unit >= 0 or money.min(axis=1).mean() > per_unit:
        raise InputError(
            f"costs go down to {money.min():g}, the budget is {per_unit} a unit; give costs of 0 or more, and at least "
            "what the cheapest arm of each unit costs."
        )

    def at(price: float) -> Priced:
        policy = learner.fit_scores(x, worth, costs=price * money)
        return Priced(policy, price, float((policy.propensities(x) * money).sum(axis=1).mean()))

    found = at(0.0)
    if found.spent <= per_unit:
        return found
    low, high = 0.0, _dearest(worth, money)
    found = at(high)
    if found.spent > per_unit:
        raise InputError(
            f"{type(learner).__name__} spends {found.spent:.4g} a unit at any price, the budget is {per_unit}; "
            "take a learner that can choose one arm for all, such as PolicyTree without epsilon."
        )
    for _ in range(n_steps):
        middle = (low + high) / 2
        tried = at(middle)
        if tried.spent <= per_unit:
            high, found = middle, tried
        else:
            low = middle
    return found


def _dearest(worth: FloatArray, money: FloatArray) -> float:
    """A price at which no unit's own score pays for any arm but its cheapest."""
    gain = worth.max(axis=1) - worth.min(axis=1)
    extra = np.where(money > money.min(axis=1, keepdims=True), money - money.min(axis=1, keepdims=True), np.inf)
    return float(gain.max() / extra.min()) + 1e-12
