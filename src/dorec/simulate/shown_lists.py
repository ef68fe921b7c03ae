"""What users of the simulated shop do when they are shown given lists: drawn as events, and expected exactly."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa

from dorec.numeric.arrays import BoolArray, FloatArray, IntArray
from dorec.simulate.catalogue import Catalogue
from dorec.simulate.funnel import chunks, examination, odds
from dorec.simulate.shoppers import Shoppers


class ListValue(NamedTuple):
    """Of one session with a list: expected numbers for each user, (n,)."""

    views: FloatArray  # of shown items
    purchases: FloatArray  # of shown items
    added_purchases: FloatArray  # those that would not have happened had the list not been shown


def expected_of_lists(people: Shoppers, shop: Catalogue, lists: IntArray) -> ListValue:
    """What a list (n, k) of each user brings in a session, exactly; -1 is an empty place. No voucher is assumed.

    Example:
        >>> from dorec.simulate.catalogue import make_catalogue
        >>> from dorec.simulate.shoppers import make_shoppers
        >>> found = expected_of_lists(make_shoppers(3, 0), make_catalogue(20, 5, 0), np.tile([0, 1], (3, 1)))
        >>> bool((found.views > found.purchases).all() and (found.purchases > found.added_purchases).all())
        True
    """
    look, filled = examination(lists.shape[1]), lists >= 0
    views, purchases, added = (np.empty(people.n) for _ in range(3))
    for users in chunks(people.n):
        table = odds(people, shop, users)
        at = (np.arange(len(users))[:, None], np.maximum(lists[users], 0))
        reached = look * filled[users]
        viewed = reached * (table.intent[at] + (1 - table.intent[at]) * table.attract[at])
        bought = table.cart[at] * table.buy[at]
        views[users], purchases[users] = viewed.sum(axis=1), (viewed * bought).sum(axis=1)
        added[users] = (reached * (1 - table.intent[at]) * table.attract[at] * bought).sum(axis=1)
    return ListValue(views, purchases, added)


def events_of_lists(people: Shoppers, shop: Catalogue, lists: IntArray, rng: np.random.Generator) -> pa.Table:
    """One session of each user with a list (n, k): impressions, views, carts, purchases, and searches of their own.

    Columns: user_id, item_id, event, position (from 0; null for what was searched).
    """
    parts = [_events(people, shop, users, lists[users], rng) for users in chunks(people.n)]
    return pa.concat_tables(parts)


def _events(people: Shoppers, shop: Catalogue, users: IntArray, lists: IntArray, rng: np.random.Generator) -> pa.Table:
    table = odds(people, shop, users)
    n, k = lists.shape
    row = np.arange(n)[:, None]
    filled = lists >= 0
    came_for = np.cumsum(table.intent, axis=1)
    wanted = (came_for < rng.random((n, 1))).sum(axis=1)  # the number of items where the user came for none
    item = np.maximum(lists, 0)
    looked = filled & (rng.random((n, k)) < examination(k))
    is_wanted = filled & (item == wanted[:, None])
    viewed = looked & (is_wanted | (rng.random((n, k)) < table.attract[row, item]))
    searched = (wanted < shop.n) & ~(viewed & is_wanted).any(axis=1)
    items = np.concatenate([item, np.minimum(wanted, shop.n - 1)[:, None]], axis=1)
    seen = np.concatenate([viewed, searched[:, None]], axis=1)
    carted = seen & (rng.random(seen.shape) < table.cart[row, items])
    bought = carted & (rng.random(seen.shape) < table.buy[row, items])
    shown = np.concatenate([filled, np.zeros((n, 1), dtype=bool)], axis=1)
    kinds = {"impression": shown, "view": seen, "cart": carted, "purchase": bought}
    return pa.concat_tables([_rows(people, shop, users, items, name, of) for name, of in kinds.items()])


def _rows(people: Shoppers, shop: Catalogue, users: IntArray, items: IntArray, event: str, of: BoolArray) -> pa.Table:
    row, place = np.nonzero(of)
    searched = place == items.shape[1] - 1
    return pa.table(
        {
            "user_id": people.ids[users[row]],
            "item_id": shop.ids[items[row, place]],
            "event": np.full(len(row), event),
            "position": pa.array(place, pa.int64(), mask=searched),
        }
    )
