"""Every graph of four measured nodes: the verdict against the hedge criterion, the formula against brute force."""

from itertools import combinations, product

import pytest

from dorec.domain.errors import NotIdentifiable
from dorec.domain.graph import CausalGraph
from dorec.domain.query import CausalQuery
from dorec.identify import identify, verify

NODES = "abcd"
PAIRS = list(combinations(NODES, 2))
QUERIES = [CausalQuery(x, y) for x, y in PAIRS] + [
    CausalQuery(["a", "b"], "d"),
    CausalQuery(["a", "c"], "d"),
    CausalQuery("a", ["c", "d"]),
    CausalQuery("b", ["c", "d"]),
]
SUBSETS = [frozenset(s) for k in range(1, 5) for s in combinations(NODES, k)]


def reach(start, step, inside):
    seen, queue = set(start), list(start)
    while queue:
        new = (step[queue.pop()] & inside) - seen
        seen |= new
        queue += new
    return seen


def has_hedge(graph, query):
    """Whether two forests rooted in causes of the outcomes, one in the other, are tied by hidden causes
    and differ by a treatment (Shpitser, Pearl 2006, theorem 4)."""
    x, y = frozenset(query.treatments), frozenset(query.outcomes)
    parents = {n: graph.parents(n) for n in NODES}
    spouses = {n: graph.spouses(n) for n in NODES}
    roots_in = graph.without_edges_into(x).ancestors(y)
    tied = [s for s in SUBSETS if reach([min(s)], spouses, s) == s]
    for inner in (s for s in tied if not s & x):
        for roots in (r for r in SUBSETS if r <= inner & roots_in and reach(r, parents, inner) == inner):
            if any(outer & x and inner < outer and reach(roots, parents, outer) == outer for outer in tied):
                return True
    return False


@pytest.mark.truth
def test_every_graph_of_four_nodes():
    n_yes = n_no = 0
    for i, (arrows, arcs) in enumerate(product(product((0, 1), repeat=6), repeat=2)):
        graph = CausalGraph.from_edges(
            NODES,
            directed=[p for p, keep in zip(PAIRS, arrows, strict=True) if keep],
            bidirected=[p for p, keep in zip(PAIRS, arcs, strict=True) if keep],
        )
        for j, query in enumerate(QUERIES):
            try:
                estimand = identify(graph, query)
            except NotIdentifiable:
                assert has_hedge(graph, query), (graph, query)
                n_no += 1
                continue
            assert not has_hedge(graph, query), (graph, query, str(estimand))
            if (i + j) % 7 == 0:
                assert verify(graph, estimand, n_models=1), (graph, str(estimand))
            n_yes += 1
    assert min(n_yes, n_no) > 8_000
    assert n_yes + n_no == 4096 * len(QUERIES)
