"""What to do, to whom? Effects and a budget become an allocation and a policy."""

from dorec.intervene.allocate import allocate
from dorec.intervene.allocation import Allocation, Limit, allocation_value
from dorec.intervene.bandits import (
    BanditRun,
    BanditState,
    EpsilonGreedy,
    LinearThompson,
    LinUCB,
    LogisticThompson,
    PendingDecisions,
    RewardModel,
    play,
    regret_curve,
    regret_figure,
)
from dorec.intervene.choice import Choice, best_of
from dorec.intervene.contacts import recent_contacts
from dorec.intervene.dose_search import DoseChoice, dose_search
from dorec.intervene.dr_policy import DRPolicy
from dorec.intervene.dr_scores import dr_scores, net_of_costs
from dorec.intervene.exploration import Exploring, expected_use, with_floor
from dorec.intervene.extrapolation import beyond_support, extrapolation_verdict
from dorec.intervene.learned_value import (
    cross_fitted_policy,
    cross_fitted_scored_value,
    cross_fitted_value,
    scored_value,
)
from dorec.intervene.neural.neural_linear import NeuralLinear
from dorec.intervene.pareto import ParetoFront, pareto_front
from dorec.intervene.poem import POEM
from dorec.intervene.policy_tree import PolicyTree
from dorec.intervene.priced_policy import Priced, policy_within_budget
from dorec.intervene.registry import REGISTRY, make
from dorec.intervene.safe_improvement import Improvement, safe_improvement
from dorec.intervene.softmax_policy import LinearScores, SoftmaxPolicy, TemperedSoftmax
from dorec.intervene.trade_off import TradeOff, trade_off
from dorec.intervene.tree_policy import TreePolicy
from dorec.intervene.uplift_policy import UpliftPolicy
from dorec.intervene.what_if import WhatIf, what_if

__all__ = [
    "POEM",
    "REGISTRY",
    "Allocation",
    "BanditRun",
    "BanditState",
    "Choice",
    "DRPolicy",
    "DoseChoice",
    "EpsilonGreedy",
    "Exploring",
    "Improvement",
    "Limit",
    "LinUCB",
    "LinearScores",
    "LinearThompson",
    "LogisticThompson",
    "NeuralLinear",
    "ParetoFront",
    "PendingDecisions",
    "PolicyTree",
    "Priced",
    "RewardModel",
    "SoftmaxPolicy",
    "TemperedSoftmax",
    "TradeOff",
    "TreePolicy",
    "UpliftPolicy",
    "WhatIf",
    "allocate",
    "allocation_value",
    "best_of",
    "beyond_support",
    "cross_fitted_policy",
    "cross_fitted_scored_value",
    "cross_fitted_value",
    "dose_search",
    "dr_scores",
    "expected_use",
    "extrapolation_verdict",
    "make",
    "net_of_costs",
    "pareto_front",
    "play",
    "policy_within_budget",
    "recent_contacts",
    "regret_curve",
    "regret_figure",
    "safe_improvement",
    "scored_value",
    "trade_off",
    "what_if",
    "with_floor",
]
