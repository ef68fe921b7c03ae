import numpy as np
import pytest

from dorec.domain.errors import InputError, NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import Instrument, find_instruments, identify, is_instrument

QUERY = CausalQuery("t", "y")
BOW = [("t", "y")]


def test_an_instrument_as_it_stands_comes_before_one_that_needs_others():
    edges = [("z", "t"), ("w", "v"), ("v", "t"), ("w", "y"), ("t", "y")]
    graph = CausalGraph.from_edges("zwvty", directed=edges, bidirected=BOW)
    assert find_instruments(graph, QUERY) == (Instrument("z"), Instrument("v", ("w",)))


@pytest.mark.parametrize(
    "edges",
    [
        [("z", "t"), ("z", "y"), ("t", "y")],  # an effect of its own
        [("t", "y"), ("z", "y")],  # does not move the treatment
        [("t", "z"), ("t", "y")],  # comes after it
        [("z", "t"), ("y", "z")],  # no effect to look for
    ],
)
def test_what_is_no_instrument(edges):
    graph = CausalGraph.from_edges("zty", directed=edges, bidirected=BOW)
    assert find_instruments(graph, QUERY) == ()
    assert not is_instrument(graph, QUERY, "z")


def test_what_was_not_measured_is_no_instrument():
    graph = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")], bidirected=BOW)
    assert find_instruments(graph, QUERY, unobserved="z") == ()


def test_a_refusal_names_the_instrument():
    graph = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")], bidirected=BOW)
    with pytest.raises(NotIdentifiable, match="take z as the instrument") as refusal:
        identify(graph, QUERY)
    assert refusal.value.evidence["instruments"] == [{"name": "z", "given": []}]


def covariance(graph, rng):
    """Covariance of a random linear model and its coefficients; each bidirected edge is a hidden cause."""
    place = {n: i for i, n in enumerate(graph.nodes)}
    d = len(place)
    weight, noise = np.zeros((d, d)), np.eye(d)
    for a, b in graph.directed:
        weight[place[b], place[a]] = rng.normal()
    for a, b in graph.bidirected:
        load = np.zeros(d)
        load[[place[a], place[b]]] = rng.normal(size=2)
        noise += np.outer(load, load)
    total = np.linalg.inv(np.eye(d) - weight)
    return total @ noise @ total.T, total, place


@pytest.mark.parametrize("seed", range(60))
def test_the_ratio_of_covariances_is_the_effect_in_linear_models(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng, p=0.4, q=0.15)
    query = CausalQuery("v0", "v1")
    sigma, total, place = covariance(graph, rng)
    x, y = place["v0"], place["v1"]
    for z in ("v2", "v3", "v4", "v5"):
        sets = [s for s in graphs.subsets({"v2", "v3", "v4", "v5"} - {z}) if is_instrument(graph, query, z, s)]
        for given in sets:
            i, s = place[z], [place[n] for n in given]
            left = sigma - sigma[:, s] @ np.linalg.solve(sigma[np.ix_(s, s)], sigma[s]) if s else sigma
            assert left[i, y] / left[i, x] == pytest.approx(total[y, x], abs=1e-6, rel=1e-6)
        found = [one for one in find_instruments(graph, query) if one.name == z]
        assert not found or found[0].given in {tuple(sorted(s)) for s in sets}
        if sets and "v1" in graph.descendants(["v0"]) and () in sets:
            assert found == [Instrument(z)]


def test_one_treatment_and_one_outcome():
    graph = CausalGraph.from_edges("zty", directed=[("z", "t"), ("t", "y")])
    with pytest.raises(InputError, match="one treatment and one outcome"):
        find_instruments(graph, CausalQuery(["t", "z"], "y"))


def by_every_set(graph, query):
    """Candidates with the sizes of the smallest sets that make instruments of them, from all sets."""
    others = set(graph.nodes) - {*query.treatments, *query.outcomes}
    found = {}
    for z in sorted(others):
        sets = [s for s in every_subset(others - {z}) if is_instrument(graph, query, z, s)]
        if sets:
            found[z] = min(len(s) for s in sets)
    return found


def every_subset(items):
    items = sorted(items)
    return [[n for i, n in enumerate(items) if bits >> i & 1] for bits in range(1 << len(items))]


@pytest.mark.parametrize("seed", range(150))
def test_there_is_an_instrument_exactly_if_one_is_found(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(6, rng, p=0.35, q=0.2)
    order = graph.topological_order()
    query = CausalQuery(order[rng.integers(1, 4)], order[rng.integers(4, 6)])
    found = {one.name: len(one.given) for one in find_instruments(graph, query)}
    truth = by_every_set(graph, query) if set(query.outcomes) & graph.descendants(query.treatments) else {}
    assert bool(found) == bool(truth)
    assert found.keys() <= truth.keys()
    assert all(found[z] == truth[z] for z in found)


def test_a_dense_graph_is_searched_within_bounds():
    # w1..w8 and v1..v8 in pairs separate z and y in 2^8 ways; the nearest are enough to see that z is an instrument
    pairs = [f"{i}" for i in range(8)]
    edges = [e for p in pairs for e in (("w" + p, "z"), ("w" + p, "v" + p), ("v" + p, "y"))]
    nodes = ["z", "t", "y", *("w" + p for p in pairs), *("v" + p for p in pairs)]
    graph = CausalGraph.from_edges(nodes, directed=[*edges, ("z", "t"), ("t", "y")], bidirected=BOW)
    (found,) = [one for one in find_instruments(graph, QUERY) if one.name == "z"]
    assert len(found.given) == 8
