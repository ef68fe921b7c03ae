"""Probabilities of the simulated shop, exactly: what is shown, and what becomes of it."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import expit

from dorec.numeric.arrays import FloatArray, IntArray
from dorec.simulate.catalogue import Catalogue
from dorec.simulate.shoppers import Shoppers

INTENT = 0.25  # share of sessions in which the user comes for one item
CHUNK = 4_096  # users whose (users, items) tables are held at once


class Odds(NamedTuple):
    """Probabilities of users (rows) and items (columns), each (u, m)."""

    intent: FloatArray  # the user came for this item, whatever is shown
    attract: FloatArray  # a view, when the item is looked at and was not intended
    cart: FloatArray  # a cart, after a view
    buy: FloatArray  # a purchase, after a cart
    buy_with_voucher: FloatArray


def examination(slate_size: int) -> FloatArray:
    """Probability that a place of the slate is looked at, from the top.

    >>> examination(3).round(2).tolist()
    [1.0, 0.74, 0.59]
    """
    return np.asarray(1.0 / (1.0 + 0.35 * np.arange(slate_size)))


def affinity(people: Shoppers, shop: Catalogue, users: IntArray) -> FloatArray:
    """How much the items are to the users' taste, (u, m), about mean 0 and standard deviation 1."""
    return np.asarray(people.taste[users] @ shop.taste.T / 2.6)


def odds(people: Shoppers, shop: Catalogue, users: IntArray) -> Odds:
    """The funnel of some users and every item.

    Example:
        >>> from dorec.simulate.catalogue import make_catalogue
        >>> from dorec.simulate.shoppers import make_shoppers
        >>> table = odds(make_shoppers(3, 0), make_catalogue(20, 5, 0), np.arange(3))
        >>> table.cart.shape, bool(np.allclose(table.intent.sum(axis=1), INTENT))
        ((3, 20), True)
    """
    liking = affinity(people, shop, users)
    dear = people.thrift[users, None] * shop.price_level
    wish = np.exp(1.5 * liking + 0.5 * shop.quality)
    lean = 0.4 + 0.35 * shop.quality - 0.4 * dear
    return Odds(
        intent=INTENT * wish / wish.sum(axis=1, keepdims=True),
        attract=expit(-2.3 + 0.9 * liking + 0.4 * shop.quality - 0.2 * dear),
        cart=expit(-0.9 + 0.5 * liking + 0.3 * shop.quality),
        buy=expit(lean),
        buy_with_voucher=expit(lean + people.voucher_pull[users, None]),
    )


def slate_propensities(
    people: Shoppers, shop: Catalogue, users: IntArray, slate_size: int, epsilon: float
) -> FloatArray:
    """Probability that the shop shows each item in each place, (u, slate_size, m), given the user.

    The catalogue is cut into as many blocks as a slate has places. Each session pairs blocks with places by a random
    rotation, then each place draws one item of its block by a softmax of popularity and taste, greedier at the top,
    mixed with `epsilon` of pure chance. So no item is shown twice and these probabilities are exact.

    Example:
        >>> from dorec.simulate.catalogue import make_catalogue
        >>> from dorec.simulate.shoppers import make_shoppers
        >>> p = slate_propensities(make_shoppers(3, 0), make_catalogue(20, 5, 0), np.arange(3), 5, 0.1)
        >>> p.shape, bool(np.allclose(p.sum(axis=2), 1.0))
        ((3, 5, 20), True)
    """
    return within_blocks(people, shop, users, slate_size, epsilon) / slate_size


def within_blocks(people: Shoppers, shop: Catalogue, users: IntArray, slate_size: int, epsilon: float) -> FloatArray:
    """The same, given that the place was paired with the item's block: sums to one over each block."""
    score = 0.9 * shop.popularity + 0.9 * affinity(people, shop, users)
    out = np.empty((len(users), slate_size, shop.n))
    for place in range(slate_size):
        weight = np.exp(score / (0.7 + 0.2 * place))
        for block in range(slate_size):
            own = np.flatnonzero(shop.block == block)
            share = weight[:, own] / weight[:, own].sum(axis=1, keepdims=True)
            out[:, place, own] = (1 - epsilon) * share + epsilon / len(own)
    return out


def spend_per_session(
    table: Odds, shown: FloatArray, price: FloatArray, discount: float
) -> tuple[FloatArray, FloatArray]:
    """Expected spend of a session without and with a voucher, (u,) and (u,).

    An intended item is viewed whether or not it is shown, so what is shown adds only where it was not intended.

    Example:
        >>> one = np.ones((1, 1))
        >>> spend_per_session(Odds(0.5 * one, one, one, one, one), one[None], np.array([10.0]), 0.1)
        (array([10.]), array([9.]))
    """
    look = examination(shown.shape[1])
    views = table.intent + (1 - table.intent) * table.attract * np.einsum("k,ukm->um", look, shown)
    carts = views * table.cart * price
    return (carts * table.buy).sum(axis=1), (1 - discount) * (carts * table.buy_with_voucher).sum(axis=1)


def chunks(n: int) -> Iterator[IntArray]:
    """Positions 0..n-1 in runs of at most CHUNK."""
    for start in range(0, n, CHUNK):
        yield np.arange(start, min(start + CHUNK, n))
