from itertools import product

import numpy as np
import pytest

from dorec.domain.errors import ContradictsGraph, InputError, NoOverlap, NotIdentifiable, TooLarge
from dorec.domain.expression import Joint
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.domain.regime import OBSERVED
from dorec.identify import bounds, identify
from dorec.identify.structural import random_model
from dorec.identify.worlds import random_functional_model

IV = CausalGraph.from_edges("zdy", directed=[("z", "d"), ("d", "y")], bidirected=[("d", "y")])
BOW = CausalGraph.from_edges("dy", directed=[("d", "y")], bidirected=[("d", "y")])
ATE = CausalQuery("d", "y", contrast=(0, 1))


def trial(p):
    """The joint of z, d, y from {(y, d, z): P(y, d | z)}, with z drawn by a fair coin."""
    table = np.zeros((2, 2, 2))
    for (y, d, z), value in p.items():
        table[z, d, y] = value / 2
    return Joint(("z", "d", "y"), table)


def balke_pearl(p):
    """The closed form of Balke, Pearl (1997) for the average effect under an instrument; p[y, d, z] = P(y, d | z)."""
    lower = max(
        p[1, 1, 1] + p[0, 0, 0] - 1,
        p[1, 1, 0] + p[0, 0, 1] - 1,
        p[1, 1, 0] - p[1, 1, 1] - p[1, 0, 1] - p[0, 1, 0] - p[1, 0, 0],
        p[1, 1, 1] - p[1, 1, 0] - p[1, 0, 0] - p[0, 1, 1] - p[1, 0, 1],
        -p[0, 1, 1] - p[1, 0, 1],
        -p[0, 1, 0] - p[1, 0, 0],
        p[0, 0, 1] - p[0, 1, 1] - p[1, 0, 1] - p[0, 1, 0] - p[0, 0, 0],
        p[0, 0, 0] - p[0, 1, 0] - p[1, 0, 0] - p[0, 1, 1] - p[0, 0, 1],
    )
    upper = min(
        1 - p[0, 1, 1] - p[1, 0, 0],
        1 - p[0, 1, 0] - p[1, 0, 1],
        -p[0, 1, 0] + p[0, 1, 1] + p[0, 0, 1] + p[1, 1, 0] + p[0, 0, 0],
        -p[0, 1, 1] + p[1, 1, 1] + p[0, 0, 1] + p[0, 1, 0] + p[0, 0, 0],
        p[1, 1, 1] + p[0, 0, 1],
        p[1, 1, 0] + p[0, 0, 0],
        -p[1, 0, 1] + p[1, 1, 1] + p[0, 0, 1] + p[1, 1, 0] + p[1, 0, 0],
        -p[1, 0, 0] + p[1, 1, 0] + p[0, 0, 0] + p[1, 1, 1] + p[1, 0, 1],
    )
    return lower, upper


def test_the_published_example():
    """Cholestyramine and cholesterol: between .392 and .780 (Balke, Pearl 1997)."""
    told = [0.919, 0.0, 0.081, 0.0, 0.315, 0.139, 0.073, 0.473]  # p00.0, p01.0, p10.0, p11.0, p00.1, ...
    found = bounds(IV, ATE, trial({(y, d, z): told[4 * z + 2 * y + d] for z, y, d in product((0, 1), repeat=3)}))
    assert (round(found.lower[1], 3), round(found.upper[1], 3)) == (0.392, 0.78)
    assert (found.sharp, found.n_types, found.tied) == (True, 16, ("d", "y"))


@pytest.mark.parametrize("seed", range(20))
def test_an_instrument_has_the_closed_form(seed):
    rng = np.random.default_rng(seed)
    names = ("z", "d", "y")
    joint = random_functional_model(IV, rng).joint_in(OBSERVED, names)
    given = joint.table / joint.table.sum(axis=(1, 2), keepdims=True)
    p = {(y, d, z): given[z, d, y] for z, d, y in np.ndindex(2, 2, 2)}
    found = bounds(IV, ATE, joint)
    assert np.allclose((found.lower[1], found.upper[1]), balke_pearl(p))
    assert np.allclose((found.lower[0], found.upper[0]), [-found.upper[1], -found.lower[1]])
    arms = bounds(IV, CausalQuery("d", "y"), joint)
    assert found.lower[1] >= arms.lower[1, 1] - arms.upper[1, 0] - 1e-9


