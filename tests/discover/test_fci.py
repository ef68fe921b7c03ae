from itertools import combinations, product

import numpy as np
import pytest

from dorec.discover import FCI
from dorec.domain.errors import ConfigError, CyclicGraph, InputError, NotFinite
from dorec.domain.graph import CausalGraph, Edge
from dorec.domain.knowledge import Knowledge
from dorec.identify import is_d_separated, latent_projection


def marks(graph):
    """What a graph says, as a set of (node, node, mark at the second)."""
    return {(e.a, e.b, e.mark_b) for e in graph.edges} | {(e.b, e.a, e.mark_a) for e in graph.edges}


def ancestral_graph(truth, graph, observed):
    """The MAG of a DAG on its observed nodes, by definition: joined if no set separates, marks by ancestry."""
    edges = []
    for a, b in combinations(observed, 2):
        rest = [n for n in observed if n not in (a, b)]
        if any(is_d_separated(graph, a, b, z) for z in truth.subsets(rest)):
            continue
        at_a = "tail" if a in graph.ancestors([b]) else "arrow"
        at_b = "tail" if b in graph.ancestors([a]) else "arrow"
        edges.append(Edge(a, b, at_a, at_b))
    return CausalGraph(tuple(observed), tuple(edges))


def independences(truth, graph):
    return frozenset(
        (a, b, z)
        for a, b in combinations(graph.nodes, 2)
        for z in truth.subsets([n for n in graph.nodes if n not in (a, b)])
        if is_d_separated(graph, a, b, z)
    )


@pytest.fixture(scope="module")
def classes(truth):
    """Every MAG without selection on four nodes, by the independences it implies."""
    nodes, found = ("v0", "v1", "v2", "v3"), {}
    kinds = (None, ("tail", "arrow"), ("arrow", "tail"), ("arrow", "arrow"))
    for choice in product(kinds, repeat=6):
        pairs = zip(combinations(nodes, 2), choice, strict=True)
        try:
            graph = CausalGraph(nodes, tuple(Edge(a, b, *kind) for (a, b), kind in pairs if kind))
        except CyclicGraph:
            continue
        if any(a in graph.ancestors([b]) or b in graph.ancestors([a]) for a, b in graph.bidirected):
            continue
        implied = independences(truth, graph)
        apart = {frozenset((a, b)) for a, b, _ in implied}
        if len(apart) + len(graph.edges) == 6:  # maximal: every pair without an edge can be separated
            found.setdefault(implied, []).append(graph)
    return found


def invariant(graphs):
    """The PAG of a Markov equivalence class, by definition: the marks on which all its MAGs agree."""
    edges = []
    for a, b in combinations(graphs[0].nodes, 2):
        seen = [graph.edge(a, b) for graph in graphs]
        if seen[0] is None:
            continue
        at_a, at_b = {e.mark_a for e in seen}, {e.mark_b for e in seen}
        edges.append(Edge(a, b, at_a.pop() if len(at_a) == 1 else "circle", at_b.pop() if len(at_b) == 1 else "circle"))
    return CausalGraph(graphs[0].nodes, tuple(edges))


def test_every_class_of_four_nodes_gets_the_graph_of_what_its_members_share(truth, classes):
    assert len(classes) > 200
    for members in classes.values():
        found = FCI(max_possible_d_sep=None).search(members[0].nodes, truth.Oracle(members[0], members[0].nodes))
        assert marks(found) == marks(invariant(members)), str(members[0].edges)


@pytest.mark.parametrize("seed", range(25))
def test_random_graphs_with_hidden_nodes(truth, seed):
    rng = np.random.default_rng(seed)
    graph = truth.random_dag(9, rng, degree=3.5)
    observed = tuple(rng.choice(graph.nodes, 6, replace=False).tolist())
    found = FCI(max_possible_d_sep=None).search(observed, truth.Oracle(graph, observed))
    wanted = ancestral_graph(truth, graph, observed)
    assert found.skeleton == wanted.skeleton
    for said, true in [(found.edge(e.a, e.b), e) for e in wanted.edges]:
        assert said.mark_a in ("circle", true.mark_a)
        assert said.mark_b in ("circle", true.mark_b)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("seed", range(12))
