import numpy as np
import pytest

from dorec.domain.errors import InputError
from dorec.domain.knowledge import Knowledge
from dorec.simulate import ShopWorld

DRIVERS = ("place", "liking", "quality", "dearness")
TIERS = Knowledge(tiers=(DRIVERS, ("viewed",), ("carted",), ("bought",)), forbidden=[("d", "d")], groups={"d": DRIVERS})


@pytest.fixture(scope="module")
def world():
    return ShopWorld(n_users=1500, n_items=100, seed=3, epsilon=1.0)


def test_rows_are_the_impressions_of_the_log(world):
    table, log = world.impressions(), world.event_table()
    early = log.filter(np.asarray(log.column("timestamp")) < np.datetime64("2025-03-17"))
    kinds = early.column("event").to_pylist()
    assert table.num_rows == kinds.count("impression")
    # views and carts of searches have no impression behind them
    assert table.column("viewed").to_numpy().sum() < kinds.count("view")


def test_the_funnel_narrows_row_by_row(world):
    viewed, carted, bought = (world.impressions().column(c).to_numpy() for c in ("viewed", "carted", "bought"))
    assert (viewed >= carted).all()
    assert (carted >= bought).all()
    assert viewed.sum() > carted.sum() > bought.sum() > 0


def test_hidden_drivers_become_hidden_common_causes(world):
    assert world.graph().is_dag
    graph = world.graph(hidden=["quality", "dearness"])
    assert graph.bidirected == (("bought", "carted"), ("bought", "viewed"), ("carted", "viewed"))
    assert "quality" not in graph.nodes
    with pytest.raises(InputError, match="hidden names price"):
        world.graph(hidden=["price"])


def test_the_graph_fits_its_table_and_is_found_again(world):
    from dorec.discover import BOSS, structural_hamming_distance  # tests may cross the walls between stations

    found = BOSS().discover(world.impressions(), TIERS)
    assert structural_hamming_distance(world.graph(), found) <= 2
