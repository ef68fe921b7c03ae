"""Which action now? Contextual bandits whose every decision carries its propensity."""

from dorec.intervene.bandits.bandit import Bandit, BanditState
from dorec.intervene.bandits.decisions import Arrival, Decisions, PendingDecisions
from dorec.intervene.bandits.epsilon_greedy import EpsilonGreedy
from dorec.intervene.bandits.lin_ucb import LinUCB
from dorec.intervene.bandits.linear_thompson import LinearThompson
from dorec.intervene.bandits.logistic_thompson import LogisticThompson
from dorec.intervene.bandits.play import BanditRun, Environment, RewardModel, play, regret_curve, regret_figure
from dorec.intervene.bandits.registry import REGISTRY, from_arrays, make

__all__ = [
    "REGISTRY",
    "Arrival",
    "Bandit",
    "BanditRun",
    "BanditState",
    "Decisions",
    "Environment",
    "EpsilonGreedy",
    "LinUCB",
    "LinearThompson",
    "LogisticThompson",
    "PendingDecisions",
    "RewardModel",
    "from_arrays",
    "make",
    "play",
    "regret_curve",
    "regret_figure",
]
