"""What would happen? Worlds whose truth can be asked, to judge methods by what they were sure of."""

from dorec.simulate.logged_bandit import LoggedBandit
from dorec.simulate.shop_world import ShopWorld

__all__ = ["LoggedBandit", "ShopWorld"]
