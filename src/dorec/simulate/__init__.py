"""What would happen? Worlds whose truth can be asked, to judge methods by what they were sure of."""

from dorec.simulate.counterfactuals import Counterfactuals
from dorec.simulate.discrete_network import DiscreteNetwork
from dorec.simulate.fitted_model import FittedStructuralModel
from dorec.simulate.logged_bandit import LoggedBandit
from dorec.simulate.shop_world import ShopWorld
from dorec.simulate.structural_model import StructuralModel
from dorec.simulate.support import BeyondSupport

__all__ = [
    "BeyondSupport",
    "Counterfactuals",
    "DiscreteNetwork",
    "FittedStructuralModel",
    "LoggedBandit",
    "ShopWorld",
    "StructuralModel",
]
