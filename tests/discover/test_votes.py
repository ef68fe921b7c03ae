"""Conservative and majority orientation: against every set asked by hand, and on worlds where triples contradict."""

from itertools import combinations

import numpy as np
import pytest

from dorec.discover import PC
from dorec.discover.independence import FisherZ
from dorec.discover.orientation import PartlyDirected, meek
from dorec.discover.skeleton import stable_skeleton
from dorec.discover.votes import count_votes
from dorec.domain.errors import ConfigError
from dorec.domain.graph import CausalGraph
from dorec.domain.knowledge import Knowledge
from dorec.domain.run import RunContext


def linear(d, n, seed):
    rng = np.random.default_rng(seed)
    weight = np.triu(rng.random((d, d)) < 0.35, 1) * rng.uniform(0.3, 1.0, (d, d)) * rng.choice([-1, 1], (d, d))
    data = rng.normal(size=(n, d))
    for k in range(d):
        data[:, k] += data @ weight[:, k]
    return data[:, rng.permutation(d)]


def frame(data, order=None):
    return {f"v{i}": data[:, i] for i in (range(data.shape[1]) if order is None else order)}


@pytest.mark.parametrize("seed", range(6))
def test_votes_are_those_of_every_set_of_neighbours(seed):
    data = linear(8, 200, seed)
    test = FisherZ(np.corrcoef(data, rowvar=False), 200, 0.05)
    everything = ~np.eye(8, dtype=bool)
    skeleton = stable_skeleton(test, everything, np.zeros((8, 8), dtype=bool), None, RunContext(seed=0))
    near = [set(np.flatnonzero(row).tolist()) for row in skeleton.adjacent]
    triples = [(x, y, z) for y in range(8) for x, z in combinations(sorted(near[y]), 2) if z not in near[x]]
    votes = count_votes(test, skeleton, triples, everything, None, RunContext(seed=0))
    for x, y, z in triples:
        sets = {s for end in (x, z) for k in range(8) for s in combinations(sorted(near[end] - {x, z}), k)}
        apart = [s for s in sets if test.answer(np.array([[x, z, *s]])).p_value[0] > 0.05]
        assert votes.n_sets[x, z] == len(apart)
        holding = sum(y in s for s in apart)
        conservative = votes.split([(x, y, z)], "conservative")
        majority = votes.split([(x, y, z)], "majority")
        assert conservative[0] == ([(x, y, z)] if apart and holding == 0 else [])
        assert conservative[1] == ([(x, y, z)] if not apart or 0 < holding < len(apart) else [])
        assert majority[0] == ([(x, y, z)] if 2 * holding < len(apart) else [])
        assert majority[1] == ([(x, y, z)] if 2 * holding == len(apart) else [])


@pytest.mark.parametrize("orientation", ["conservative", "majority"])
@pytest.mark.parametrize("seed", range(10))
def test_with_true_separation_all_three_agree(truth, orientation, seed):
    graph = truth.random_dag(8, np.random.default_rng(seed))
    oracle = truth.Oracle(graph, graph.nodes)
    stable = PC().search(graph.nodes, oracle)
    other = PC(orientation=orientation).search(graph.nodes, oracle)
    assert (other.directed, other.undirected) == (stable.directed, stable.undirected)


def test_a_contradicted_collider_is_left_open_and_said():
    found = {"conservative": 0, "majority": 0, "stable": 0}
    for seed in range(10):
        table = frame(linear(8, 100, seed))
        for orientation in found:
            graph = PC(orientation=orientation).discover(table)
            said = [e for e in graph.edges if "ambiguous: " in e.provenance]
            found[orientation] += len(said)
            for edge in said:
                for triple in edge.provenance.split("ambiguous: ")[1].split(", "):
                    x, y, z = triple.split(" - ")
                    assert frozenset((x, z)) not in graph.skeleton
                    assert {edge.a, edge.b} in ({x, y}, {y, z})
    assert found["conservative"] > found["majority"] > found["stable"] == 0


def test_no_rule_builds_on_an_ambiguous_triple():
    everything = ~np.eye(3, dtype=bool)
    chain = np.array([[0, 1, 0], [1, 0, 1], [0, 1, 0]], dtype=bool)
    for ambiguous, oriented in (((), True), ([(0, 1, 2)], False)):
        graph = PartlyDirected.of(chain, everything)
        graph.orient(0, 1)
        meek(graph, [(0, 1), (1, 2)], ambiguous)
        assert (2 in graph.children[1]) == oriented


@pytest.mark.parametrize("orientation", ["conservative", "majority"])
@pytest.mark.parametrize("seed", range(4))
def test_order_of_rows_and_columns_does_not_matter(orientation, seed):
    data = linear(10, 150, seed)
    rng = np.random.default_rng(seed)
    search = PC(orientation=orientation)
    wanted = search.discover(frame(data))
    other = search.discover(frame(data[rng.permutation(len(data))], rng.permutation(10)))
    assert set(other.edges) == set(wanted.edges)
    assert {e.provenance for e in other.edges} == {e.provenance for e in wanted.edges}


@pytest.mark.parametrize("orientation", ["conservative", "majority"])
@pytest.mark.parametrize("seed", range(4))
def test_knowledge_is_never_violated(orientation, seed):
    data = linear(8, 200, seed)
    v = [f"v{i}" for i in np.random.default_rng(seed).permutation(8)]
    knowledge = Knowledge(
        tiers=((v[0], v[1]), (v[2], v[3])), required=((v[0], v[4]),), forbidden=((v[5], v[6]), (v[6], v[5]))
    )
    graph = PC(orientation=orientation).discover(frame(data), knowledge)
    assert (v[0], v[4]) in graph.directed
    assert frozenset(v[5:7]) not in graph.skeleton
    assert not [(a, b) for a, b in graph.directed if knowledge.forbids(a, b)]


def test_an_unknown_orientation_is_refused():
    with pytest.raises(ConfigError, match=r"orientation is 'major'; allowed: stable, conservative, majority"):
        PC(orientation="major")


def test_a_dense_collider_stays_one_where_every_set_says_so():
    graph = CausalGraph.from_edges("abc", directed=[("a", "c"), ("b", "c")])
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 1000))
    table = {"a": a, "b": b, "c": a + b + rng.normal(size=1000)}
    for orientation in ("conservative", "majority"):
        assert PC(alpha=0.01, orientation=orientation).discover(table).directed == graph.directed
