"""Every impression of the simulated shop as one row, with what drove it, and the graph by which it came about."""

import numpy as np
import pyarrow as pa

from dorec.domain.graph import CausalGraph
from dorec.numeric.arrays import BoolArray
from dorec.simulate.behaviour import Behaviour, Shop

DRIVERS = ("place", "liking", "quality", "dearness")
STAGES = ("viewed", "carted", "bought")
EDGES = (
    ("place", "viewed"),
    ("liking", "viewed"),
    ("quality", "viewed"),
    ("dearness", "viewed"),
    ("viewed", "carted"),
    ("liking", "carted"),
    ("quality", "carted"),
    ("carted", "bought"),
    ("quality", "bought"),
    ("dearness", "bought"),
)


def impression_table(shop: Shop, behaviour: Behaviour) -> "pa.Table":
    """place, liking, quality, dearness, viewed, carted, bought of each impression before the promotion began."""
    shown, sessions = behaviour.impressions, behaviour.sessions
    rows = np.flatnonzero(~sessions.in_window[shown.session])
    user, item = sessions.user[shown.session[rows]], shown.item[rows]
    people, items = shop.people, shop.items
    carted = _carted(behaviour, shop.slate_size)
    return pa.table(
        {
            "place": shown.place[rows],
            "liking": (people.taste[user] * items.taste[item]).sum(axis=1) / 2.6,
            "quality": items.quality[item],
            "dearness": people.thrift[user] * items.price_level[item],
            "viewed": shown.viewed[rows].astype(np.int64),
            "carted": carted[rows].astype(np.int64),
            "bought": shown.bought[rows].astype(np.int64),
        }
    )


def impression_graph(*, hidden: tuple[str, ...] = ()) -> CausalGraph:
    """The graph of `impression_table`; of hidden drivers, which have no causes here, a bidirected edge is left."""
    nodes = [n for n in (*DRIVERS, *STAGES) if n not in hidden]
    directed = [(a, b) for a, b in EDGES if a not in hidden]
    children = [[b for a, b in EDGES if a == name] for name in hidden]
    both = {(a, b) for of in children for i, a in enumerate(of) for b in of[i + 1 :]}
    return CausalGraph.from_edges(nodes, directed=directed, bidirected=sorted(both), provenance="ShopWorld")


def _carted(behaviour: Behaviour, slate_size: int) -> BoolArray:
    """Whether each impression led to a cart, (r,)."""
    shown, visits = behaviour.impressions, behaviour.visits
    by_way = np.flatnonzero((visits.place >= 0) & visits.carted)
    key = shown.session * slate_size + shown.place
    return np.isin(key, visits.session[by_way] * slate_size + visits.place[by_way])
