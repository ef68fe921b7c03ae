"""Score searches on samples of published networks, whose graphs are known."""

import gzip

import numpy as np
import pytest

from dorec.discover import BOSS, GES, ExactSearch, structural_hamming_distance
from dorec.discover.pattern import as_graph, pattern_of_dag
from dorec.discover.scores import score_of
from dorec.discover.searched import ScoreSearch
from dorec.numeric.equivalence_search import extension, graph_score
from dorec.simulate import DiscreteNetwork


def network(shared, name):
    packed = (shared / "data" / "bnlearn_bif" / f"{name}.bif.gz").read_bytes()
    return DiscreteNetwork.from_bif(gzip.decompress(packed).decode())


def cpdag(graph):
    d = len(graph.nodes)
    place = {node: i for i, node in enumerate(graph.nodes)}
    dag = np.zeros((d, d), dtype=bool)
    for a, b in graph.directed:
        dag[place[a], place[b]] = True
    return as_graph(
        pattern_of_dag(dag, ~np.eye(d, dtype=bool)), graph.nodes, dag * 1.0, np.zeros((d, d), dtype=bool), ""
    )


@pytest.mark.parametrize(
    ("name", "search", "at_most"),
    [
        ("asia", ExactSearch(score="bdeu"), 1),
        ("asia", BOSS(score="discrete_bic"), 1),
        ("sachs", ExactSearch(score="discrete_bic"), 0),
        ("sachs", GES(score="bdeu"), 0),
        ("child", GES(score="discrete_bic"), 0),
        ("child", BOSS(score="bdeu", n_starts=1), 0),
        ("alarm", GES(score="bdeu"), 5),
        ("alarm", GES(score="discrete_bic"), 5),
        ("alarm", BOSS(score="discrete_bic", n_starts=1), 5),
    ],
)
def test_ten_thousand_rows_give_the_class_back(shared, name, search, at_most):
    world = network(shared, name)
    assert structural_hamming_distance(search.discover(world.sample_codes(10_000)), cpdag(world.graph)) <= at_most


@pytest.mark.parametrize("score", ["discrete_bic", "bdeu"])
@pytest.mark.parametrize("n", [200, 2_000])
def test_boss_never_scores_below_ges_and_exact_search_below_neither(shared, score, n):
    columns = network(shared, "sachs").sample_codes(n)
    names, scored = score_of(columns, score, None, 1.0)
    on = ScoreSearch.of(names, scored, None)
    place = {name: i for i, name in enumerate(on.ordered)}

    def value(search):
        arrow = np.zeros((len(names), len(names)), dtype=bool)
        graph = search.search(names, scored)
        for a, b in (*graph.directed, *graph.undirected, *((b, a) for a, b in graph.undirected)):
            arrow[place[a], place[b]] = True
        return graph_score(on.data, extension(arrow)[0])

    ges, boss, exact = value(GES()), value(BOSS(n_starts=1)), value(ExactSearch())
    assert ges - 1e-9 <= boss <= exact + 1e-9
