"""The funnel of ShopWorld: its graph is found again, and a hidden confounder leads to a refusal and to bounds."""

import numpy as np
import pytest
from scipy.special import expit

from dorec import CausalQuery, Knowledge
from dorec.discover import BOSS, GES, PC, structural_hamming_distance
from dorec.domain.errors import NotIdentifiable
from dorec.domain.expression import Joint
from dorec.identify import bounds, identify
from dorec.simulate import ShopWorld

DRIVERS = ("place", "liking", "quality", "dearness")
FUNNEL = Knowledge(
    tiers=(DRIVERS, ("viewed",), ("carted",), ("bought",)),
    forbidden=(("drivers", "drivers"),),
    groups={"drivers": DRIVERS},
)
METHODS = {"BOSS": BOSS(), "BOSS mixed": BOSS(score="mixed"), "GES": GES(), "PC alpha=.001": PC(alpha=0.001)}


@pytest.mark.truth
def test_the_funnel_is_recovered_over_twenty_shops():
    distances = {name: [] for name in METHODS}
    for seed in range(20):
        world = ShopWorld(n_users=4000, n_items=300, seed=seed)
        table = world.impressions()
        for name, method in METHODS.items():
            distances[name].append(structural_hamming_distance(world.graph(), method.discover(table, FUNNEL)))
    for name, found in distances.items():
        print(f"{name}: SHD mean {np.mean(found):.2f}, largest {max(found)}, of 10 edges, 20 seeds")
        assert np.mean(found) <= 1.0


@pytest.mark.truth
def test_a_hidden_confounder_is_refused_and_bounded():
    """Liking and quality drive views and carts alike; the place on the page is an instrument."""
    query = CausalQuery("viewed", "carted")
    for seed in range(20):
        world = ShopWorld(n_users=4000, n_items=300, seed=seed, epsilon=1.0)
        graph = world.graph(hidden=["liking", "quality", "dearness"]).subgraph(["place", "viewed", "carted"])
        with pytest.raises(NotIdentifiable) as refusal:
            identify(graph, query)
        assert refusal.value.evidence["instruments"][0]["name"] == "place"
        table = {name: world.impressions().column(name).to_numpy() for name in world.impressions().column_names}
        joint = np.zeros((5, 2, 2))
        np.add.at(joint, (table["place"], table["viewed"], table["carted"]), 1.0 / len(table["place"]))
        found = bounds(graph, query, Joint(("place", "viewed", "carted"), joint))
        truth = expit(-0.9 + 0.5 * table["liking"] + 0.3 * table["quality"]).mean()  # no cart without a view
        naive = table["carted"][table["viewed"] == 1].mean()
        assert found.lower[1, 1] <= truth <= found.upper[1, 1]
        print(f"seed {seed}: P(carted | do(viewed)) is {truth:.3f}, naive {naive:.3f}, in [{found.lower[1, 1]:.3f}, "
              f"{found.upper[1, 1]:.3f}]")  # fmt: skip
        assert naive > truth  # what is looked at is liked
