"""Draws what happens in the simulated shop: sessions, slates, and the way down the funnel."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.numeric.rng import generator
from dorec.simulate.catalogue import Catalogue
from dorec.simulate.funnel import CHUNK, Odds, examination, odds, within_blocks
from dorec.simulate.shoppers import Shoppers

DAY = 86_400.0


class Sessions(NamedTuple):
    """Visits, ordered by user."""

    user: IntArray  # (s,)
    start: FloatArray  # (s,) seconds since the log began
    in_window: BoolArray  # (s,) whether the promotion runs


class Impressions(NamedTuple):
    """What was shown, one row a place of a slate, and what became of it."""

    session: IntArray  # (r,)
    place: IntArray  # (r,) from 0, the top
    item: IntArray  # (r,)
    propensity: FloatArray  # (r,)
    viewed: BoolArray  # (r,)
    bought: BoolArray  # (r,)


class Visits(NamedTuple):
    """Items looked at, by way of an impression or of a search."""

    session: IntArray  # (v,)
    item: IntArray  # (v,)
    place: IntArray  # (v,) of the impression, -1 for a search
    carted: BoolArray  # (v,)
    bought: BoolArray  # (v,)


@dataclass(frozen=True, eq=False)
class Behaviour:
    """One draw of everything that happened."""

    sessions: Sessions
    impressions: Impressions
    visits: Visits


@dataclass(frozen=True, eq=False)
class Shop:
    """What the draws need to know."""

    people: Shoppers
    items: Catalogue
    slate_size: int
    epsilon: float
    n_days: int
    window_from: int  # day on which the promotion begins
    seed: int
    replica: int

    def rng(self, stream: str) -> np.random.Generator:
        """The generator of one kind of draw."""
        return generator(self.seed, "behaviour", self.replica, stream)


def draw(shop: Shop, treated: BoolArray) -> Behaviour:
    """What happens when the users `treated` (n,) have a voucher; other vouchers, same luck.

    Every draw has its own place in its own stream, whoever is treated, so two calls share their random numbers.
    """
    sessions, kept, luck = _sessions(shop, treated)
    bounds = np.searchsorted(sessions.user, np.arange(0, shop.people.n + CHUNK, CHUNK))
    parts = []
    for c in range(len(bounds) - 1):
        rows = np.arange(bounds[c], bounds[c + 1])
        users = np.arange(c * CHUNK, min((c + 1) * CHUNK, shop.people.n))
        parts.append(_of_users(shop, users, rows, sessions, luck.take(kept[rows]), treated))
    impressions = Impressions(*(np.concatenate(columns) for columns in zip(*(p[0] for p in parts), strict=True)))
    visits = Visits(*(np.concatenate(columns) for columns in zip(*(p[1] for p in parts), strict=True)))
    return Behaviour(sessions, impressions, visits)


class Luck(NamedTuple):
    """Uniform random numbers of each session that could happen."""

    rotation: IntArray  # (s,)
    pick: FloatArray  # (s, slate_size)
    look: FloatArray  # (s, slate_size)
    attract: FloatArray  # (s, slate_size)
    cart: FloatArray  # (s, slate_size + 1), the last for a search
    buy: FloatArray  # (s, slate_size + 1)
    intent: FloatArray  # (s,)

    def take(self, rows: IntArray) -> "Luck":
        """The luck of some sessions."""
        return Luck(
            self.rotation[rows],
            self.pick[rows],
            self.look[rows],
            self.attract[rows],
            self.cart[rows],
            self.buy[rows],
            self.intent[rows],
        )


def _sessions(shop: Shop, treated: BoolArray) -> tuple[Sessions, IntArray, Luck]:
    people, k = shop.people, shop.slate_size
    days = np.array([shop.window_from, shop.n_days - shop.window_from])
    most = np.maximum(people.visit_ratio, 1.0)
    counts = shop.rng("counts").poisson(people.rate[:, None] * days * np.stack([np.ones(people.n), most], axis=1))
    user = np.repeat(np.arange(people.n), counts.sum(axis=1))
    in_window = np.repeat(np.tile([False, True], people.n), counts.ravel())
    n = len(user)
    rng = shop.rng("times")
    day = np.floor(rng.random(n) * days[in_window.astype(int)]) + np.where(in_window, shop.window_from, 0)
    hour = np.where(rng.random(n) < 0.6, rng.normal(19.5, 1.8, n), rng.normal(12.0, 2.5, n))
    start = day * DAY + np.clip(hour, 0.0, 23.0) * 3600.0 + rng.random(n) * 60.0
    ratio = np.where(treated, people.visit_ratio, 1.0) / most
    kept = np.flatnonzero(~in_window | (shop.rng("visits").random(n) < ratio[user]))
    luck = Luck(
        rotation=shop.rng("rotation").integers(k, size=n),
        pick=shop.rng("pick").random((n, k)),
        look=shop.rng("look").random((n, k)),
        attract=shop.rng("attract").random((n, k)),
        cart=shop.rng("cart").random((n, k + 1)),
        buy=shop.rng("buy").random((n, k + 1)),
        intent=shop.rng("intent").random(n),
    )
    return Sessions(user[kept], start[kept], in_window[kept]), kept, luck


def _of_users(
    shop: Shop, users: IntArray, rows: IntArray, sessions: Sessions, luck: Luck, treated: BoolArray
) -> tuple[Impressions, Visits]:
    table = odds(shop.people, shop.items, users)
    local = sessions.user[rows] - users[0]
    item, propensity = _slates(shop, users, local, luck)
    wanted = _intended(table.intent, local, luck.intent)
    is_wanted = item == wanted[:, None]
    at = (local[:, None], item)
    viewed = (luck.look < examination(shop.slate_size)) & (is_wanted | (luck.attract < table.attract[at]))
    searched = (wanted >= 0) & ~(viewed & is_wanted).any(axis=1)
    # the search is one more column: the item that the user came for and was not led to
    items = np.concatenate([item, np.maximum(wanted, 0)[:, None]], axis=1)
    seen = np.concatenate([viewed, searched[:, None]], axis=1)
    promoted = (sessions.in_window[rows] & treated[sessions.user[rows]])[:, None]
    carted, bought = _bought(table, local, items, seen, luck, promoted)
    return _flat(rows, items, propensity, (seen, carted, bought))


def _bought(
    table: Odds, local: IntArray, items: IntArray, seen: BoolArray, luck: Luck, promoted: BoolArray
) -> tuple[BoolArray, BoolArray]:
    at = (local[:, None], items)
    carted = seen & (luck.cart < table.cart[at])
    return carted, carted & (luck.buy < np.where(promoted, table.buy_with_voucher[at], table.buy[at]))


def _flat(
    rows: IntArray, items: IntArray, propensity: FloatArray, funnel: tuple[BoolArray, BoolArray, BoolArray]
) -> tuple[Impressions, Visits]:
    seen, carted, bought = funnel
    n, k = propensity.shape
    place = np.tile(np.arange(k + 1), (n, 1))
    shown = Impressions(
        session=np.repeat(rows, k),
        place=place[:, :k].ravel(),
        item=items[:, :k].ravel(),
        propensity=propensity.ravel(),
        viewed=seen[:, :k].ravel(),
        bought=bought[:, :k].ravel(),
    )
    row, column = np.nonzero(seen)
    visits = Visits(
        session=rows[row],
        item=items[row, column],
        place=np.where(column == k, -1, column),
        carted=carted[row, column],
        bought=bought[row, column],
    )
    return shown, visits


def _slates(shop: Shop, users: IntArray, local: IntArray, luck: Luck) -> tuple[IntArray, FloatArray]:
    """Items shown (s, k) and their propensities, by inverting the distribution of each place and block."""
    k = shop.slate_size
    share = within_blocks(shop.people, shop.items, users, k, shop.epsilon)
    item = np.empty((len(local), k), dtype=np.int64)
    propensity = np.empty((len(local), k))
    for block in range(k):
        own = np.flatnonzero(shop.items.block == block)
        for place in range(k):
            rows = np.flatnonzero((place + luck.rotation) % k == block)
            pick = _invert(np.cumsum(share[:, place, own], axis=1), local[rows], luck.pick[rows, place])
            item[rows, place] = own[pick]
            propensity[rows, place] = share[local[rows], place, own[pick]] / k
    return item, propensity


def _intended(intent: FloatArray, local: IntArray, u: FloatArray) -> IntArray:
    """The item that a session is for, -1 where there is none, (s,)."""
    cumulative = np.cumsum(intent, axis=1)
    pick = _invert(cumulative, local, u, clip=False)
    return np.where(pick < intent.shape[1], pick, -1)


def _invert(cumulative: FloatArray, row: IntArray, u: FloatArray, *, clip: bool = True) -> IntArray:
    """The first column whose cumulative probability in `row` exceeds `u`, (s,): one sorted search over all rows."""
    n_rows, m = cumulative.shape
    line = (np.minimum(cumulative, 1.0) + 2.0 * np.arange(n_rows)[:, None]).ravel()
    place = np.searchsorted(line, u + 2.0 * row, side="right") - row * m
    return np.minimum(place, m - 1) if clip else place