def test_same_graph_as_causal_learn_with_true_separation(truth, seed):
    search = pytest.importorskip("causallearn.search.ConstraintBased.FCI")
    from causallearn.utils import cit

    rng = np.random.default_rng(seed + 50)
    graph = truth.random_dag(10, rng, degree=3.0)
    observed = tuple(sorted(rng.choice(graph.nodes, 7, replace=False).tolist()))
    oracle = truth.Oracle(graph, observed)

    class Separation(cit.CIT_Base):
        method = "oracle"

        def __call__(self, x, y, given=None):
            return float(oracle.separated(int(x), int(y), [int(s) for s in given or ()]))

    cit.register_ci_test("true_separation", Separation)
    data = rng.normal(size=(20, len(observed)))
    theirs, _ = search.fci(data, "true_separation", 0.5, show_progress=False, verbose=False)
    name = {node.get_name(): observed[i] for i, node in enumerate(theirs.get_nodes())}
    kind = {"TAIL": "tail", "ARROW": "arrow", "CIRCLE": "circle"}
    wanted = set()
    for e in theirs.get_graph_edges():
        a, b = name[e.get_node1().get_name()], name[e.get_node2().get_name()]
        wanted |= {(a, b, kind[e.get_endpoint2().name]), (b, a, kind[e.get_endpoint1().name])}
    assert marks(FCI(max_possible_d_sep=None).search(observed, oracle)) == wanted


def confounded(n, seed, d=8):
    """Linear data (n, d) whose last two columns of d + 2 were hidden."""
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d + 2, d + 2)) < 0.3, 1) * rng.uniform(0.5, 1.5, (d + 2, d + 2))
    order = rng.permutation(d + 2)
    data = rng.normal(size=(n, d + 2))
    for k in range(d + 2):
        data[:, k] += data @ weight[:, k]
    return data[:, order[:d]]


def frame(data, order=None):
    return {f"v{i}": data[:, i] for i in (range(data.shape[1]) if order is None else order)}


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("test", ["fisher_z", "g_square"])
def test_order_of_rows_and_columns_names_and_scales_do_not_matter(seed, test):
    data = confounded(300, seed)
    if test == "g_square":
        data = np.digitize(data, [-1.0, 1.0]).astype(float)
    rng = np.random.default_rng(seed)
    wanted = FCI(test=test).discover(frame(data))
    shuffled = FCI(test=test).discover(frame(data[rng.permutation(len(data))], rng.permutation(8)))
    assert set(shuffled.edges) == set(wanted.edges)
    label = rng.permutation(8)
    other = FCI(test=test).discover({f"w{label[i]}": -3.0 * data[:, i] + 7 for i in range(8)})
    back = {f"w{label[i]}": f"v{i}" for i in range(8)}
    assert {(back[a], back[b], mark) for a, b, mark in marks(other)} == marks(wanted)


@pytest.mark.parametrize("seed", range(8))
def test_knowledge_is_never_violated(seed):
    data = confounded(200, seed)
    v = [f"v{i}" for i in np.random.default_rng(seed).permutation(8)]
    knowledge = Knowledge(
        tiers=((v[0], v[1]), (v[2], v[3], v[4]), (v[5], v[6])),
        required=((v[0], v[5]), (v[1], v[2])),
        forbidden=((v[3], v[4]), (v[4], v[3]), (v[7], v[0])),
    )
    graph = FCI().discover(frame(data), knowledge)
    assert {(v[0], v[5]), (v[1], v[2])} <= set(graph.directed)
    assert {e.provenance for e in graph.edges if (e.a, e.b) in knowledge.required} == {"required by knowledge"}
    for a, b, mark in marks(graph):
        if knowledge.forbids(b, a):
            assert mark == "arrow"


def test_tiers_orient_what_independences_leave_open(truth):
    graph = CausalGraph.from_edges("abc", directed=[("a", "b"), ("b", "c")])
    search = FCI().search(("a", "b", "c"), truth.Oracle(graph, "abc"), Knowledge(tiers=(("a",), ("b",), ("c",))))
    assert [str(e) for e in search.edges] == ["a o-> b", "b --> c"]


def test_a_hidden_common_cause_is_told_from_an_effect(truth):
    # the front door's graph with an instrument: x and y confounded, m between
    graph = CausalGraph.from_edges(
        "izxmyu", directed=[("i", "x"), ("z", "x"), ("x", "m"), ("m", "y"), ("u", "x"), ("u", "y")]
    )
    found = FCI().search(tuple("izxmy"), truth.Oracle(graph, "izxmy"))
    assert ("x", "m") in found.directed
    assert found.skeleton == ancestral_graph(truth, graph, "izxmy").skeleton
    assert latent_projection(graph, "u").bidirected == (("x", "y"),)


def test_bad_input_is_refused():
    data = confounded(100, 0)
    with pytest.raises(ConfigError, match="Did you mean 'g_square'"):
        FCI(test="gsquare")
    with pytest.raises(ConfigError, match="alpha is 0"):
        FCI(alpha=0)
    with pytest.raises(ConfigError, match="max_possible_d_sep is -2"):
        FCI(max_possible_d_sep=-2)
    with pytest.raises(ConfigError, match="max_condition is -1"):
        FCI(max_condition=-1)
    with pytest.raises(InputError, match="zzz, which the table lacks"):
        FCI().discover(frame(data), Knowledge(tiers=(("zzz",),)))
    data[3, 2] = np.nan
    with pytest.raises(NotFinite, match=r"v2 \(1\)"):
        FCI().discover(frame(data))
