"""What would happen? Worlds whose truth can be asked, to judge methods by what they were sure of."""

from dorec.simulate.discrete_network import DiscreteNetwork
from dorec.simulate.logged_bandit import LoggedBandit
from dorec.simulate.shop_world import ShopWorld

__all__ = ["DiscreteNetwork", "LoggedBandit", "ShopWorld"]
