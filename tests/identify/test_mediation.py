from itertools import product

import numpy as np
import pytest

from dorec.domain.errors import ColumnNotFound, InputError, NotIdentifiable
from dorec.domain.expression import Joint
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import identify, identify_mediation
from dorec.identify.mediation import controlled_query

QUERY = CausalQuery("x", "y", mediators="m")
NOISE = 4


class Functions:
    """A structural model with binary nodes, each a function of parents, hidden causes and a noise of its own.

    All values of noise and hidden causes are listed with their probabilities, so that any nested counterfactual can be
    read off, world by world.
    """

    def __init__(self, graph, rng):
        self.graph = graph
        self.hidden = [frozenset(pair) for pair in graph.bidirected]
        sizes = [NOISE] * len(graph.nodes) + [2] * len(self.hidden)
        grids = np.meshgrid(*(np.arange(k) for k in sizes), indexing="ij")
        values = [grid.ravel() for grid in grids]
        self.noise = dict(zip(graph.nodes, values, strict=False))
        self.shared = values[len(graph.nodes) :]
        weights = [rng.dirichlet(np.full(k, 3.0)) for k in sizes]
        self.weight = np.prod([w[v] for w, v in zip(weights, values, strict=True)], axis=0)
        self.tables = {}
        for node in graph.nodes:
            causes = len(graph.parents(node)) + sum(node in pair for pair in self.hidden)
            table = rng.integers(0, 2, size=(2,) * causes + (NOISE,))
            table[..., 0], table[..., 1] = 0, 1  # every level is possible whatever the causes are
            self.tables[node] = table

    def under(self, given):
        """Every node's value in each world, where some nodes are set to values that may differ by world."""
        found = {}
        for node in self.graph.topological_order():
            if node in given:
                found[node] = np.broadcast_to(given[node], self.weight.shape)
                continue
            index = [found[p] for p in sorted(self.graph.parents(node))]
            index += [u for u, pair in zip(self.shared, self.hidden, strict=True) if node in pair]
            found[node] = self.tables[node][(*index, self.noise[node])]
        return found

    def joint(self):
        found = self.under({})
        table = np.zeros((2,) * len(self.graph.nodes))
        np.add.at(table, tuple(found[n] for n in self.graph.nodes), self.weight)
        return Joint(self.graph.nodes, table)

    def nested(self, query):
        """P(Y_{x, M_{x*}}), with dimensions y, x, x*."""
        k = len(query.treatments)
        table = np.zeros((2,) * (len(query.outcomes) + 2 * k))
        for values in product((0, 1), repeat=2 * k):
            now = dict(zip(query.treatments, values[:k], strict=True))
            other = self.under(dict(zip(query.treatments, values[k:], strict=True)))
            world = self.under({**now, **{m: other[m] for m in query.mediators}})
            for y in product((0, 1), repeat=len(query.outcomes)):
                hit = np.all([world[n] == v for n, v in zip(query.outcomes, y, strict=True)], axis=0)
                table[(*y, *values)] = self.weight[hit].sum()
        return table


@pytest.mark.parametrize("seed", range(60))
def test_nested_counterfactuals_of_random_graphs_against_every_world(graphs, seed):
    rng = np.random.default_rng(seed)
    graph = graphs.random_admg(5, rng, p=0.55, q=0.15)
    names = rng.permutation(graph.nodes).tolist()
    names.sort(key=graph.topological_order().index)
    queries = [
        CausalQuery(names[0], names[4], mediators=names[2]),
        CausalQuery(names[1], names[4], mediators=names[2:4]),
        CausalQuery(names[0], names[3:5], mediators=names[1]),
        CausalQuery(names[:2], names[4], mediators=names[3]),
    ]
    model = Functions(graph, rng)
    joint = model.joint()
    for query in queries:
        try:
            found = identify_mediation(graph, query)
        except NotIdentifiable as refusal:
            assert refusal.evidence.keys() <= {"recanting_witness", "recanting_district", "hedge"}  # noqa: PT017
            continue
        assert np.allclose(found.evaluate(joint), model.nested(query)), (graph.edges, query)


def test_effects_add_up_and_the_total_is_the_effect_of_the_treatment(graphs):
    edges = [("x", "m"), ("m", "y"), ("x", "y"), ("z", "x"), ("z", "m"), ("z", "y")]
    graph = CausalGraph.from_edges("zxmy", directed=edges)
    model = Functions(graph, np.random.default_rng(3))
    joint, nested = model.joint(), model.nested(QUERY)
    estimand = identify_mediation(graph, QUERY)
    effects = estimand.effects(joint, values=[0.0, 10.0])
    total = identify(graph, CausalQuery("x", "y")).evaluate(joint)
    assert effects["total"] == pytest.approx(10 * (total[1, 1] - total[1, 0]))
    assert effects["nde"] == pytest.approx(10 * (nested[1, 1, 0] - nested[1, 0, 0]))
    assert effects["nie"] == pytest.approx(10 * (nested[1, 0, 1] - nested[1, 0, 0]))
    assert effects["nde"] + effects["tie"] == pytest.approx(effects["total"])
    assert effects["nie"] + effects["tde"] == pytest.approx(effects["total"])
    assert estimand.needs["covariates"] == ("z",)