@pytest.mark.parametrize("levels", [2, 3])
def test_without_assumptions_it_is_manski(levels):
    rng = np.random.default_rng(levels)
    table = rng.dirichlet(np.ones(levels**2)).reshape(levels, levels)
    found = bounds(BOW, CausalQuery("d", "y"), Joint(("d", "y"), table))
    assert np.allclose(found.lower, table.T)
    assert np.allclose(found.upper, table.T + 1 - table.sum(axis=1))
    assert found.sharp


@pytest.mark.parametrize("seed", range(30))
def test_the_truth_is_inside_in_random_graphs(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(5, rng, p=0.4, q=0.3)
    n_found = 0
    for x, y in product(graph.nodes, graph.nodes):
        if x == y or x not in graph.ancestors([y]):
            continue
        model = random_model(graph, rng)
        joint, query = model.joint(graph.nodes), CausalQuery(x, y)
        try:
            found = bounds(graph, query, joint, max_types=20_000)
        except (NotIdentifiable, TooLarge):
            continue
        truth = model.effect([y], [x])
        assert (found.lower <= truth + 1e-6).all(), (graph, query)
        assert (found.upper >= truth - 1e-6).all(), (graph, query)
        try:
            identify(graph, query)
        except NotIdentifiable:
            assert found.width.max() > 1e-6
        else:
            assert np.allclose(found.width, 0.0, atol=1e-6)
        n_found += 1
    assert n_found


def test_a_mediator_beyond_the_tie_is_averaged_over():
    graph = CausalGraph.from_edges(
        "dmyz", directed=[("z", "d"), ("d", "m"), ("m", "y")], bidirected=[("d", "m"), ("m", "y")]
    )
    model = random_model(graph, np.random.default_rng(4))
    found = bounds(graph, CausalQuery("d", "y"), model.joint(graph.nodes))
    truth = model.effect(["y"], ["d"])
    assert (found.lower <= truth).all()
    assert (found.upper >= truth).all()
    assert not found.sharp  # d and y share no hidden cause of their own
    assert found.width.max() < 1


def test_refusals_say_why():
    with pytest.raises(ContradictsGraph, match="no model of the graph") as refused:
        bounds(IV, ATE, trial({(0, 0, 0): 0.8, (0, 1, 0): 0.2, (1, 0, 1): 0.8, (1, 1, 1): 0.2}))
    assert refused.value.code == "contradicts_graph"
    two = CausalGraph.from_edges(
        "abcy", directed=[("a", "b"), ("b", "c"), ("c", "y")], bidirected=[("a", "b"), ("c", "y")]
    )
    joint = random_model(two, np.random.default_rng(0)).joint(two.nodes)
    with pytest.raises(NotIdentifiable, match=r"\{a, b\} and \{c, y\} are confounded separately"):
        bounds(two, CausalQuery(["a", "c"], ["b", "y"]), joint)
    wide = Joint(("d", "y"), np.full((6, 6), 1 / 36))
    with pytest.raises(TooLarge, match="279,936 response types") as large:
        bounds(BOW, CausalQuery("d", "y"), wide)
    assert large.value.evidence["types"] == 6 * 6**6
    with pytest.raises(InputError, match="has conditions"):
        bounds(IV, CausalQuery("d", "y", "z"), joint)
    with pytest.raises(InputError, match="The joint lacks z, d"):
        bounds(IV, CausalQuery("d", "y"), joint)
    with pytest.raises(InputError, match="pair of indices"):
        bounds(BOW, CausalQuery("d", "y", contrast=("a", "b")), Joint(("d", "y"), np.full((2, 2), 0.25)))
    with pytest.raises(NoOverlap, match="d never takes"):
        bounds(BOW, CausalQuery("d", "y"), Joint(("d", "y"), np.array([[0.5, 0.5], [0.0, 0.0]])))


def test_a_setting_that_never_occurs_makes_the_bounds_wider_not_wrong():
    model = random_model(IV, np.random.default_rng(1))
    table = model.joint(("z", "d", "y")).table.copy()
    full = bounds(IV, ATE, Joint(("z", "d", "y"), table))
    table[1] = 0.0
    half = bounds(IV, ATE, Joint(("z", "d", "y"), table / table.sum()))
    assert (half.sharp, full.sharp) == (False, True)
    assert (half.width >= full.width - 1e-9).all()
    assert (half.width <= 1 + 1e-9).all()