def test_the_controlled_effect_is_that_of_setting_both(graphs):
    graph = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y"), ("x", "y")])
    estimand = identify_mediation(graph, QUERY)
    assert str(estimand.controlled) == "P(y | do(x), do(m)) = P(y | x, m)"
    model = Functions(graph, np.random.default_rng(0))
    set_both = model.under({"x": 1, "m": 0})["y"]
    truth = model.weight[set_both == 1].sum()
    assert estimand.controlled.evaluate(model.joint())[1, 1, 0] == pytest.approx(truth)
    assert str(controlled_query(QUERY)) == "P(y | do(x), do(m))"


def test_a_controlled_effect_without_natural_ones_and_the_other_way():
    tied = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y"), ("x", "y")], bidirected=[("x", "m")])
    with pytest.raises(NotIdentifiable, match="no function of what was measured"):
        identify_mediation(tied, QUERY)
    assert identify(tied, controlled_query(QUERY)).adjustment_set == ()


def test_the_witness_may_join_the_mediators():
    graph = CausalGraph.from_edges("xwmy", directed=[("x", "w"), ("w", "m"), ("w", "y"), ("m", "y")])
    with pytest.raises(NotIdentifiable, match="recanting witness") as refusal:
        identify_mediation(graph, QUERY)
    assert refusal.value.evidence == {"recanting_witness": ["w"]}
    both = identify_mediation(graph, CausalQuery("x", "y", mediators=["w", "m"]))
    assert both.nested.variables == set("xwmy")


def test_what_sees_only_the_mediator_is_no_witness():
    # w follows m, which is what it would be under x* wherever w looks
    edges = [("x", "m"), ("m", "w"), ("w", "n"), ("w", "y"), ("n", "y"), ("x", "y")]
    graph = CausalGraph.from_edges("xmwny", directed=edges)
    query = CausalQuery("x", "y", mediators=["m", "n"])
    model = Functions(graph, np.random.default_rng(1))
    assert np.allclose(identify_mediation(graph, query).evaluate(model.joint()), model.nested(query))


def test_hidden_causes_of_mediator_and_outcome_are_a_recanting_district():
    graph = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y"), ("x", "y")], bidirected=[("m", "y")])
    with pytest.raises(NotIdentifiable, match="recanting district") as refusal:
        identify_mediation(graph, QUERY)
    assert refusal.value.evidence == {"recanting_district": ["m", "y"]}
    front_door = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y")], bidirected=[("x", "y")])
    model = Functions(front_door, np.random.default_rng(2))
    assert np.allclose(identify_mediation(front_door, QUERY).evaluate(model.joint()), model.nested(QUERY))


def test_bad_questions():
    graph = CausalGraph.from_edges("xmyu", directed=[("x", "m"), ("m", "y"), ("u", "m"), ("u", "y")])
    with pytest.raises(InputError, match="needs mediators"):
        identify_mediation(graph, CausalQuery("x", "y"))
    with pytest.raises(InputError, match="more than one role"):
        identify_mediation(graph, CausalQuery("x", "y", mediators="x"))
    with pytest.raises(InputError, match="needs mediators and no conditions"):
        identify_mediation(graph, CausalQuery("x", "y", "u", mediators="m"))
    with pytest.raises(ColumnNotFound):
        identify_mediation(graph, CausalQuery("x", "y", mediators="q"))
    with pytest.raises(NotIdentifiable, match="m was not measured"):
        identify_mediation(graph, QUERY, unobserved="m")
    open_graph = CausalGraph.from_edges("xmy", directed=[("x", "m")], undirected=[("m", "y")])
    with pytest.raises(NotIdentifiable, match="direction of m --- y"):
        identify_mediation(open_graph, QUERY)


def test_the_estimand_as_data():
    graph = CausalGraph.from_edges("xmy", directed=[("x", "m"), ("m", "y"), ("x", "y")])
    plain = identify_mediation(graph, QUERY).to_dict()
    assert plain["nested"] == "Σ_{m} P(y | x, m) P(m | x*)"
    assert plain["latex"] == r"\sum_{m} P(y \mid x, m) \, P(m \mid x*)"
    assert plain["controlled"]["strategy"] == "back-door"
